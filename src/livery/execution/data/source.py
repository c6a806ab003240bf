"""From kept segments to views: fetch what is new, build the window, open it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from livery.execution.data.definitions import definitions
from livery.execution.data.errors import WindowUnreadable
from livery.execution.data.views import DataViews
from livery.execution.data.window import WindowSegment, build_window, window_hash
from livery.private import private_folder
from livery.services.sessions.ports import SegmentSource

FETCHED_AT_ONCE = 16


async def open_views(source: SegmentSource, workspace_id: UUID, cache: Path) -> DataViews:
    """Return the views over all facts that a workspace has now; close them after the run.

    `cache` (LIVERY_HOME/cache/data) keeps segments by hash and the last windows; it may be deleted
    at any time between runs. Raises WindowUnreadable.
    """
    known = definitions()
    folder = cache / "segments"
    await asyncio.to_thread(private_folder, cache)
    await asyncio.to_thread(private_folder, folder)
    stored = await source.segments(workspace_id)
    segments = [
        WindowSegment(s.seq, s.entity, s.sha256, folder / f"{s.sha256}.parquet") for s in stored
    ]
    missing = [s.sha256 for s in segments if not s.path.exists()]
    for start in range(0, len(missing), FETCHED_AT_ONCE):
        some = missing[start : start + FETCHED_AT_ONCE]
        contents = await source.contents(workspace_id, some)
        await asyncio.to_thread(_keep, contents, some, folder)
    database = await asyncio.to_thread(build_window, segments, known, cache)
    return DataViews(database, window_hash(segments), known)


def _keep(contents: Mapping[str, bytes], wanted: list[str], folder: Path) -> None:
    for sha256 in wanted:
        data = contents.get(sha256)
        if data is None or hashlib.sha256(data).hexdigest() != sha256:
            raise WindowUnreadable(message=f"The segment {sha256} is missing or changed.")
        handle, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(folder / f"{sha256}.parquet")
