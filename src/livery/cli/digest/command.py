"""The command: read the logs here, run the skill there, show and keep what it made."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.text import Text

from livery.cli import alerts, exits, look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.run import find_agent
from livery.cli.screen import Screen
from livery.cli.text import line, one_line
from livery.client import LiveryClient

if TYPE_CHECKING:
    from livery.cli.digest.make import Digest
    from livery.client.session_logs.upload import IngestReport

MAX_DAYS = 366
"""The longest period of a digest: the skill's own limit, said before any work."""


def digest(
    ctx: typer.Context,
    *,
    path: Annotated[
        list[Path] | None,
        typer.Option("--path", help="A folder of logs; repeat it. By default this machine's own."),
    ] = None,
    begins: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="The first day: 2026-11-16.")
    ] = None,
    ends: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="The day after the last.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="An IANA name; the workspace's by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder for its files.", file_okay=False)
    ] = None,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="The workspace to count in.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--as", metavar="AGENT", help="The hired agent to run as.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Digest a week of the coding agents on this machine, with proof.

    Example: livery digest --from 2026-11-16
    """
    from livery.cli.digest import ingest, make

    desk = desk_of(ctx)
    period = (_day("--from", begins), _day("--to", ends))
    _check_length(*period)
    if timezone is not None:
        _check_timezone(timezone)
    logs = ingest.logs_of(path or [])
    if not logs and not logs.unread:
        desk.screen.note("No session logs were found; name a folder with --path.", look.WAIT)

    async def work(client: LiveryClient) -> tuple["Digest", "IngestReport"]:
        place = await make.workspace_for(client, ingest.named_folders(path or []), workspace)
        report = await ingest.ingest(client, desk.screen, logs, place)
        made = await make.make_digest(
            client,
            workspace=place,
            agent=await find_agent(client, agent) if agent else None,
            timezone=timezone or await make.timezone_of(client, place),
            period=period,
            title=workspace,
        )
        return made, report

    made, report = desk.ask(work)
    if as_json:
        ok = made.envelope["ok"]
        desk.screen.document(made.document(report.pending) if ok else made.envelope)
    else:
        show_digest(desk.screen, made)
    folder = out or (None if as_json else default_folder(desk.home, made))
    if folder is not None and made.made:
        save(desk.screen, made, folder, private=out is None)
    raise typer.Exit(exit_code(made))


def show_digest(screen: Screen, made: "Digest") -> None:
    """The digest with its mark; a failed run as a panel."""
    from livery.cli.digest.report import report

    if not made.envelope["ok"]:
        screen.err.print(alerts.envelope_panel(made.envelope))
        return
    mark = look.mark(made.badge, "verified" if made.verified else "unverified")
    screen.show(report(made.result, mark, width=screen.out.width))
    for item in made.made:
        screen.show(*(_refuted(item.name, v.name, v.detail) for v in item.report.refuted()))


def save(screen: Screen, made: "Digest", folder: Path, *, private: bool = False) -> None:
    """Write the files (`private`: for this user only) and say where they are, and how to verify them."""
    from livery.cli.digest.files import save_digest

    paths = save_digest(made, folder, private=private)
    screen.note("")
    for path in paths:
        screen.note(path)
    screen.note(f"Verify it offline: livery verify {folder / 'digest.json'}")


def exit_code(made: "Digest") -> int:
    """Done only where the run succeeded and everything it made was verified."""
    if not made.envelope["ok"]:
        return exits.of_envelope(made.envelope)
    return exits.DONE if made.verified else exits.FAILED


def default_folder(home: Path, made: "Digest") -> Path:
    """Where the files of a digest go: one folder for each run."""
    period = (made.envelope["result"] or {}).get("period") or {}
    days = f"{period.get('from')}_{period.get('to')}"
    return home / "digests" / f"{days}_{made.envelope['run_id'][-8:]}"


def _refuted(name: str, check: str, detail: str) -> Text:
    return Text.assemble(look.sign(look.BAD), "  ", line(f"{name}: {check}: {detail}"))


def _day(option: str, value: str | None) -> str | None:
    try:
        return None if value is None else date.fromisoformat(value).isoformat()
    except ValueError as bad:
        raise UsageError(f"{option} {value!r} is no day.", "Write it as 2026-11-16.") from bad


def _check_length(begins: str | None, ends: str | None) -> None:
    if begins is None or ends is None:
        return
    days = (date.fromisoformat(ends) - date.fromisoformat(begins)).days
    if not 1 <= days <= MAX_DAYS:
        raise UsageError(
            f"The days from {begins} to {ends} are {days}; a digest has 1 to {MAX_DAYS}.",
            "--to is the day after the last.",
        )


def _check_timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as bad:
        raise UsageError(
            f"There is no timezone {one_line(name)[:64]!r}.", "Write it as Europe/Berlin."
        ) from bad


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("digest")(digest)
