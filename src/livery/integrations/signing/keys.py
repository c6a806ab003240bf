"""Ed25519 keys in a folder: `<keyid>.pem`, `<keyid>.pub.pem`, and `active`, which names one.

The keyid is the sha256, in hex, of the public key's DER SubjectPublicKeyInfo. Every public key in
the folder verifies; only the active one signs. `<keyid>.retired.json` says that the certificates of
a key count no more. There is no index that could be lost: the files are the state, and each change
is one rename.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from livery.integrations.signing.errors import SigningKeyError
from livery.manifest.errors import StatementInvalid
from livery.manifest.statement import key_id
from livery.private import private_folder

_PUBLIC = re.compile(r"([0-9a-f]{64})\.pub\.pem")


class KeyStatus(StrEnum):
    """`active` signs and verifies; `former` verifies what it signed, its private half is gone; `retired` verifies
    too, but no certificate that it signed counts."""

    ACTIVE = "active"
    FORMER = "former"
    RETIRED = "retired"


class SigningKeys:
    """The keys under one folder, usually `LIVERY_HOME/keys/signing`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._active = folder / "active"

    @classmethod
    def load_or_create(cls, folder: Path) -> SigningKeys:
        """Open the folder; make the first key if there is none. Two processes make one key."""
        keys = cls(folder)
        if not keys._active.exists():
            private_folder(folder)
            with keys._exclusive():
                if not keys._active.exists():
                    keys._generate()
        keys.active()
        return keys

    def rotate(self) -> str:
        """Make a new active key and return its keyid; the private half of the old is deleted."""
        with self._exclusive():
            former = self._active_keyid()
            keyid = self._generate()
            (self._folder / f"{former}.pem").unlink(missing_ok=True)
        return keyid

    def retire(self, keyid: str, reason: str, by: str, at: datetime) -> bool:
        """Let the certificates of a former key count no more; False where that is so already.

        Raises SigningKeyError for a key that is not there, and for the active one: rotate first.
        """
        with self._exclusive():
            if keyid not in self.public_keys():
                raise SigningKeyError(f"There is no key {keyid[:64]}.", remedy="livery keys list")
            if keyid == self._active_keyid():
                raise SigningKeyError(
                    "The active key signs; it is not retired.", remedy="livery keys rotate"
                )
            if keyid in self.retired():
                return False
            mark = {"reason": reason, "by": by, "at": at.isoformat()}
            self._write(f"{keyid}.retired.json", json.dumps(mark).encode(), 0o600)
        return True

    def retired(self) -> dict[str, str]:
        """Return keyid -> why it was retired. A mark that cannot be read retires its key too."""
        found = {}
        for path in sorted(self._folder.glob("*.retired.json")):
            try:
                reason = str(json.loads(path.read_bytes())["reason"])
            except (OSError, ValueError, TypeError, LookupError):
                reason = "its mark cannot be read"
            found[path.name.removesuffix(".retired.json")] = reason
        return found

    def active(self) -> tuple[str, Ed25519PrivateKey]:
        """Return the active keyid and its private key."""
        for _ in range(3):  # a rotation may pass between reading the name and reading the key
            keyid = self._active_keyid()
            path = self._folder / f"{keyid}.pem"
            if path.exists() or keyid == self._active_keyid():
                break
        key = _load_private(path)
        if key_id(_public_pem(key)) != keyid:
            raise SigningKeyError(f"{path} does not hold the key of its name.")
        return keyid, key

    def public_keys(self) -> dict[str, bytes]:
        """Return keyid -> PEM of every key that verifies, former and retired ones included."""
        found = {}
        for path in sorted(self._folder.iterdir()):
            if match := _PUBLIC.fullmatch(path.name):
                found[match[1]] = _checked_public(path, match[1])
        return found

    def statuses(self) -> dict[str, KeyStatus]:
        """Return keyid -> status."""
        active, retired = self._active_keyid(), self.retired()
        found = dict.fromkeys(self.public_keys(), KeyStatus.FORMER)
        found |= {keyid: KeyStatus.RETIRED for keyid in found if keyid in retired}
        return {**found, active: KeyStatus.ACTIVE}

    def overview(self) -> list[dict[str, str | None]]:
        """Return `{key_id, state, reason, created_at}` of every key, the oldest first."""
        reasons = self.retired()
        found = []
        for keyid, status in self.statuses().items():
            made = (self._folder / f"{keyid}.pub.pem").stat().st_mtime
            found.append(
                {
                    "key_id": keyid,
                    "state": str(status),
                    "reason": reasons.get(keyid) if status is KeyStatus.RETIRED else None,
                    "created_at": datetime.fromtimestamp(made, UTC).isoformat(),
                }
            )
        return sorted(found, key=lambda item: (item["created_at"] or "", item["key_id"] or ""))

    def stamp(self) -> tuple[int, int]:
        """Return a value that changes when the active key does; costs one stat."""
        try:
            found = self._active.stat()
        except OSError:
            return (0, 0)
        return (found.st_ino, found.st_mtime_ns)

    def _active_keyid(self) -> str:
        try:
            keyid = self._active.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            keyid = ""
        if not re.fullmatch(r"[0-9a-f]{64}", keyid):
            raise SigningKeyError(f"{self._active} does not name a key.", remedy="Restore it.")
        return keyid

    def _generate(self) -> str:
        key = Ed25519PrivateKey.generate()
        public = _public_pem(key)
        keyid = key_id(public)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self._write(f"{keyid}.pem", private, 0o600)
        self._write(f"{keyid}.pub.pem", public, 0o600)
        self._write("active", f"{keyid}\n".encode("ascii"), 0o600)  # last: now it is in use
        return keyid

    def _write(self, name: str, data: bytes, mode: int) -> None:
        draft = self._folder / f".{name}.{secrets.token_hex(8)}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        handle = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _load_private(path: Path) -> Ed25519PrivateKey:
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(f"Cannot read {path}: {error.strerror}.") from None
    if mode & 0o077:
        raise SigningKeyError(
            f"{path} is open to others (mode {mode & 0o777:o}).", remedy=f"chmod 600 {path}"
        )
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except ValueError:
        raise SigningKeyError(f"{path} is not a private key in PEM.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"{path} is not an Ed25519 key.")
    return key


def _checked_public(path: Path, keyid: str) -> bytes:
    data = path.read_bytes()
    try:
        genuine = key_id(data) == keyid
    except StatementInvalid:
        genuine = False
    if not genuine:
        raise SigningKeyError(f"{path} does not hold the key of its name.")
    return data
