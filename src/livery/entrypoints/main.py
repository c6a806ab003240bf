"""`livery`: the terminal door with the process commands.

Nothing is imported before `main` runs: what takes long to import must not meet a Ctrl-C unprepared.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """The console script."""
    with _leaving_at_once():
        from livery.cli.app import build_cli
        from livery.entrypoints import bench, demo, keys, processes, sandbox, tokens, updown
        from livery.entrypoints.local import open_client

        app = build_cli(open_client)
        app.command()(demo.demo)
        app.command()(updown.up)
        app.command()(updown.down)
        app.command()(updown.status)
        app.command()(bench.bench)
        for command in (processes.api, processes.portal, processes.worker, processes.vault):
            app.command()(command)
        app.add_typer(tokens.commands(), name="token")
        app.add_typer(sandbox.commands(), name="sandbox")
        app.add_typer(keys.commands(), name="keys")
    app(prog_name="livery")


@contextmanager
def _leaving_at_once() -> Iterator[None]:
    """A Ctrl-C in here ends the process in one line; a library that is half imported would say odd things."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os.write(2, b"\nInterrupted.\n")
    os._exit(INTERRUPTED)
