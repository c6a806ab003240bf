"""Envelope encryption: a data key seals one credential, a key-encryption key wraps the data key.

Both layers are AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces, laid out as
nonce (12) + ciphertext + tag (16). The associated data names the row, so that a ciphertext that
was moved to another row, version, kind or workspace does not open.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from livery.vault.errors import CredentialUnreadable

_NONCE = 12
_SCHEME = "livery-vault/1"


@dataclass(frozen=True, slots=True)
class Place:
    """The row that a sealed secret belongs to."""

    workspace_id: UUID
    credential_ref: str
    version: int
    kind: str

    def aad(self, layer: str) -> bytes:
        """Return the associated data; no member may contain the separator, see the patterns."""
        members = (self.workspace_id, self.credential_ref, self.version, self.kind)
        return "|".join((_SCHEME, layer, *map(str, members))).encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed secret as it is stored: which key wraps, the wrapped data key, the ciphertext."""

    key_version: int
    wrapped_key: bytes
    ciphertext: bytes


def seal(keys: Mapping[int, bytes], plaintext: bytes, place: Place) -> Sealed:
    """Seal `plaintext` for `place` with a fresh data key, wrapped by the newest of `keys`."""
    newest = max(keys)
    data_key = AESGCM.generate_key(256)
    ciphertext = _encrypt(data_key, plaintext, place.aad("data"))
    return Sealed(newest, _wrap(keys[newest], newest, data_key, place), ciphertext)


def unseal(keys: Mapping[int, bytes], sealed: Sealed, place: Place) -> bytes:
    """Return the plaintext; raises `CredentialUnreadable` on any mismatch."""
    data_key = _unwrap(keys, sealed.key_version, sealed.wrapped_key, place)
    return _decrypt(data_key, sealed.ciphertext, place.aad("data"))


def rewrap(
    keys: Mapping[int, bytes], key_version: int, wrapped_key: bytes, place: Place
) -> tuple[int, bytes]:
    """Return `(newest, wrapped data key)`; the ciphertext stays as it is."""
    newest = max(keys)
    data_key = _unwrap(keys, key_version, wrapped_key, place)
    return newest, _wrap(keys[newest], newest, data_key, place)


def _wrap(key: bytes, version: int, data_key: bytes, place: Place) -> bytes:
    return _encrypt(key, data_key, place.aad(f"key {version}"))


def _unwrap(keys: Mapping[int, bytes], version: int, wrapped: bytes, place: Place) -> bytes:
    if version not in keys:
        raise CredentialUnreadable(f"Key version {version} is not in the key file.")
    return _decrypt(keys[version], wrapped, place.aad(f"key {version}"))


def _encrypt(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def _decrypt(key: bytes, data: bytes, aad: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], aad)
    except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
        raise CredentialUnreadable("The stored credential fails its integrity check.") from None
