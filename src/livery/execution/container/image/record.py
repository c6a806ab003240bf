"""Which image plugins run in by default: `LIVERY_HOME/sandbox.json`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from livery.manifest.errors import LiveryError
from livery.private import private_folder

FILE: Final = "sandbox.json"


@dataclass(frozen=True, slots=True)
class Built:
    """The default image: its id pins it, the tag is for people."""

    image: str
    tag: str
    source: str


def record(home: Path, built: Built) -> None:
    """Write `LIVERY_HOME/sandbox.json`."""
    private_folder(home)
    scratch = home / f".{FILE}.{os.getpid()}"
    scratch.write_text(json.dumps(asdict(built), indent=2) + "\n", encoding="utf-8")
    scratch.chmod(0o600)
    scratch.replace(home / FILE)


def recorded(home: Path) -> Built | None:
    """The image that was recorded; None where there is none. Raises LiveryError where it cannot be read."""
    path = home / FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        built = Built(str(found["image"]), str(found["tag"]), str(found["source"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise LiveryError(
            "configuration_error", f"{path} cannot be read.", remedy="livery sandbox build"
        ) from None
    return built
