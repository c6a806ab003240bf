"""A client of this home's platform: of the running server, or of one embedded for one command."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from livery.client import LiveryClient
from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError


def server_info(settings: Settings) -> dict[str, Any] | None:
    """What `livery up` wrote of the running server, None where there is none (or it died)."""
    settings.refuse_file()
    path = settings.run_dir / "server.json"
    try:
        info: dict[str, Any] = json.loads(path.read_text())
        os.kill(int(info["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return info if process_start(int(info["pid"])) == info.get("pid_started") else None


def process_start(pid: int) -> str | None:
    """The start time of a process as /proc tells it; None where there is no /proc.

    A zombie has none: it was killed, and its parent has not looked yet.
    """
    # It tells a reused process id from the process that wrote the file.
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    return None


@asynccontextmanager
async def open_client() -> AsyncIterator[LiveryClient]:
    """LIVERY_URL and LIVERY_TOKEN, else this home's running server, else an embedded platform for one command."""
    settings = Settings.read()
    url, token = os.environ.get("LIVERY_URL"), os.environ.get("LIVERY_TOKEN")
    info = server_info(settings)
    if url is None and info is not None:
        url = str(info["url"])
    if url is not None:
        async with LiveryClient(url, token or kept_token(settings)) as client:
            yield client
        return
    # The whole platform is imported only where none runs.
    from livery.entrypoints.embedded import embedded_client

    async with embedded_client(settings, token) as client:
        yield client


def kept_token(settings: Settings) -> str:
    """The operator's token of this home. Raises `LiveryError` (`unauthenticated`) where there is none."""
    path = settings.run_dir / "operator.token"
    try:
        return path.read_text().strip()
    except OSError:
        raise LiveryError(
            "unauthenticated",
            f"There is no token at {path}.",
            remedy="Set LIVERY_TOKEN, or start the platform of this home: livery up --detach",
        ) from None
