"""Rotation and retirement of signing keys, while processes run."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.governed import do, told
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package

from livery.entrypoints.keys import apply
from livery.integrations.signing import SigningKeys
from livery.services import PLATFORM
from livery.services.audit.types import Entry

OK = {"code": "result = 1"}


def keys_of(running: Running) -> SigningKeys:
    return SigningKeys(running.settings.keys_dir / "signing")


async def rotate(running: Running) -> str:
    """What `livery keys rotate` does, in another process."""
    return await apply(
        running.urls.api, lambda: Entry("key.rotated", PLATFORM, keys_of(running).rotate(), {})
    )


async def retire(running: Running, keyid: str, reason: str) -> None:
    from datetime import UTC, datetime

    def change() -> Entry:
        keys_of(running).retire(keyid, reason, "local:test", datetime.now(UTC))
        return Entry("key.retired", PLATFORM, keyid, {"reason": reason})

    await apply(running.urls.api, change)


async def document(running: Running, path: str, method: str = "GET") -> dict[str, Any]:
    async with running.http() as http:
        found: dict[str, Any] = (await http.request(method, path)).json()
    return found


async def test_a_rotated_key_still_verifies_and_the_new_one_signs_at_once(
    new_platform: NewPlatform,
) -> None:
    async with new_platform() as running:
        old = await certified(running, package("before"))
        assert old.certificate is not None
        former = old.certificate.key_id
        active = await rotate(running)
        new = await certified(running, package("after"))
        assert new.certificate is not None
        assert (former, new.certificate.key_id) == (old.certificate.key_id, active)
        for key in ("before", "after"):
            assert (await do(running, key, OK)).code == "tool_ok"
        states = (await document(running, "/v1/keys"))["states"]
        assert states == {former: {"state": "former"}, active: {"state": "active"}}
        again = await document(running, "/v1/skills/before/certify", "POST")
        assert again["certificate"]["key_id"] == former  # valid as it is


async def test_what_a_retired_key_certified_counts_no_more(new_platform: NewPlatform) -> None:
    async with new_platform() as one, new_platform(urls=one.urls, home=one.settings.home) as two:
        old = await certified(one, package("stolen"))
        assert old.certificate is not None
        former = old.certificate.key_id
        for running in (one, two):
            assert (await do(running, "stolen", OK)).code == "tool_ok"
        active = await rotate(one)
        await certified(one, package("clean"))
        await retire(one, former, "It was on a stolen disk.")
        for running in (one, two):
            assert await told(do(running, "stolen", OK)) == "skill_not_certified"
            assert (await do(running, "clean", OK)).code == "tool_ok"
        async with one.http() as http:
            refused = (
                await http.post("/v1/runs", json={"skill_key": "stolen", "input": OK})
            ).json()
        assert refused["detail"] == (
            f"The certificate is signed by key {former[:16]}, which was retired: It was on a stolen disk."
        )
        assert "livery skills certify" in refused["remedy"]
        shown = (await document(one, "/v1/skills/stolen"))["versions"][0]["certificate"]
        assert shown["state"] == "revoked"
        assert shown["reason"] == f"its key {former[:16]} was retired: It was on a stolen disk."
        states = (await document(one, "/v1/keys"))["states"]
        assert states[former] == {"state": "retired", "reason": "It was on a stolen disk."}
        again = await document(one, "/v1/skills/stolen/certify", "POST")
        assert (again["certificate"]["state"], again["certificate"]["key_id"]) == ("valid", active)
        for running in (one, two):
            assert (await do(running, "stolen", OK)).code == "tool_ok"


async def test_the_record_still_verifies_with_a_retired_key(new_platform: NewPlatform) -> None:
    async with new_platform() as running:
        former = keys_of(running).active()[0]
        await running.platform.services.audit.checkpoint()
        await rotate(running)
        await retire(running, former, "A drill.")
        verdict = await document(running, "/v1/audit/verify")
        assert verdict["ok"], verdict
        record = await document(running, "/v1/audit?kind=key.%25")
        assert {item["kind"] for item in record["items"]} <= {"key.rotated", "key.retired"}


async def test_nothing_is_changed_where_the_record_is_not_reached(platform: Running) -> None:
    before = keys_of(platform).active()[0]
    unreachable = urlsplit(platform.urls.api)._replace(path="/nowhere").geturl()
    with pytest.raises(Exception, match="nowhere"):
        await apply(
            unreachable, lambda: Entry("key.rotated", PLATFORM, keys_of(platform).rotate(), {})
        )
    assert keys_of(platform).active()[0] == before
