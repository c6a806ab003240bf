"""Files that no tool runs: what a package may hold whose author is not trusted with code. All else is refused.

A list of what is a program is never complete; this one names what is none, and looks whether it is what it says.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from livery.manifest.package import CONTRACT_YAML, SKILL_MD, PackageFile
from livery.manifest.testfiles import is_test_file

TEXTS: Final = ("csv", "json", "jsonl", "md", "tsv", "txt", "yaml", "yml")
IMAGES: Final = ("gif", "jpeg", "jpg", "png", "webp")
ALLOWED: Final = (
    f"{SKILL_MD}, {CONTRACT_YAML}, tests/*.yaml, evals/evals.json, and in references/ and assets/"
    f" texts ({' '.join(TEXTS)}) and images ({' '.join(IMAGES)})"
)
_TOP: Final = frozenset({SKILL_MD, CONTRACT_YAML, "evals/evals.json"})
_FOLDERS: Final = ("references", "assets")
# Texts by their suffix that tools look for by their name, and run what they say.
_RUN_BY_NAME: Final = re.compile(
    r"(?:cmakelists|requirements)\.txt|(?:package|composer|deno|bower|nx|turbo)\.json"
    r"|(?:(?:docker-|podman-)?compose(?:\.[^/]*)?|taskfile|lefthook|pubspec)\.ya?ml"
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_SHEBANG: Final = re.compile(r"[\s\x00-\x20\x7f-\x9f\u200b-\u200f\u2060\ufeff]*#!")
_STEPS, _STEP = 1_000, 32
"""Parts that an image may have, and one more for so many bytes: an image of millions costs seconds."""
_TAIL: Final = 0x10000 + 64
"""Where a reader of zips looks for the end of one: its comment has 64 KiB at most."""
_PROGRAMS: Final = (
    (b"PK\x05\x06", "a zip"),
    (b"PK\x06\x06", "a zip"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\xce\xfa\xed\xfe", "a program"),
    (b"\xfe\xed\xfa\xcf", "a program"),
    (b"\xfe\xed\xfa\xce", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
)


def why_not_plain(file: PackageFile) -> str | None:
    """Why a file may not be in a package without code; None where it may. Never raises."""
    path, (folder, _, rest) = file.path, file.path.partition("/")
    name, suffix = path.rpartition("/")[2].casefold(), path.rpartition(".")[2].casefold()
    if file.executable:
        return "is executable"
    if any(part.startswith(".") for part in path.split("/")):
        return "has a name that starts with a dot"
    if path in _TOP or is_test_file(path):
        return _text_fault(file.data)
    if not rest or folder not in _FOLDERS:
        return "lies where a skill without code has no file"
    if "." not in name or suffix not in (*TEXTS, *IMAGES):
        return "is of no kind that a skill without code may hold"
    if _RUN_BY_NAME.fullmatch(name):
        return "has a name by which tools run what it says"
    return _text_fault(file.data) if suffix in TEXTS else _image_fault(file.data, suffix)


def _text_fault(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "is no UTF-8 text"
    if _CONTROL.search(text):
        return "is no plain text: it holds a control character"
    return "is a program: its first line says what runs it" if _SHEBANG.match(text) else None


def _image_fault(data: bytes, suffix: str) -> str | None:
    kind = "jpeg" if suffix == "jpg" else suffix
    try:
        end = _ENDS[kind](data, iter(range(_STEPS + len(data) // _STEP)))
    except (IndexError, struct.error, StopIteration):
        end = None
    if end is None:
        return f"is no whole {kind} image"
    if end != len(data):
        return f"goes on after the end of its {kind} image"
    return next((f"holds {what}" for mark, what in _PROGRAMS if mark in data[-_TAIL:]), None)


def _png_end(data: bytes, steps: Iterator[int]) -> int | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    at = 8
    while True:
        next(steps)
        size, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + size
        if kind == b"IEND":
            return at if at <= len(data) else None


def _webp_end(data: bytes, _: Iterator[int]) -> int | None:
    magic, size, kind = struct.unpack_from("<4sI4s", data)
    whole = 8 + size + size % 2
    return (
        whole if (magic, kind) == (b"RIFF", b"WEBP") and size >= 4 and whole <= len(data) else None
    )


def _gif_end(data: bytes, steps: Iterator[int]) -> int | None:
    if not data.startswith((b"GIF87a", b"GIF89a")):
        return None
    at = 13 + _colours(data[10])
    while data[at] != 0x3B:
        next(steps)
        if data[at] == 0x2C:  # an image: its place, its colours, the size of its codes
            at += 11 + _colours(data[at + 9])
        elif data[at] == 0x21:  # an extension: its label
            at += 2
        else:
            return None
        while data[at]:  # blocks, each with its size before it
            next(steps)
            at += 1 + data[at]
        at += 1
    return at + 1


def _colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _jpeg_end(data: bytes, steps: Iterator[int]) -> int | None:
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while True:
        next(steps)
        if data[at] != 0xFF:
            return None
        mark = data[at + 1]
        if mark == 0xFF:  # filled up
            at += 1
            continue
        if mark == 0xD9:
            return at + 2
        at += 2
        if mark == 0x01 or 0xD0 <= mark <= 0xD7:
            continue
        (size,) = struct.unpack_from(">H", data, at)
        if size < 2:
            return None
        at += size
        if mark == 0xDA:  # pixels, up to the next mark that is not one of theirs
            found = _NEXT_MARK.search(data, at)
            if found is None:
                return None
            at = found.start()


_NEXT_MARK: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ENDS: Final = {"png": _png_end, "webp": _webp_end, "gif": _gif_end, "jpeg": _jpeg_end}
