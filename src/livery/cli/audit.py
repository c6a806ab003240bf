"""`livery audit`: read, export and check the journal."""

import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any

import typer
from rich.text import Text

from livery.cli import exits, look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.text import line, moment, number, short
from livery.cli.verify import show_report
from livery.client import LiveryClient
from livery.client.documents import AuditEntry, AuditVerified
from livery.client.verdicts import Report


def tail(
    ctx: typer.Context,
    *,
    kind: Annotated[str | None, typer.Option(help="For example: run.denied.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Entries of one run.")] = None,
    correlation_id: Annotated[
        str | None, typer.Option("--correlation", help="Entries of one correlation id.")
    ] = None,
    after: Annotated[str | None, typer.Option(help="A cursor of an earlier answer.")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="At most so many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show the newest journal entries, the newest last.

    Example: livery audit tail --kind run.denied
    """
    desk = desk_of(ctx)
    entries = desk.ask(
        lambda client: client.audit(
            after=after, kind=kind, run_id=run_id, correlation_id=correlation_id, limit=limit
        )
    )
    if as_json:
        desk.screen.document({"items": entries})
        return
    if not entries:
        desk.screen.note("No entries.")
        return
    columns = ["When (UTC)", "Seq", "Kind", "Code", "Subject", "Correlation"]
    table = look.listing(columns, right=["Seq"], keep=["Kind"])
    for entry in reversed(entries):  # the newest last, as `tail` does
        table.add_row(*_row(entry))
    desk.screen.show(table)


def export(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A file; without it, stdout.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the whole journal as NDJSON; check it with livery verify.

    Example: livery audit export --out journal.ndjson
    """
    desk = desk_of(ctx)
    if as_json and out is None:
        raise exits.UsageError("--json needs --out here.", "NDJSON is not one JSON document.")

    async def work(client: LiveryClient) -> int:
        size = 0
        with out.open("wb") if out else nullcontext(sys.stdout.buffer) as sink:
            async for chunk in client.audit_export():
                size += sink.write(chunk)
            sink.flush()
        return size

    size = desk.ask(work)
    if as_json:
        desk.screen.document({"path": str(out), "bytes": size})
    elif out:
        desk.screen.note(f"{number(size)} bytes in {out}. Check it: livery verify {out}")


def verify(
    ctx: typer.Context,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="One kept elsewhere: this machine compares an export."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", help="A public key to trust; by default this platform's own."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Let the platform recompute its hash chains; hold them against kept checkpoints.

    Example: livery audit verify --checkpoint last-month.json
    """
    from livery.cli.proofs import load_checkpoint, load_keys

    desk = desk_of(ctx)
    kept = {path.name: load_checkpoint(path) for path in checkpoints or []}
    keys = load_keys(key or [], desk.home) if kept else {}
    report: Report | None = None

    async def work(client: LiveryClient) -> AuditVerified:
        nonlocal report
        if kept:
            report = await _compared(client, keys, kept)
        return await client.audit_verify()

    found = desk.ask(work)
    good = found["ok"] and (report is None or report.ok)
    if as_json:
        compared = {"compared": report.to_dict()} if report else {}
        desk.screen.document({**found, "ok": good, **compared})
    else:
        table = look.listing(["", "Chain", "Entries", "Head", "Detail"], right=["Entries"])
        for chain in found["chains"]:
            table.add_row(
                look.sign(look.GOOD if chain["ok"] else look.BAD),
                line(chain["chain_id"]),
                Text(number(chain["entries"])),
                line(short(chain["head"]), look.SOFT),
                line(chain.get("detail") or ""),
            )
        desk.screen.show(table)
        if report is not None:
            show_report(desk.screen, report)
        verdict = "Nothing was removed or changed." if good else "The journal was changed."
        desk.screen.show(Text(verdict, style=f"bold {look.GOOD if good else look.BAD}"))
    raise typer.Exit(exits.DONE if good else exits.FAILED)


async def _compared(
    client: LiveryClient, keys: dict[str, bytes], kept: dict[str, dict[str, Any]]
) -> Report:
    """An export, verified on this machine against checkpoints that were kept, whatever the platform thinks."""
    from livery.client.journal import verify_journal

    with TemporaryFile() as file:
        async for chunk in client.audit_export():
            file.write(chunk)
        file.seek(0)
        return verify_journal(file, keys, checkpoints=kept)


def checkpoint(ctx: typer.Context) -> None:
    """Print a signed checkpoint over all chains (JSON): keep it elsewhere, for audit verify.

    Example: livery audit checkpoint > checkpoint.json
    """
    desk = desk_of(ctx)
    desk.screen.document(desk.ask(lambda client: client.audit_checkpoint()))


def _row(entry: AuditEntry) -> tuple[Text, ...]:
    denied = "denied" in str(entry["kind"])
    row = f"bold {look.BAD}" if denied else ""
    return (
        Text(moment(entry["at"]), style=row or look.SOFT),
        Text(number(entry["seq"]), style=row),
        line(entry["kind"], row),
        line(entry.get("code") or "–", row),
        line(entry.get("subject_id") or "–", row or look.SOFT),
        line(entry.get("correlation_id") or "–", row or look.SOFT),
    )


def commands() -> typer.Typer:
    """The group `livery audit`."""
    app = typer.Typer(help="The journal: what happened, in order.", no_args_is_help=True)
    app.command("tail")(tail)
    app.command("export")(export)
    app.command("verify")(verify)
    app.command("checkpoint")(checkpoint)
    return app
