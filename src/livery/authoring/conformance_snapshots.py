"""Envelopes as files: a change of what a caller sees is a change of a file, made on purpose."""

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from livery.authoring.outcome import VOLATILE, stable
from livery.manifest.envelope import Envelope

WRITE: Final = "LIVERY_WRITE_SNAPSHOTS"
"""Set this variable to write the files instead of comparing them."""


def compare_snapshot(
    file: Path, envelopes: Mapping[str, Envelope], volatile: tuple[str, ...] = VOLATILE
) -> None:
    """The envelopes are those of the file; written where LIVERY_WRITE_SNAPSHOTS is set.

    Raises:
        AssertionError: they are not, or there is no file; the difference is shown.
    """
    found: dict[str, Any] = {
        name: json.loads(stable(envelope, volatile)) for name, envelope in envelopes.items()
    }
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get(WRITE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    if kept != text:
        lines = difflib.unified_diff(
            kept.splitlines(), text.splitlines(), "recorded", "found", lineterm="", n=2
        )
        raise AssertionError(
            f"{file} does not hold these envelopes. If the change is meant: {WRITE}=1, and review"
            " it.\n" + "\n".join(lines)
        )
