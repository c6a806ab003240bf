"""`livery sandbox`: the image that plugins run in, and the proof that it holds them.

The container's side is imported where it is used: every command of the terminal imports this.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from livery.cli import exits, look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.screen import Screen
from livery.cli.text import text
from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError

if TYPE_CHECKING:
    from livery.execution.container.image.record import Built
    from livery.execution.container.proofs import Proved


def build(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Option("--from", help="host, debootstrap, auto, or an image that the engine has."),
    ] = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Make the image that plugins run in, from this machine; no registry is asked.

    Example: livery sandbox build --from host
    """
    from livery.execution.container.engine import Engine
    from livery.execution.container.image.build import build as build_image

    screen = desk_of(ctx).screen
    settings = Settings.read()
    engine = Engine.connect(os.environ)
    try:
        if not as_json:
            screen.note(f"Making the image ({source}); debootstrap takes a minute …")
        built = build_image(engine, settings.home, source)
    finally:
        engine.close()
    if as_json:
        screen.document(asdict(built))
    else:
        screen.show(text(f"Plugins run in {built.tag}, {built.image}."))
        screen.note("Prove that it holds them: livery sandbox test")


def try_limits(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Try every limit of the sandbox from inside, and say what came of it.

    Example: livery sandbox test
    """
    screen = desk_of(ctx).screen
    image = _image(Settings.read())
    proved = asyncio.run(_prove(image, screen, quiet=as_json))
    ok = all(item.ok for item in proved)
    if as_json:
        screen.document(
            {"ok": ok, "image": image.image, "proofs": [asdict(item) for item in proved]}
        )
    else:
        screen.show(_table(proved))
        held = sum(item.ok for item in proved)
        screen.show(text(f"{held} of {len(proved)} hold, in {image.image[:19]}…."))
    raise typer.Exit(exits.DONE if ok else exits.FAILED)


def commands() -> typer.Typer:
    """The group."""
    app = typer.Typer(
        help="The sandbox of plugins: its image, and the proof of its limits.", no_args_is_help=True
    )
    app.command("build")(build)
    app.command("test")(try_limits)
    return app


def _image(settings: Settings) -> Built:
    from livery.execution.container.image.record import Built, recorded
    from livery.execution.container.settings import rules_of

    named = rules_of(os.environ).image
    if named is not None:
        return Built(named, named, "image")
    image = recorded(settings.home)
    if image is None:
        raise LiveryError(
            "plugin_container_unavailable",
            "There is no image for plugins yet.",
            remedy="livery sandbox build",
        )
    return image


async def _prove(image: Built, screen: Screen, *, quiet: bool) -> list[Proved]:
    from rich.progress import Progress

    from livery.execution.container.proofs import PROOFS, prove
    from livery.execution.container.settings import rules_of

    done: list[Proved] = []
    with Progress(console=screen.err, transient=True, disable=quiet) as progress:
        task = progress.add_task("Trying", total=len(PROOFS) + 1)
        async for item in prove(image, rules_of(os.environ), os.environ):
            done.append(item)
            progress.update(task, advance=1, description=item.limit)
    return done


def _table(proved: list[Proved]) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in ("", "limit", "attempt", "outcome"):
        table.add_column(head, overflow="fold")
    for item in proved:
        sign = look.sign(look.GOOD if item.ok else look.BAD)
        table.add_row(sign, text(item.limit), text(item.attempt), text(item.outcome))
    return table
