"""The two tokens of the vault's door. The server keeps hashes; the files belong to the callers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from livery.vault import files
from livery.vault.secret import Secret
from livery.vault.types import Caller, Grant


def token_path(keys_dir: Path, grant: Grant) -> Path:
    """Return where the token with this grant lies: `vault-write.token`, `vault-resolve.token`."""
    return keys_dir / f"vault-{grant.value}.token"


def read_token(keys_dir: Path, grant: Grant) -> Secret[str]:
    """Read one token, as a caller of the vault does."""
    return Secret(files.read_private(token_path(keys_dir, grant)).decode("ascii").strip())


class Callers:
    """Who may call: sha256 of each token -> caller. An empty table admits nobody."""

    def __init__(self, table: dict[bytes, Caller]) -> None:
        self._table = table

    @classmethod
    def of(cls, tokens: dict[Caller, str]) -> Callers:
        """Build the table from tokens in the open; only their hashes are kept."""
        return cls({_digest(token): caller for caller, token in tokens.items()})

    @classmethod
    def load_or_create(cls, keys_dir: Path) -> Callers:
        """Read both token files; make those that are missing (32 random bytes, mode 0600)."""
        tokens: dict[Caller, str] = {}
        for grant in Grant:
            fresh = f"lv_{grant.value}_{secrets.token_urlsafe(32)}\n"
            files.create_once(token_path(keys_dir, grant), fresh.encode("ascii"))
            tokens[Caller(grant.value, grant)] = read_token(keys_dir, grant).reveal()
        return cls.of(tokens)

    def identify(self, authorization: str) -> Caller | None:
        """Return the caller of an `Authorization` header, or None.

        Every hash is compared, in constant time: the time tells nothing about a token.
        """
        scheme, _, token = authorization.partition(" ")
        given = _digest(token.strip())
        found = None
        for digest, caller in self._table.items():
            if hmac.compare_digest(digest, given):
                found = caller
        return found if scheme.lower() == "bearer" and token.strip() else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
