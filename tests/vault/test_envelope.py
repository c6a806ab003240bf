from __future__ import annotations

import dataclasses
import os
import uuid

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from livery.vault.envelope import Place, Sealed, rewrap, seal, unseal
from livery.vault.errors import CredentialUnreadable

WORKSPACE = uuid.UUID("0190a000-0000-7000-8000-000000000001")
REF = "cred_" + "ab" * 16
PLACE = Place(WORKSPACE, REF, 3, "slack.bot")
KEYS = {1: bytes(range(32)), 2: bytes(range(32, 64))}


def test_an_independent_reader_opens_it() -> None:
    """The format by hand: nonce (12) + ciphertext + tag; AAD from the documented members."""
    sealed = seal(KEYS, b"the secret", PLACE)
    row = "0190a000-0000-7000-8000-000000000001|cred_abababababababababababababababab|3|slack.bot"
    data_key = AESGCM(KEYS[2]).decrypt(
        sealed.wrapped_key[:12], sealed.wrapped_key[12:], f"livery-vault/1|key 2|{row}".encode()
    )
    plaintext = AESGCM(data_key).decrypt(
        sealed.ciphertext[:12], sealed.ciphertext[12:], f"livery-vault/1|data|{row}".encode()
    )
    assert (sealed.key_version, len(data_key), plaintext) == (2, 32, b"the secret")
    assert len(sealed.wrapped_key) == 12 + 32 + 16
    assert len(sealed.ciphertext) == 12 + len(b"the secret") + 16


@given(st.binary(max_size=500))
def test_round_trip_and_nothing_repeats(plaintext: bytes) -> None:
    one, other = seal(KEYS, plaintext, PLACE), seal(KEYS, plaintext, PLACE)
    assert unseal(KEYS, one, PLACE) == unseal(KEYS, other, PLACE) == plaintext
    assert one.ciphertext != other.ciphertext
    assert one.wrapped_key != other.wrapped_key


@pytest.mark.parametrize(
    "moved",
    [
        {"workspace_id": uuid.uuid4()},
        {"credential_ref": "cred_" + "cd" * 16},
        {"version": 2},
        {"kind": "slack.user"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_ciphertext_opens_only_in_its_row(moved: dict[str, object]) -> None:
    sealed = seal(KEYS, b"x", PLACE)
    with pytest.raises(CredentialUnreadable):
        unseal(KEYS, sealed, dataclasses.replace(PLACE, **moved))  # type: ignore[arg-type]


@given(st.data())
def test_every_bit_counts(data: st.DataObject) -> None:
    sealed = seal(KEYS, b"some secret", PLACE)
    field = data.draw(st.sampled_from(["wrapped_key", "ciphertext"]))
    value = bytearray(getattr(sealed, field))
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    value[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CredentialUnreadable):
        unseal(KEYS, dataclasses.replace(sealed, **{field: bytes(value)}), PLACE)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_garbage_is_refused(wrapped: bytes, ciphertext: bytes) -> None:
    with pytest.raises(CredentialUnreadable):
        unseal(KEYS, Sealed(2, wrapped, ciphertext), PLACE)


def test_parts_of_two_versions_do_not_mix() -> None:
    one, other = seal(KEYS, b"one", PLACE), seal(KEYS, b"two", PLACE)
    with pytest.raises(CredentialUnreadable):
        unseal(KEYS, Sealed(2, one.wrapped_key, other.ciphertext), PLACE)


@pytest.mark.parametrize("keys", [{2: os.urandom(32)}, {1: KEYS[1]}, {1: KEYS[2], 3: KEYS[2]}])
def test_another_key_does_not_open_it(keys: dict[int, bytes]) -> None:
    with pytest.raises(CredentialUnreadable):
        unseal(keys, seal(KEYS, b"x", PLACE), PLACE)


def test_the_number_of_the_key_is_bound() -> None:
    """The same key under another number does not open: a row cannot be dated back."""
    sealed = seal(KEYS, b"x", PLACE)
    with pytest.raises(CredentialUnreadable):
        unseal({7: KEYS[2]}, dataclasses.replace(sealed, key_version=7), PLACE)


def test_rewrap_changes_the_wrapping_only() -> None:
    sealed = seal({1: KEYS[1]}, b"x", PLACE)
    version, wrapped = rewrap(KEYS, sealed.key_version, sealed.wrapped_key, PLACE)
    assert version == 2
    assert unseal({2: KEYS[2]}, Sealed(version, wrapped, sealed.ciphertext), PLACE) == b"x"
