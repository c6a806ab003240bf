"""Who owns a container, and what dead owners left behind."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

from livery.execution.container.engine import Engine
from livery.execution.container.prepared import Place

_PROC: Final = Path("/proc")


def place_of(home: Path) -> Place:
    """The place of this process in a LIVERY_HOME."""
    owner = owner_of(os.getpid())
    return Place(home / "run" / "sandbox" / owner, home_label(home), owner)


def home_label(home: Path) -> str:
    """A LIVERY_HOME as a label: its path is nobody's business."""
    return hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:32]


def owner_of(pid: int) -> str:
    """A process for as long as it lives: boot, process namespace, id and start time; a reused id is another owner."""
    return f"{_where()}-{pid}-{_started(pid)}"


def alive(owner: str) -> bool:
    """Whether the owner may still be there. Of another process namespace nothing is known, so it may."""
    where, _, rest = owner.partition("-")
    pid, _, started = rest.partition("-")
    boot, _, space = where.partition(".")
    here_boot, _, here_space = _where().partition(".")
    if not pid.isdigit() or boot != here_boot:
        return False
    if space != here_space:
        return True
    return bool(started) and _started(int(pid)) == started


def sweep(engine: Engine, place: Place) -> int:
    """Remove the containers and folders of dead owners of this home; how many containers. Raises EngineUnavailable."""
    dead = [item for item, owner in engine.labelled(place.home) if not alive(owner)]
    for item in dead:
        engine.remove(item)
    for folder in place.folder.parent.glob("*"):
        if not alive(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    return len(dead)


def _where() -> str:
    boot = _read(_PROC / "sys/kernel/random/boot_id").replace("-", "")[:12]
    try:
        space = (_PROC / "self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        space = "0"
    return f"{boot}.{space}"


def _started(pid: int) -> str:
    """Start time in ticks since boot; "" where there is no such process, or it is a zombie."""
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if not fields:
        if _PROC.is_dir():
            return ""
        try:  # no /proc: a system that tells less
            os.kill(pid, 0)
        except OSError:
            return ""
        return "0"
    return "" if fields[0] in ("Z", "X") else fields[19]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
