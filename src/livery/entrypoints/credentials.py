"""The vault as execution sees it: it opens a credential for one run, and keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError
from livery.vault.client import VaultClient
from livery.vault.secret import Secret
from livery.vault.tokens import read_token
from livery.vault.types import Grant


class VaultCredentials:
    """See execution.outside.run.CredentialSource. The vault is asked when a skill asks, never before."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def resolve(
        self, ref: str, *, kind: str, workspace_id: UUID, run_id: str, skill_key: str
    ) -> Mapping[str, Any]:
        """Open a credential; a vault that is not there is `configuration_error`, in words."""
        async with self._client() as client:
            opened = await client.resolve(
                ref, kind=kind, workspace_id=workspace_id, run_id=run_id, skill_key=skill_key
            )
        return opened.secret.reveal()

    def _client(self) -> VaultClient:
        # A connection for each opening: over a socket on this machine it costs less than keeping one.
        url = self._settings.environ.get("LIVERY_VAULT_URL")
        if url:
            return VaultClient(self._token(), base_url=url)
        socket = self._settings.run_dir / "vault.sock"
        if not socket.exists():
            raise LiveryError(
                "configuration_error",
                "No vault is connected to this process.",
                remedy="Start the platform with its vault: livery up",
            )
        return VaultClient(self._token(), uds=socket)

    def _token(self) -> Secret[str]:
        try:
            return read_token(self._settings.keys_dir, Grant.RESOLVE)
        except (OSError, LiveryError) as error:
            raise LiveryError(
                "configuration_error", "This process has no token for the vault."
            ) from error
