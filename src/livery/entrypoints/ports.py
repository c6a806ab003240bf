"""What a port on the command line may be."""

from __future__ import annotations

from livery.cli.exits import UsageError
from livery.entrypoints.settings import LAST_API_PORT, LAST_PORT


def api_port(port: int | None) -> int | None:
    """`port`, which leaves the next one to the portal. Raises UsageError."""
    if port is not None and not 1 <= port <= LAST_API_PORT:
        raise UsageError(
            f"There is no port {port} for the API: its ports are 1 to {LAST_API_PORT}.",
            "Name another with --port; the portal takes the next.",
        )
    return port


def any_port(port: int | None) -> int | None:
    """`port`, of a process that needs one only. Raises UsageError."""
    if port is not None and not 1 <= port <= LAST_PORT:
        raise UsageError(
            f"There is no port {port}: ports are 1 to {LAST_PORT}.", "Name another with --port."
        )
    return port
