"""Our preflight: what no honest package holds, whoever wrote it. Pure: it reads the files of a package, no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from livery.manifest.denylist import redact_text
from livery.manifest.package import Package, PackageFile
from livery.services.certification.preflight_text import hidden_text, instructions
from livery.services.certification.types import Finding

RULES: Final = "livery-preflight/1"
"""Changes with the rules: another one makes certificates stale."""
MAX_READ: Final = 10 * 1024 * 1024
"""Bytes of a file that scanners read; what lies behind is seen by none of them."""
CODE: Final = "security_preflight_denied"
_WINDOW: Final = 512

_EXECUTABLES: Final = (
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"\xfe\xed\xfa\xce", "a Mach-O program"),
    (b"\xfe\xed\xfa\xcf", "a Mach-O program"),
    (b"\xce\xfa\xed\xfe", "a Mach-O program"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"\xca\xfe\xba\xbe", "a Java class or a Mach-O program"),
    (b"\x00asm", "a WebAssembly program"),
    (b"dex\n", "an Android program"),
    (b"!<arch>\n", "a library of objects"),
)
_EXECUTABLE_NAMES: Final = (
    ".exe .dll .so .dylib .pyd .bin .com .scr .msi .deb .rpm .apk .class .jar .war .o .a .wasm .app"
)
_ARCHIVES: Final = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"MSCF", "cabinet"),
)
_ARCHIVE_NAMES: Final = ".zip .tar .tgz .gz .bz2 .xz .7z .rar .whl .egg .zst .cab .iso .tbz2 .txz"
_OFFICE: Final = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub")
_PICKLES: Final = ".pkl .pickle .pt .pth .joblib .dill .marshal"
_START_UP: Final = frozenset({"sitecustomize.py", "usercustomize.py", "conftest.py"})
_PRIVATE_NAMES: Final = (
    ".env .netrc .npmrc .pypirc .pgpass .htpasswd id_rsa id_dsa id_ecdsa id_ed25519 credentials"
)
_PRIVATE_ENDS: Final = (".pem", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk")
_AGENT_FILES: Final = (
    ".mcp.json",
    "CLAUDE.md",
    "AGENTS.md",
    "GEMINI.md",
    ".cursorrules",
    ".windsurfrules",
)
_AGENT_FOLDERS: Final = (".claude", ".cursor", ".codex", ".git", ".github", ".vscode", ".husky")
_PLACEHOLDER = re.compile(
    r"(?i)example|placeholder|your[-_]|xxxx|\*\*\*|dummy|redacted|<[^>]+>|\.\.\.|0000000"
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_PLAIN_CODINGS: Final = frozenset({"utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii"})


def preflight(package: Package) -> Iterator[Finding]:
    """Everything that the rules find, file by file."""
    for file in package.files:
        for rule in _RULES:
            yield from rule(file)
        text = as_text(file)
        if text is not None:
            yield from hidden_text(file.path, text)
            yield from instructions(file.path, text)
            yield from _secrets(file.path, text)


def as_text(file: PackageFile) -> str | None:
    """The text of a file, None where it is no text."""
    data = file.data[:MAX_READ]
    if b"\x00" in data[:8192]:
        return None
    return data.decode("utf-8", "replace") if _texty(data) else None


def _texty(data: bytes) -> bool:
    text = data[:8192].decode("utf-8", "replace")
    return text.count("\ufffd") * 10 <= len(text)


def _found(
    rule: str, severity: str, file: PackageFile, message: str, remedy: str, line: int | None = None
) -> Finding:
    return Finding(CODE, message, file.path, line, remedy, rule=rule, severity=severity)


def _named(path: str, names: str) -> bool:
    return path.lower().endswith(tuple(names.split()))


def _symlink(file: PackageFile) -> Iterator[Finding]:
    if file.symlink:
        yield _found(
            "symlink", "critical", file, "This is a symlink.", "Put the file itself there."
        )


def _size(file: PackageFile) -> Iterator[Finding]:
    if len(file.data) > MAX_READ:
        message = f"{len(file.data)} bytes: scanners read {MAX_READ}, and nobody sees the rest."
        yield _found("unscanned", "high", file, message, "Split the file, or leave it out.")


def _bytecode(file: PackageFile) -> Iterator[Finding]:
    parts = file.path.split("/")
    if _named(file.path, ".pyc .pyo") or "__pycache__" in parts:
        message = "Bytecode: what it does is not what the source beside it says."
        yield _found(
            "bytecode", "critical", file, message, "Leave compiled files out of the package."
        )


def _executable(file: PackageFile) -> Iterator[Finding]:
    kind = next((what for magic, what in _EXECUTABLES if file.data.startswith(magic)), None)
    if kind is None and _named(file.path, _EXECUTABLE_NAMES):
        kind = "a program by its name"
    if kind is not None:
        message = f"This is {kind}: nobody can read what it does."
        yield _found(
            "executable", "high", file, message, "Ship the source, or run it in a container."
        )


def _archive(file: PackageFile) -> Iterator[Finding]:
    kind = next((what for magic, what in _ARCHIVES if file.data.startswith(magic)), None)
    if kind is None and file.data[257:262] == b"ustar":
        kind = "tar"
    if kind is None and _named(file.path, _ARCHIVE_NAMES):
        kind = "by its name"
    remedy = "Put the files themselves into the package."
    if kind == "zip" and file.path.lower().endswith(_OFFICE):
        message = "An office document is an archive: its inside is not looked at."
        yield _found("office-document", "low", file, message, remedy)
    elif kind is not None:
        message = f"An archive ({kind}) inside of the package: its inside is not looked at."
        yield _found("nested-archive", "high", file, message, remedy)
    elif b"PK\x05\x06" in file.data[-65_557:]:
        message = "A zip is hidden at the end of this file."
        yield _found("nested-archive", "high", file, message, remedy)


def _serialized(file: PackageFile) -> Iterator[Finding]:
    pickled = (
        file.data[:1] == b"\x80"
        and file.data[1:2] in b"\x02\x03\x04\x05"
        and file.data[-1:] == b"."
    )
    if pickled or _named(file.path, _PICKLES):
        message = "A pickle runs code when it is read."
        yield _found("serialized-code", "high", file, message, "Keep the data as JSON or text.")


def _start_up(file: PackageFile) -> Iterator[Finding]:
    name = file.path.rpartition("/")[2]
    if name in _START_UP or name.endswith(".pth"):
        message = f"{name} is run when Python starts or tests are collected, not when it is called."
        yield _found("start-up-code", "high", file, message, "Leave the file out.")


def _agent_settings(file: PackageFile) -> Iterator[Finding]:
    *folders, name = file.path.split("/")
    if name in _AGENT_FILES or any(folder in _AGENT_FOLDERS for folder in folders):
        message = "This file configures the tool that opens the package, not the skill."
        yield _found("agent-settings", "medium", file, message, "Leave the file out.")


def _coding(file: PackageFile) -> Iterator[Finding]:
    if not file.path.endswith((".py", ".pyw")):
        return
    for number, line in enumerate(file.data[:_WINDOW].split(b"\n")[:2], 1):
        declared = _CODING.match(line)
        name = declared.group(1).decode("ascii", "replace").lower() if declared else "utf-8"
        if name not in _PLAIN_CODINGS:
            message = f"The source is written in {name}: people and scanners read something else than Python."
            yield _found("odd-coding", "high", file, message, "Save the file as UTF-8.", number)


def _secret_file(file: PackageFile) -> Iterator[Finding]:
    name = file.path.rpartition("/")[2].lower()
    if (
        name in _PRIVATE_NAMES.split() or name.startswith(".env.") or name.endswith(_PRIVATE_ENDS)
    ) and not (name.endswith((".example", ".sample", ".template")) or not file.data.strip()):
        message = f"{name} is a file that holds secrets."
        yield _found(
            "secret-file",
            "high",
            file,
            message,
            "Keep secrets in the vault; name a credential_ref.",
        )


def _secrets(path: str, text: str) -> Iterator[Finding]:
    remedy = "Take it out and rotate it: keep it in the vault, and name a credential_ref."
    for number, line in enumerate(text.split("\n"), 1):
        secret = _secret_of(line[:20_000])
        if secret is None:
            continue
        if _PLACEHOLDER.search(secret):
            message, severity = "This looks like a secret and says that it is none.", "low"
        else:
            message, severity = "A raw secret.", "critical"
        yield Finding(CODE, message, path, number, remedy, rule="secret", severity=severity)


def _secret_of(line: str) -> str | None:
    """The secret in a line by its form, not by the name of what holds it."""
    if redact_text(line) == line:
        return None
    for word in re.split(r"[\s\"'`,;()<>{}\[\]=]+", line):
        if len(word) >= 6 and find_value(word):
            return word
    return line if "PRIVATE KEY-----" in line and "BEGIN" in line and find_value(line) else None


def find_value(text: str) -> bool:
    """Whether a text is a secret by its own form: a key, a token, a private webhook."""
    from livery.manifest.denylist import find_secret

    return find_secret(text) is not None


_RULES: Final[tuple[Callable[[PackageFile], Iterator[Finding]], ...]] = (
    _symlink,
    _size,
    _bytecode,
    _executable,
    _archive,
    _serialized,
    _start_up,
    _agent_settings,
    _coding,
    _secret_file,
)
