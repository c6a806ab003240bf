"""Semantic views for skills: opened from the skill's thread, read through the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from livery.execution.context import Views
from livery.execution.data.source import open_views
from livery.services.sessions.ports import SegmentSource

_OPEN_S = 120


class _NoSegments:
    """A workspace without data, for fixtures."""

    async def segments(self, workspace_id: UUID) -> list[Any]:  # noqa: ARG002
        return []

    async def contents(self, workspace_id: UUID, hashes: Any) -> dict[str, bytes]:  # noqa: ARG002
        return {}


def view_opener(source: SegmentSource, cache: Path) -> Callable[[UUID], Callable[[], Views]]:
    """For a workspace, what opens its views; call that from a thread, never from the loop."""
    loop = asyncio.get_running_loop()

    def of(workspace_id: UUID) -> Callable[[], Views]:
        def open_now() -> Views:
            opening = open_views(source, workspace_id, cache)
            return asyncio.run_coroutine_threadsafe(opening, loop).result(_OPEN_S)

        return open_now

    return of


def empty_opener(cache: Path) -> Callable[[], Views]:
    """What opens views over no data."""
    return view_opener(_NoSegments(), cache)(UUID(int=0))
