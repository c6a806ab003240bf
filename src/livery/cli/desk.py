"""What every command works with: the platform, the screen, the home folder."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from livery.cli.screen import Screen
from livery.client import LiveryClient

T = TypeVar("T")
OpenClient = Callable[..., AbstractAsyncContextManager[LiveryClient]]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def home() -> Path:
    """LIVERY_HOME, by default `~/.livery`."""
    return Path(os.environ.get("LIVERY_HOME") or "~/.livery").expanduser()


@dataclass(slots=True)
class Desk:
    """One invocation of the terminal door.

    `open_client` yields a client of a running platform, or of one embedded for this command.
    """

    open_client: OpenClient
    screen: Screen = field(default_factory=Screen)
    home: Path = field(default_factory=home)

    def ask(self, work: Callable[[LiveryClient], Awaitable[T]]) -> T:
        """Do `work` with a client of the platform."""

        async def asked() -> T:
            async with self.open_client() as client:
                return await work(client)

        return asyncio.run(asked())


def desk_of(ctx: typer.Context) -> Desk:
    """The desk of this invocation."""
    desk = ctx.find_object(Desk)
    if desk is None:
        raise RuntimeError("The command was not mounted with build_cli.")
    return desk
