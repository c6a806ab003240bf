"""SCRAM-SHA-256 verifiers, so that the server never sees a password (RFC 5802, RFC 7677)."""

import hashlib
import hmac
import secrets
from base64 import b64encode


def scram_verifier(password: str, salt: bytes | None = None, iterations: int = 4096) -> str:
    """What PostgreSQL stores for `password`, which must be ASCII (SASLprep changes nothing then).

    `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the bytes in base64.
    """
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (b64encode(x).decode() for x in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${iterations}:{salt64}${stored64}:{server64}"
