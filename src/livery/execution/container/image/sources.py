"""What an image is made of: Debian by debootstrap, or the interpreter of this machine with its libraries."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from livery.execution.container.image.archive import Layer, leaves_out
from livery.manifest.errors import LiveryError

_DEBOOTSTRAP_S: Final = 900
_LDD_S: Final = 20
# Not needed by a plugin, or different on every day.
_DEBIAN_OUT: Final = (
    "proc", "sys", "dev", "run", "tmp", "boot", "home", "root", "media", "mnt", "opt", "srv", "debootstrap",
    "var/cache", "var/log", "var/lib/apt", "var/lib/dpkg", "var/lib/systemd", "var/backups", "var/tmp",
    "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/i18n", "usr/share/lintian",
    "usr/share/common-licenses", "usr/share/bash-completion",
    "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/machine-id", "etc/mtab", "etc/apt", "etc/shadow",
    "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/passwd", "etc/passwd-", "etc/group", "etc/group-",
    "etc/ld.so.cache",
)  # fmt: skip
_STDLIB_OUT: Final = (
    "site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip",
    "lib2to3", "distutils", "__phello__", "pydoc_data", "unittest/test", "tests",
)  # fmt: skip
_CUT: Final = (".pyc", ".pyo", ".a", "__pycache__")
_LIBRARY: Final = re.compile(r"(?:=>\s*)?(/\S+)\s+\(0x[0-9a-f]+\)")


class CannotBuild(LiveryError):
    """This machine lacks what this way of building needs."""

    code = "configuration_error"


def debian(layer: Layer, scratch: Path) -> None:
    """Debian's minbase with python3, from the mirror that this machine's apt uses. Needs root and debootstrap."""
    program = shutil.which("debootstrap") or shutil.which("debootstrap", path="/usr/sbin:/sbin")
    if program is None or os.geteuid() != 0:
        raise CannotBuild(
            message="debootstrap is not installed."
            if program is None
            else "debootstrap needs root.",
            remedy="Install it, run this as root, or take --from host.",
        )
    suite, mirror = apt_source(Path("/etc"))
    root = scratch / "root"
    done = subprocess.run(
        [program, "--variant=minbase", "--include=python3", suite, str(root), mirror],
        capture_output=True,
        text=True,
        timeout=_DEBOOTSTRAP_S,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise CannotBuild(
            message=f"debootstrap failed: {' '.join(said)[:300]}",
            remedy="Look at the machine's apt sources, or take --from host.",
        )
    layer.tree(root, wanted=leaves_out(_DEBIAN_OUT, _CUT))


def apt_source(etc: Path) -> tuple[str, str]:
    """(suite, mirror) of this machine's release, as its apt sources name them. Raises CannotBuild."""
    suite = ""
    release = etc / "os-release"
    if release.is_file():
        found = re.search(r'^VERSION_CODENAME="?([\w-]+)"?$', release.read_text(), re.MULTILINE)
        suite = found.group(1) if found else ""
    files = [etc / "apt/sources.list", *sorted((etc / "apt/sources.list.d").glob("*"))]
    for file in files:
        if file.is_file() and suite:
            for mirror, suites, components in _entries(file.read_text(errors="replace")):
                if suite in suites and "main" in components:
                    return suite, mirror
    raise CannotBuild(
        message="No apt source of this machine serves its own release.", remedy="Take --from host."
    )


def _entries(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """(mirror, suites, components) of a sources file, in either of its two forms."""
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)", line.strip())
        if found:
            yield found.group(1), [found.group(2)], found.group(3).split()
    for block in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", block, re.MULTILINE))
        if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes") != "no":
            for mirror in fields.get("URIs", "").split():
                yield mirror, fields.get("Suites", "").split(), fields.get("Components", "").split()


def host(layer: Layer, _scratch: Path) -> None:
    """The interpreter that runs this, its standard library, and the shared libraries that they load."""
    if not sys.platform.startswith("linux"):
        raise CannotBuild(
            message="The interpreter of this machine is none for Linux.",
            remedy="Name an image that the engine has: livery sandbox build --from python:3.12-slim",
        )
    binary = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    stdlib = Path(sysconfig.get_path("stdlib"))
    layer.folder("opt/python/bin")
    layer.file(f"opt/python/bin/{version}", binary.read_bytes(), 0o755)
    layer.link("opt/python/bin/python3", version)
    layer.tree(stdlib, f"opt/python/lib/{version}", leaves_out(_STDLIB_OUT, _CUT))
    modules = sorted(stdlib.glob("lib-dynload/*.so"))
    for library in libraries([binary, *modules]):
        layer.file(str(library), library.read_bytes(), 0o755)
    loader = Path("/etc/ld.so.conf")
    if loader.is_file():
        layer.file("etc/ld.so.conf", loader.read_bytes())


def libraries(programs: list[Path]) -> list[Path]:
    """What `ldd` names for them: absolute paths, each once, the loader among them. Raises CannotBuild."""
    ldd = shutil.which("ldd")
    if ldd is None:
        raise CannotBuild(message="There is no ldd here, so no libraries can be found.")
    found: set[Path] = set()
    for program in programs:
        said = subprocess.run(
            [ldd, str(program)], capture_output=True, text=True, timeout=_LDD_S, check=False
        )
        found |= {Path(match) for match in _LIBRARY.findall(said.stdout)}
    return sorted(found)
