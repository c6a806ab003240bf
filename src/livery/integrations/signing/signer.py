"""Sign payloads into DSSE envelopes with the active key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.signer import (  # type: ignore[attr-defined] # it has no __all__
    CryptoSigner,
    SSlibKey,
)

from livery.integrations.signing.keys import KeyStatus, SigningKeys
from livery.manifest.statement import PAYLOAD_TYPE


class Signer:
    """Sign with the active key of a folder; a rotation by any process takes effect at once."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        self._stamp: tuple[int, int] | None = None
        self._signer: Any = None

    @classmethod
    def load_or_create(cls, folder: Path) -> Signer:
        """Return the signer of `folder`; makes the first key if there is none."""
        return cls(SigningKeys.load_or_create(folder))

    @property
    def keyid(self) -> str:
        """The keyid of the active key: sha256 hex of its DER SubjectPublicKeyInfo."""
        keyid: str = self._current().public_key.keyid
        return keyid

    def sign(self, payload: bytes, payload_type: str = PAYLOAD_TYPE) -> dict[str, Any]:
        """Return the DSSE v1 envelope `{payload, payloadType, signatures: [{keyid, sig}]}`.

        The payload and signature are base64; what is signed is
        `DSSEv1 SP len(type) SP type SP len(payload) SP payload`. Costs one stat and one Ed25519
        signature.
        """
        envelope = Envelope(payload, payload_type, {})
        envelope.sign(self._current())
        document: dict[str, Any] = envelope.to_dict()
        return document

    def public_keys(self) -> dict[str, bytes]:
        """Return keyid -> PEM of every key that verifies, former and retired ones included."""
        return self._keys.public_keys()

    def statuses(self) -> dict[str, KeyStatus]:
        """Return keyid -> `active`, `former` or `retired`."""
        return self._keys.statuses()

    def retired(self) -> dict[str, str]:
        """Return keyid -> why its certificates count no more."""
        return self._keys.retired()

    def key_states(self) -> dict[str, dict[str, str]]:
        """Return keyid -> `{state, reason?}`, for people."""
        reasons = self.retired()
        return {
            keyid: {"state": str(status)}
            | ({"reason": reasons[keyid]} if status is KeyStatus.RETIRED else {})
            for keyid, status in self.statuses().items()
        }

    def _current(self) -> Any:
        stamp = self._keys.stamp()
        if stamp != self._stamp:
            keyid, key = self._keys.active()
            public = SSlibKey.from_crypto(key.public_key(), keyid=keyid)
            self._signer, self._stamp = CryptoSigner(key, public), stamp
        return self._signer
