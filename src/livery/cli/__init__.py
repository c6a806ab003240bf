"""The terminal door: `build_cli(open_client)` is all of it."""

from livery.cli.app import build_cli
from livery.cli.desk import Desk, OpenClient, desk_of
from livery.cli.screen import Screen

__all__ = ["Desk", "OpenClient", "Screen", "build_cli", "desk_of"]
