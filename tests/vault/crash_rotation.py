"""Rotate the key-encryption key and kill this very process at a named point (run as a script)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livery.vault import postgres
from livery.vault.keys import KeyFile
from livery.vault.store import Store

POINTS = {
    "before the new key is known to the database": (Store, "register", 1, "before"),
    "before any row": (postgres.PostgresBackend, "_rewrap_batch", 1, "before"),
    "between two batches": (postgres.PostgresBackend, "_rewrap_batch", 1, "after"),
    "inside a batch": (postgres, "rewrap", 7, "before"),
    "before the old key is retired": (Store, "retire", 1, "before"),
    "before the old key is erased": (Store, "retire", 1, "after"),
    "after all": (KeyFile, "retire_below", 1, "after"),
}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(owner: Any, name: str, count: int, when: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def due() -> bool:
        nonlocal calls
        calls += 1
        return calls == count

    def plain(*args: Any, **kwargs: Any) -> Any:
        now = due()
        if now and when == "before":
            _die()
        result = original(*args, **kwargs)
        if now:
            _die()
        return result

    async def waiting(*args: Any, **kwargs: Any) -> Any:
        now = due()
        if now and when == "before":
            _die()
        result = await original(*args, **kwargs)
        if now:
            _die()
        return result

    setattr(owner, name, waiting if asyncio.iscoroutinefunction(original) else plain)


async def main(dsn: str, keys_dir: Path, point: str) -> None:
    async with postgres.PostgresBackend.open(dsn, keys_dir) as backend:
        postgres._BATCH = 5
        _arm(*POINTS[point])
        await backend.rotate_kek()


if __name__ == "__main__":
    asyncio.run(main(os.environ["VAULT_DSN"], Path(sys.argv[1]), sys.argv[2]))
