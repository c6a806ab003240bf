"""The key-encryption keys: `vault-kek.json` (0600), several versions, the newest wraps.

`{"format": "livery-vault-kek/1", "keys": [{"version", "created_at", "key"}]}`; a retired version
stays listed with `retired_at` and without its key.
"""

from __future__ import annotations

import base64
import fcntl
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from livery.vault import files
from livery.vault.errors import RotationInProgress, VaultMisconfigured

_FORMAT = "livery-vault-kek/1"
_KEY_BYTES = 32


class KeyFile:
    """The file of the key-encryption keys; every change replaces it in one step."""

    def __init__(self, keys_dir: Path) -> None:
        self._path = keys_dir / "vault-kek.json"

    def load_or_create(self) -> Mapping[int, bytes]:
        """Return the usable keys by version; a first key is made if there is no file."""
        if not self._path.exists():
            files.create_once(self._path, _dump([_fresh(1)]))
        return self.load()

    def load(self) -> Mapping[int, bytes]:
        """Return the usable keys by version; raises `VaultMisconfigured` if there are none."""
        try:
            found = {
                int(entry["version"]): base64.b64decode(entry["key"], validate=True)
                for entry in self._entries()
                if entry.get("retired_at") is None
            }
        except (KeyError, TypeError, ValueError, AttributeError):
            raise VaultMisconfigured(f"{self._path} is damaged.", remedy="Restore it.") from None
        if not found or any(len(key) != _KEY_BYTES for key in found.values()):
            raise VaultMisconfigured(f"{self._path} has no usable key.", remedy="Restore it.")
        return MappingProxyType(found)

    def add(self) -> Mapping[int, bytes]:
        """Append a fresh newest key; all earlier ones stay usable until `retire_below`."""
        entries = self._entries()
        entries.append(_fresh(1 + max(int(entry["version"]) for entry in entries)))
        files.replace(self._path, _dump(entries))
        return self.load()

    def retire_below(self, version: int) -> Mapping[int, bytes]:
        """Erase the keys older than `version`; their entries stay, with the time."""
        now = datetime.now(UTC).isoformat()
        entries = [
            entry
            if entry["version"] >= version or entry.get("retired_at")
            else {k: v for k, v in entry.items() if k != "key"} | {"retired_at": now}
            for entry in self._entries()
        ]
        files.replace(self._path, _dump(entries))
        return self.load()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the rotation lock; raises `RotationInProgress`. The kernel frees it on a crash."""
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RotationInProgress("The vault's key is being rotated already.") from None
            yield
        finally:
            os.close(handle)

    def _entries(self) -> list[dict[str, Any]]:
        try:
            document = json.loads(files.read_private(self._path))
            entries = list(document["keys"]) if document["format"] == _FORMAT else []
        except (ValueError, KeyError, TypeError):
            raise VaultMisconfigured(f"{self._path} is damaged.", remedy="Restore it.") from None
        return entries


def check_value(key: bytes) -> bytes:
    """Return 16 bytes that recognise a key without telling it (HMAC-SHA256, cut)."""
    return hmac.digest(key, b"livery-vault key check", "sha256")[:16]


def _fresh(version: int) -> dict[str, Any]:
    return {
        "version": version,
        "created_at": datetime.now(UTC).isoformat(),
        "key": base64.b64encode(os.urandom(_KEY_BYTES)).decode("ascii"),
    }


def _dump(entries: list[dict[str, Any]]) -> bytes:
    return json.dumps({"format": _FORMAT, "keys": entries}, indent=1).encode()
