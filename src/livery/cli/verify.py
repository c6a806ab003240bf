"""`livery verify`: check a proof offline, without a server and without trusting one."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from livery.cli import exits, look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.screen import Screen
from livery.cli.text import line
from livery.client.verdicts import Report

_UNCHECKED = {"journal": "Lines with ! are signed by nobody, and were let pass."}
_COLOURS = {True: look.GOOD, False: look.BAD, None: look.WAIT}


def verify(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help="An artifact, its provenance, a certificate, a checkpoint, a journal."),
    ],
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", help="A public key to trust; by default this platform's own."),
    ] = None,
    artifact: Annotated[
        Path | None, typer.Option("--artifact", help="The file, where it lies elsewhere.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="A checkpoint kept elsewhere: the journal must hold it."),
    ] = None,
    allow_unsigned: Annotated[
        bool,
        typer.Option("--allow-unsigned", help="Only warn of entries after the last signed head."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Verify a proof offline: signatures, digests, dates, chains.

    Example: livery verify digest.md --key platform.pub.pem
    """
    from livery.cli.proofs import load_keys, retired_keys, verify_file

    desk = desk_of(ctx)
    keys, retired = load_keys(key or [], desk.home), retired_keys(key or [], desk.home)
    report = verify_file(file, keys, artifact, retired, checkpoint, allow_unsigned=allow_unsigned)
    if as_json:
        desk.screen.document(report.to_dict())
    else:
        show_report(desk.screen, report)
    raise typer.Exit(exits.DONE if report.ok else exits.FAILED)


def show_report(screen: Screen, report: Report) -> None:
    """Every check with its sign and reason, then the mark."""
    grid = look.facts([])
    grid.columns[0].style = ""
    for verdict in report.verdicts:
        sign = look.sign(_COLOURS[verdict.ok])
        name = line(verdict.name, "bold" if verdict.ok is False else "")
        grid.add_row(Text.assemble(sign, "  ", name), line(verdict.detail, look.SOFT))
    state = "verified" if report.ok else "unverified"
    screen.show(grid, Text(), look.mark(report.about or report.kind, state))
    if report.unsigned:
        screen.show(
            line(f"Signed by nobody, so not verified: {'; '.join(report.unsigned)}.", look.SOFT)
        )
    if report.ok and any(v.ok is None for v in report.verdicts):
        screen.note(_UNCHECKED.get(report.kind, "Lines with ! were not checked."), look.WAIT)


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("verify")(verify)
