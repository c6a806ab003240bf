"""The child process that runs code under development: `python -m livery.authoring.child`.

    child check FOLDER…            one JSON line for each folder: the report
    child derive FOLDER [ENTRY]    one JSON line: the derived contract, or the error

The first line is ``{}``: ready. What the code prints goes to stderr, so that it cannot speak for
the check. It ends with whoever started it, whose end of stdin closes then, however that came.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from livery.authoring.contracts import FolderReport, check_folder, derive, place_of


def main(arguments: list[str]) -> int:
    """Do what is asked; see the module."""
    speak = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_end_with, args=(os.dup(0),), daemon=True).start()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
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


def _end_with(parent: int) -> None:
    """End this process and all that it started once nobody holds the other end of `parent` any more."""
    while os.read(parent, 1):
        pass
    os.killpg(0, signal.SIGKILL)


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
