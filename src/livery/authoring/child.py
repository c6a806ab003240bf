"""The child process that runs code under development: `python -m livery.authoring.child`.

    child check FOLDER…            one JSON line for each folder: the report
    child derive FOLDER [ENTRY]    one JSON line: the derived contract, or the error

The first line is ``{}``: ready. What the code prints goes to stderr, so that it cannot speak for
the check.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from livery.authoring.contracts import FolderReport, check_folder, derive, place_of


def main(arguments: list[str]) -> int:
    """Do what is asked; see the module."""
    speak = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.dont_write_bytecode = True
    mode, *rest = arguments

    def say(document: dict[str, Any]) -> None:
        speak.write(json.dumps(document) + "\n")
        speak.flush()

    say({})
    if mode == "derive":
        say(_derived(Path(rest[0]), rest[1] if len(rest) > 1 else None))
    else:
        for folder in rest:
            report = check_folder(Path(folder))
            say({**report.to_dict(), "derived": report.derived})
    speak.flush()
    # Threads that the code left behind are no reason to stay.
    os._exit(0)


def _derived(folder: Path, entry: str | None) -> dict[str, Any]:
    report = FolderReport(str(folder), folder.resolve().name)
    try:
        report.derived = derive(folder, entry)
        report.add("code", True, report.about)
    except (Exception, SystemExit) as broken:  # a skill's code may raise anything
        report.add("code", False, f"{type(broken).__name__}: {broken}", place_of(broken, folder))
    return {**report.to_dict(), "derived": report.derived}


if __name__ == "__main__":
    main(sys.argv[1:])
