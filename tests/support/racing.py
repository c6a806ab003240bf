"""Several processes that do one thing at the same moment, each begun afresh.

Spawned, not forked: a fork takes along the locks that other threads hold, a tracer's among them. What a child runs
stands here because a spawned interpreter has to find it by its module's name.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

PATIENCE_S = 240
_start: Any = None


def race(load: Callable[[Path], Any], folder: Path, racers: int = 4) -> list[Any]:
    """Return what `load(folder)` gave to each of some processes that were let go together."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        racers, context, initializer=_keep, initargs=(context.Barrier(racers),)
    ) as pool:
        # Each waits for all: none can take the turn of two.
        asked = [pool.submit(_run, load, folder) for _ in range(racers)]
        return [future.result(PATIENCE_S) for future in asked]


def _keep(barrier: Any) -> None:
    global _start  # noqa: PLW0603 - a barrier can be handed to a child only at its start
    _start = barrier


def _run(load: Callable[[Path], Any], folder: Path) -> Any:
    _start.wait(PATIENCE_S)
    return load(folder)


def vault_keys(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """Load or make the vault's keys and its callers' tokens."""
    from livery.vault.keys import KeyFile
    from livery.vault.tokens import Callers, read_token
    from livery.vault.types import Grant

    keys = KeyFile(folder).load_or_create()
    Callers.load_or_create(folder)
    return dict(keys), [read_token(folder, grant).reveal() for grant in Grant]


def signing_key(folder: Path) -> str:
    """Load or make a signing key; its identifier."""
    from livery.integrations.signing import Signer

    return Signer.load_or_create(folder).keyid
