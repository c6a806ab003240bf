from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.support.racing import race, vault_keys

from livery.vault import files
from livery.vault.errors import RotationInProgress, VaultMisconfigured
from livery.vault.keys import KeyFile, check_value
from livery.vault.tokens import Callers, read_token, token_path
from livery.vault.types import Caller, Grant


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_racing_processes_make_one_key_and_one_pair_of_tokens(tmp_path: Path) -> None:
    found = race(vault_keys, tmp_path / "keys")
    assert all(item == found[0] for item in found)
    assert sorted(p.name for p in (tmp_path / "keys").iterdir()) == [
        "vault-kek.json",
        "vault-resolve.token",
        "vault-write.token",
    ]


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        keys = KeyFile(tmp_path / "keys")
        keys.load_or_create()
        keys.add()
        Callers.load_or_create(tmp_path / "keys")
    finally:
        os.umask(old)
    assert _mode(tmp_path / "keys") == 0o700
    assert {_mode(path) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_versions_add_up_and_retire(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    first = keys.load_or_create()
    both = keys.add()
    assert set(both) == {1, 2}
    assert both[1] == first[1] != both[2]
    assert keys.retire_below(2) == {2: both[2]}
    assert keys.retire_below(2) == keys.load_or_create() == {2: both[2]}
    text = (tmp_path / "vault-kek.json").read_text()
    entries = json.loads(text)["keys"]
    assert [e["version"] for e in entries] == [1, 2]
    assert "key" not in entries[0]
    assert entries[0]["retired_at"]
    assert set(keys.add()) == {2, 3}


def test_check_values_tell_keys_apart() -> None:
    assert len(check_value(b"a" * 32)) == 16
    assert check_value(b"a" * 32) != check_value(b"b" * 32)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": "other/1", "keys": []}',
        '{"format": "livery-vault-kek/1", "keys": []}',
        '{"format": "livery-vault-kek/1", "keys": [1]}',
        '{"format": "livery-vault-kek/1", "keys": [{"version": 1, "key": "c2hvcnQ="}]}',
        '{"format": "livery-vault-kek/1", "keys": [{"version": 1, "key": "!"}]}',
        '{"format": "livery-vault-kek/1", "keys": [{"version": 1}]}',
    ],
)
def test_a_damaged_key_file_is_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vault-kek.json"
    files.create_once(path, content.encode())
    with pytest.raises(VaultMisconfigured):
        KeyFile(tmp_path).load_or_create()
    assert path.read_text() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    KeyFile(tmp_path).load_or_create()
    (tmp_path / "vault-kek.json").chmod(mode)
    with pytest.raises(VaultMisconfigured, match="open to others"):
        KeyFile(tmp_path).load()


def test_one_rotation_at_a_time(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    with keys.exclusive(), pytest.raises(RotationInProgress), KeyFile(tmp_path).exclusive():
        pytest.fail("two holders")
    with keys.exclusive():
        pass


def test_tokens_last_and_differ(tmp_path: Path) -> None:
    Callers.load_or_create(tmp_path)
    before = [read_token(tmp_path, grant).reveal() for grant in Grant]
    callers = Callers.load_or_create(tmp_path)
    assert before == [read_token(tmp_path, grant).reveal() for grant in Grant]
    assert len(set(before)) == 2
    for grant, token in zip(Grant, before, strict=True):
        assert callers.identify(f"Bearer {token}") == Caller(grant.value, grant)
        assert callers.identify(f"bearer  {token} ") == Caller(grant.value, grant)
        assert token not in repr(vars(callers))
    assert token_path(tmp_path, Grant.WRITE).name == "vault-write.token"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic {t}", "{t}", "Bearer {t}x", "Bearer é", "Bearer \udc80"],
)
def test_other_headers_are_nobody(tmp_path: Path, header: str) -> None:
    callers = Callers.load_or_create(tmp_path)
    token = read_token(tmp_path, Grant.WRITE).reveal()
    assert callers.identify(header.format(t=token)) is None


def test_an_empty_table_admits_nobody() -> None:
    assert Callers({}).identify("Bearer ") is None
