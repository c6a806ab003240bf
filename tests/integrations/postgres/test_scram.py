"""Against the exchange printed in RFC 7677, section 3."""

import hashlib
import hmac
from base64 import b64decode, b64encode

import asyncpg

from livery.integrations.postgres import EmbeddedPostgres
from livery.integrations.postgres.scram import scram_verifier

_NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
_SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
_AUTH_MESSAGE = (
    f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={_NONCE},s={_SALT},i=4096,c=biws,r={_NONCE}"
).encode()
_CLIENT_PROOF = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
_SERVER_SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_keys_are_those_of_the_rfc() -> None:
    scheme, rest = scram_verifier("pencil", b64decode(_SALT), 4096).split("$", 1)
    parameters, keys = rest.split("$")
    stored, server = (b64decode(key) for key in keys.split(":"))
    assert (scheme, parameters) == ("SCRAM-SHA-256", f"4096:{_SALT}")
    signature = hmac.digest(server, _AUTH_MESSAGE, "sha256")
    assert b64encode(signature).decode() == _SERVER_SIGNATURE
    mask = hmac.digest(stored, _AUTH_MESSAGE, "sha256")
    client_key = bytes(a ^ b for a, b in zip(_CLIENT_PROOF, mask, strict=True))
    assert hashlib.sha256(client_key).digest() == stored


def test_salts_differ() -> None:
    assert scram_verifier("pencil") != scram_verifier("pencil")


async def test_the_server_takes_it(embedded_postgres: EmbeddedPostgres) -> None:
    admin = await asyncpg.connect(embedded_postgres.admin_dsn)
    verifier = scram_verifier("pencil")
    await admin.execute(f"create role scram_test login password '{verifier}'")
    try:
        dsn = embedded_postgres.dsn("scram_test", "postgres", "pencil")
        await (await asyncpg.connect(dsn)).close()
    finally:
        await admin.execute("drop role scram_test")
        await admin.close()
