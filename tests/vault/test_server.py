from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import httpx
import pytest

from livery.vault import errors
from livery.vault.secret import Secret
from livery.vault.types import Grant

from .conftest import CANARY, Vault

KIND = "slack.bot"
RUN = {"run_id": "run-1", "skill_key": "slack-send"}


def _secret(text: str = CANARY) -> Secret[Any]:
    return Secret({"bot": text, "nested": [{"number": 1.5, "text": "ü"}]})


async def _stored(vault: Vault, workspace: uuid.UUID) -> str:
    return (await vault.writer.store(workspace, KIND, "Team chat", _secret())).credential_ref


async def test_store_list_resolve(vault: Vault, workspace: uuid.UUID) -> None:
    stored = await vault.writer.store(workspace, KIND, "Team chat", _secret(), actor="ada@x.test")
    assert stored.credential_ref.startswith("cred_")
    assert (stored.kind, stored.label, stored.version) == (KIND, "Team chat", 1)
    assert stored.status == "active"
    resolved = await vault.resolver.resolve(
        stored.credential_ref, kind=KIND, workspace_id=workspace, **RUN
    )
    assert resolved.version == 1
    assert resolved.secret.reveal() == _secret().reveal()
    assert CANARY not in repr(resolved)
    assert await vault.writer.list(workspace) == ([stored], None)


async def test_pages_follow_the_order_of_creation(vault: Vault, workspace: uuid.UUID) -> None:
    refs = [await _stored(vault, workspace) for _ in range(3)]
    first, cursor = await vault.writer.list(workspace, limit=2)
    second, end = await vault.writer.list(workspace, limit=2, cursor=cursor)
    assert [c.credential_ref for c in first + second] == refs
    assert end is None


async def test_rotate_replaces_the_secret(vault: Vault, workspace: uuid.UUID) -> None:
    ref = await _stored(vault, workspace)
    rotated = await vault.writer.rotate(workspace, ref, _secret("another"))
    assert rotated.version == 2
    assert rotated.rotated_at is not None
    resolved = await vault.resolver.resolve(ref, kind=KIND, workspace_id=workspace, **RUN)
    assert (resolved.version, resolved.secret.reveal()["bot"]) == (2, "another")


async def test_revoke_destroys_the_secret(vault: Vault, workspace: uuid.UUID) -> None:
    ref = await _stored(vault, workspace)
    revoked = await vault.writer.revoke(workspace, ref)
    assert revoked.status == "revoked"
    assert await vault.writer.revoke(workspace, ref) == revoked
    with pytest.raises(errors.CredentialNotGranted):
        await vault.resolver.resolve(ref, kind=KIND, workspace_id=workspace, **RUN)
    with pytest.raises(errors.CredentialRevoked):
        await vault.writer.rotate(workspace, ref, _secret())
    (row,) = await vault.database.rows(
        "SELECT key_version, wrapped_key, ciphertext FROM vault.credentials "
        "WHERE credential_ref = $1",
        ref,
    )
    assert set(row.values()) == {None}


async def test_another_kind_is_not_granted(vault: Vault, workspace: uuid.UUID) -> None:
    ref = await _stored(vault, workspace)
    with pytest.raises(errors.CredentialNotGranted):
        await vault.resolver.resolve(ref, kind="smtp", workspace_id=workspace, **RUN)


async def test_another_workspace_sees_nothing(vault: Vault, workspace: uuid.UUID) -> None:
    ref = await _stored(vault, workspace)
    stranger = uuid.uuid4()
    assert await vault.writer.list(stranger) == ([], None)
    with pytest.raises(errors.CredentialNotFound):
        await vault.resolver.resolve(ref, kind=KIND, workspace_id=stranger, **RUN)
    with pytest.raises(errors.CredentialNotFound):
        await vault.writer.rotate(stranger, ref, _secret())
    with pytest.raises(errors.CredentialNotFound):
        await vault.writer.revoke(stranger, ref)


async def test_row_level_security_holds_below_the_code(vault: Vault, workspace: uuid.UUID) -> None:
    await _stored(vault, workspace)
    connection = await asyncpg.connect(vault.database.dsn)
    for setting, seen in ((None, 0), ("", 0), (uuid.uuid4(), 0), (workspace, 1)):
        async with connection.transaction():
            if setting is not None:
                await connection.execute(
                    "SELECT set_config('livery.workspaces', $1, true)", str(setting)
                )
            for table in ("credentials", "access"):
                count = await connection.fetchval(
                    f"SELECT count(*) FROM vault.{table} WHERE workspace_id = $1", workspace
                )
                assert count == seen
    await connection.close()


async def test_each_grant_does_its_own_and_no_more(vault: Vault, workspace: uuid.UUID) -> None:
    ref = await _stored(vault, workspace)
    with pytest.raises(errors.Forbidden):
        await vault.writer.resolve(ref, kind=KIND, workspace_id=workspace, **RUN)
    for refused in (
        vault.resolver.store(workspace, KIND, "x", _secret()),
        vault.resolver.rotate(workspace, ref, _secret()),
        vault.resolver.list(workspace),
        vault.resolver.revoke(workspace, ref),
    ):
        with pytest.raises(errors.Forbidden):
            await refused
    assert (await vault.writer.list(workspace))[0][0].version == 1


@pytest.mark.parametrize("token", [None, "Bearer nonsense", "Basic abc"])
async def test_without_a_token_nothing_is_done(
    vault: Vault, workspace: uuid.UUID, token: str | None
) -> None:
    async with vault.raw() as http:
        answer = await http.put(
            "/vault/v1/credentials",
            json={"workspace_id": str(workspace), "kind": KIND, "label": "x", "secret": {"a": "b"}},
            headers={"authorization": token} if token else {},
        )
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"
    assert answer.headers["content-type"] == "application/problem+json"
    assert await vault.writer.list(workspace) == ([], None)


async def test_every_call_is_recorded(vault: Vault, workspace: uuid.UUID) -> None:
    ref = await _stored(vault, workspace)
    body = {"credential_ref": ref, "kind": KIND, "workspace_id": str(workspace), **RUN}
    expected = {
        (Grant.RESOLVE, KIND): ("resolve", "ok"),
        (Grant.RESOLVE, "smtp"): ("resolve", "credential_not_granted"),
        (Grant.WRITE, KIND): ("write", "forbidden"),
        (None, KIND): ("anonymous", "unauthenticated"),
    }
    for (grant, kind), (caller, outcome) in expected.items():
        mark = uuid.uuid4().hex
        async with vault.raw(grant) as http:
            answer = await http.post(
                "/vault/v1/resolve",
                json=body | {"kind": kind},
                headers={"x-correlation-id": mark, "x-livery-actor": "worker-1"},
            )
        assert answer.headers["x-correlation-id"] == mark
        assert answer.headers["cache-control"] == "no-store"
        (row,) = await vault.access(mark)
        assert (row["caller"], row["action"], row["outcome"]) == (caller, "resolve", outcome)
        if grant is not None:
            assert (row["credential_ref"], row["workspace_id"]) == (ref, workspace)
            assert (row["run_id"], row["skill_key"]) == ("run-1", "slack-send")
            assert row["actor"] == "worker-1"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/vault/v1/credentials/"),
        ("GET", "/vault/v1/resolve"),
        ("PATCH", "/vault/v1/credentials"),
        ("POST", "/vault/v1/credentials"),
        ("TRACE", "/vault/v1/credentials"),
        ("GET", "/vault/v1/credentials/cred_" + "0" * 32),
    ],
)
async def test_other_calls_are_refused_and_recorded(vault: Vault, method: str, path: str) -> None:
    mark = uuid.uuid4().hex
    async with vault.raw(Grant.WRITE) as http:
        answer = await http.request(method, path, headers={"x-correlation-id": mark})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    (row,) = await vault.access(mark)
    assert (row["action"], row["outcome"]) == ("unknown", "not_found")


GOOD: dict[str, Any] = {"kind": KIND, "label": "x", "secret": {"key": CANARY}}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"workspace_id": "not-a-uuid"}, "/workspace_id"),
        ({"workspace_id": None}, "/workspace_id"),
        ({"kind": "Bad Kind"}, "/kind"),
        ({"kind": "a|b"}, "/kind"),
        ({"kind": "a\n"}, "/kind"),
        ({"label": ""}, "/label"),
        ({"label": "a\u0000b"}, "/label"),
        ({"label": "x" * 201}, "/label"),
        ({"secret": CANARY}, "/secret"),
        ({"secret": {}}, "/secret"),
        ({"secret": None}, "/secret"),
        ({"secret": [CANARY]}, "/secret"),
        ({"secret": {"key": CANARY + "\u0000"}}, "/secret"),
        ({"secret": {"key": 2**60, "other": CANARY}}, "/secret"),
        ({CANARY: CANARY}, ""),
    ],
)
async def test_bad_input_is_named_and_never_quoted(
    vault: Vault, workspace: uuid.UUID, change: dict[str, Any], pointer: str
) -> None:
    mark = uuid.uuid4().hex
    async with vault.raw(Grant.WRITE) as http:
        answer = await http.put(
            "/vault/v1/credentials",
            json={"workspace_id": str(workspace), **GOOD, **change},
            headers={"x-correlation-id": mark},
        )
    assert (answer.status_code, answer.json()["code"]) == (422, "tool_input_invalid")
    assert [v["pointer"] for v in answer.json()["violations"]] == [pointer]
    assert CANARY not in answer.text
    (row,) = await vault.access(mark)
    assert row["outcome"] == "tool_input_invalid"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b'{"secret": "' + CANARY.encode(), b'{"a": NaN}', b'"\\ud800"'],
)
async def test_a_broken_body_is_refused(vault: Vault, body: bytes) -> None:
    async with vault.raw(Grant.WRITE) as http:
        answer = await http.put("/vault/v1/credentials", content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "tool_input_invalid")
    assert CANARY not in answer.text


async def test_a_body_is_bounded(vault: Vault, workspace: uuid.UUID) -> None:
    with pytest.raises(errors.InputInvalid, match="larger"):
        await vault.writer.store(workspace, KIND, "x", Secret({"key": "a" * 70_000}))


@pytest.mark.parametrize(
    "label",
    [
        f"the key {CANARY}",
        "sk-abcdefghijklmnopqrstuvwx123456",
        "ghp_0123456789abcdefABCDEF012345678901",
    ],
)
async def test_a_secret_in_the_label_is_refused(
    vault: Vault, workspace: uuid.UUID, label: str
) -> None:
    with pytest.raises(errors.SecretMisplaced) as caught:
        await vault.writer.store(workspace, KIND, label, _secret())
    assert [v.pointer for v in caught.value.violations] == ["/label"]
    assert label not in str(caught.value)
    assert await vault.writer.list(workspace) == ([], None)


async def test_swapped_and_altered_rows_do_not_open(own_vault: Vault, workspace: uuid.UUID) -> None:
    one, other = [await _stored(own_vault, workspace) for _ in range(2)]
    swap = """
        UPDATE vault.credentials c SET wrapped_key = o.wrapped_key, ciphertext = o.ciphertext
        FROM vault.credentials o WHERE c.credential_ref = $1 AND o.credential_ref = $2"""
    flip = """
        UPDATE vault.credentials
        SET ciphertext = set_byte(ciphertext, 14, get_byte(ciphertext, 14) # 1)
        WHERE credential_ref = $1"""
    await own_vault.database.rows(swap, one, other)
    await own_vault.database.rows(flip, other)
    for ref in (one, other):
        with pytest.raises(errors.VaultError) as caught:
            await own_vault.resolver.resolve(ref, kind=KIND, workspace_id=workspace, **RUN)
        assert caught.value.code == "internal_error"
    third = await _stored(own_vault, workspace)
    await own_vault.database.rows(
        "UPDATE vault.credentials SET kind = 'smtp' WHERE credential_ref = $1", third
    )
    with pytest.raises(errors.VaultError, match="integrity"):
        await own_vault.resolver.resolve(third, kind="smtp", workspace_id=workspace, **RUN)


async def test_no_record_no_secret(own_vault: Vault, workspace: uuid.UUID) -> None:
    ref = await _stored(own_vault, workspace)
    await own_vault.database.rows("REVOKE INSERT ON vault.access FROM livery_vault")
    with pytest.raises(errors.VaultError) as caught:
        await own_vault.resolver.resolve(ref, kind=KIND, workspace_id=workspace, **RUN)
    assert caught.value.code == "internal_error"
    with pytest.raises(errors.VaultError):
        await own_vault.writer.store(workspace, KIND, "x", _secret())
    rows = await own_vault.database.rows("SELECT 1 FROM vault.credentials")
    assert len(rows) == 1


async def test_a_failure_inside_says_nothing(
    own_vault: Vault, workspace: uuid.UUID, capfd: pytest.CaptureFixture[str]
) -> None:
    await own_vault.database.rows("ALTER TABLE vault.credentials RENAME label TO title")
    with pytest.raises(errors.VaultError) as caught:
        await own_vault.writer.store(workspace, KIND, "x", _secret())
    assert caught.value.code == "internal_error"
    assert "title" not in str(caught.value)
    logged = capfd.readouterr()
    assert "vault call failed" in logged.out + logged.err
    assert CANARY not in logged.out + logged.err + str(caught.value)


async def test_a_full_disk_is_said(
    vault: Vault, workspace: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise asyncpg.DiskFullError(f"could not extend file for {CANARY}")

    monkeypatch.setattr(vault.backend, "store", full)
    with pytest.raises(errors.VaultFull) as caught:
        await vault.writer.store(workspace, KIND, "Team chat", _secret())
    assert (caught.value.code, "full" in caught.value.message) == ("unavailable", True)
    assert CANARY not in caught.value.message + caught.value.remedy


async def test_health_needs_no_token(vault: Vault) -> None:
    async with vault.raw() as http:
        assert (await http.get("/vault/v1/health")).json() == {"status": "ok"}


async def test_the_client_maps_what_it_does_not_know(workspace: uuid.UUID) -> None:
    from livery.vault.client import VaultClient

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, text="<html>" + request.content.decode())

    async with VaultClient(Secret("t"), transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(errors.VaultError, match="503") as caught:
            await client.store(workspace, KIND, "x", _secret())
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://vault.example", "http://10.0.0.1", "ftp://127.0.0.1", "vault", ""]
)
def test_the_client_speaks_in_the_open_on_loopback_only(url: str) -> None:
    from livery.vault.client import VaultClient

    with pytest.raises(ValueError, match="loopback"):
        VaultClient(Secret("t"), base_url=url)


async def test_the_client_keeps_refs_out_of_other_routes(
    vault: Vault, workspace: uuid.UUID
) -> None:
    for ref in ("", "..", "a/b", "x?y", "cred_ü"):
        with pytest.raises(errors.CredentialNotFound):
            await vault.writer.revoke(workspace, ref)
