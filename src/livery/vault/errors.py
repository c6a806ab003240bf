"""What the vault refuses, as codes of the platform. No message holds a value from a request."""

from __future__ import annotations

from collections.abc import Iterable

from livery.manifest.errors import LiveryError, Violation


class VaultError(LiveryError):
    """The vault could not do what was asked."""

    code = "internal_error"

    def __init__(
        self,
        message: str | None = None,
        *,
        violations: Iterable[Violation] = (),
        remedy: str | None = None,
    ) -> None:
        super().__init__(type(self).code, message, violations=violations, remedy=remedy)


class Unauthenticated(VaultError):
    """No bearer token, or one that the vault does not know."""

    code = "unauthenticated"


class Forbidden(VaultError):
    """The token is known, but it has not the grant for this call."""

    code = "forbidden"


class CredentialNotFound(VaultError):
    """No such credential in this workspace; another workspace's looks the same."""

    code = "not_found"


class CredentialNotGranted(VaultError):
    """The credential exists, but is revoked or of another kind than the skill declares."""

    code = "credential_not_granted"


class CredentialRevoked(VaultError):
    """A revoked credential cannot be rotated: its secret is gone."""

    code = "invalid_transition"


class InputInvalid(VaultError):
    """The request is not what this call takes; violations name the fields and never quote them."""

    code = "tool_input_invalid"


class SecretMisplaced(VaultError):
    """The secret also stands in a field that is stored in plain text."""

    code = "secret_in_payload"


class CredentialUnreadable(VaultError):
    """A stored credential does not open: altered, moved to another row, or another key."""

    code = "internal_error"


class VaultMisconfigured(VaultError):
    """The vault refuses to start: unsafe role, unsafe or wrong key file, missing migration."""

    code = "configuration_error"


class RotationInProgress(VaultError):
    """Another process is rotating the key-encryption key right now."""

    code = "invalid_transition"


class VaultUnreachable(VaultError):
    """The vault does not answer at its address."""

    code = "network_error"


class VaultFull(VaultError):
    """The vault's database has no room, or lacks something else that it needs."""

    code = "unavailable"


class VaultTimeout(VaultUnreachable):
    """The vault did not answer in time."""

    code = "timeout"
