"""What the last load refused: kept in LIVERY_HOME, and shown below the list of skills."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livery.cli.package_tree import shown
from livery.private import private_folder, write_private

MAX_KEPT = 200


def keep(home: Path, path: Path, rejected: list[dict[str, Any]]) -> None:
    """Remember it; a home that cannot be written is left alone."""
    document = {
        "path": shown(path),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "count": len(rejected),
        "rejected": rejected[:MAX_KEPT],
    }
    file = home / "cache" / "last-load.json"
    with suppress(OSError):
        private_folder(file.parent)
        draft = file.with_name(f".last-load.{os.getpid()}")
        write_private(draft, json.dumps(document).encode())
        draft.replace(file)


def last(home: Path) -> dict[str, Any] | None:
    """What was kept, None where nothing readable is."""
    try:
        found = json.loads((home / "cache" / "last-load.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("rejected"), list) else None
