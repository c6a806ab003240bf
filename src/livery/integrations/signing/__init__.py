"""Signing keys on disk and the signer of statements; see `docs/decisions/0004-keys.md`."""

from livery.integrations.signing.errors import SigningKeyError
from livery.integrations.signing.keys import KeyStatus, SigningKeys
from livery.integrations.signing.signer import Signer

__all__ = ["KeyStatus", "Signer", "SigningKeyError", "SigningKeys"]
