"""`livery skills versions|diff|promote|rollback|channels|impact|deprecate|revoke|delete` on the real platform."""

import json

import pytest
from tests.cli.test_composition import Livery, document, livery, running
from tests.services.catalog.test_releases import NARROW, skill
from tests.support.platform import Running
from tests.support.skills import certified

from livery.cli.exits import UsageError
from livery.cli.refs import parse_ref

__all__ = ["livery", "running"]


@pytest.mark.parametrize(
    ("ref", "version", "found"),
    [
        ("add", None, ("add", None)),
        ("add@1.0.0", None, ("add", "1.0.0")),
        ("add", "1.0.0", ("add", "1.0.0")),
        ("add@1.0.0", "1.0.0", ("add", "1.0.0")),
        ("add@1.0.0-rc.1+b", None, ("add", "1.0.0-rc.1+b")),
    ],
)
def test_a_reference_is_read(ref: str, version: str | None, found: tuple[str, str | None]) -> None:
    assert parse_ref(ref, version) == found


@pytest.mark.parametrize(
    ("ref", "version"),
    [("", None), ("@1.0.0", None), ("add@", None), ("a@1@2", None), ("a@1", "2")],
)
def test_what_is_no_reference(ref: str, version: str | None) -> None:
    with pytest.raises(UsageError):
        parse_ref(ref, version)


async def test_channels(running: Running, livery: Livery) -> None:
    for version in ("1.0.0", "1.1.0"):
        await certified(running, skill("flow", version))
    empty = await livery("skills", "channels", "flow")
    assert "livery skills promote flow --to staging" in empty.stderr
    first = await document(livery, "skills", "promote", "flow@1.0.0", "--to", "production")
    assert (first["version"], first["previous"], first["moved"]) == ("1.0.0", None, True)
    async with running.http() as http:
        body = {"skill": "flow", "channel": "production"}
        assert (await http.put("/v1/bindings/home.main", json=body)).status_code in (200, 201)

    shown = await livery("skills", "promote", "flow", "--to", "production", "-r", "better")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout
    assert "flow in production is used by 1 binding:" in lines
    assert "home.main" in lines
    assert lines.index("home.main") < lines.index(
        "flow@1.1.0 · production"
    )  # said before it is done
    assert (
        "It was there already."
        in (await livery("skills", "promote", "flow", "--to", "production")).stderr
    )

    listed = await livery("skills", "versions", "flow")
    rows = [row.split() for row in listed.stdout.splitlines() if row.startswith("1.")]
    assert [row[:3] for row in rows] == [
        ["1.1.0", "certified", "production"],
        ["1.0.0", "certified", "–"],
    ]
    back = await livery(
        "skills", "rollback", "flow", "--channel", "production", "-r", "wrong totals"
    )
    assert "flow@1.0.0 · production" in back.stdout
    way = " ".join(back.stderr.split())
    assert "Back: livery skills promote flow@1.1.0 --to production" in way
    history = (await livery("skills", "channels", "flow")).stdout
    for said in (
        "production  1.0.0",
        "rolled back: 1.1.0 → 1.0.0",
        "promoted: 1.0.0 → 1.1.0",
        "wrong totals",
    ):
        assert said in history, history
    assert [
        item["kind"] for item in (await document(livery, "skills", "channels", "flow"))["items"]
    ] == [
        "roll_back",
        "promote",
        "promote",
    ]
    none = await livery("skills", "rollback", "flow")
    assert (none.exit_code, "no earlier version" in none.stderr) == (1, True)


async def test_what_may_not_be_promoted_is_denied(running: Running, livery: Livery) -> None:
    await running.platform.services.catalog.register(skill("raw", "1.0.0"), by="test")
    refused = await livery("skills", "promote", "raw", "--to", "production", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (3, "skill_not_certified")
    assert (await livery("skills", "promote", "raw@", "--to", "production")).exit_code == 2
    wrong = await livery("skills", "promote", "raw", "--to", "preview", "--json")
    assert (wrong.exit_code, json.loads(wrong.stdout)["code"]) == (1, "validation_error")


async def test_the_end_of_versions(running: Running, livery: Livery) -> None:
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        await certified(running, skill("ends", version))
    async with running.http() as http:
        body = {"skill": "ends", "version": "1.0.1"}
        assert (await http.put("/v1/bindings/home.end", json=body)).status_code in (200, 201)
    found = await document(livery, "skills", "impact", "ends@1.0.1")
    assert (found["version"], found["count"], found["kinds"]) == ("1.0.1", 1, {"binding": 1})
    assert "ends@1.0.0" in (nobody := await livery("skills", "impact", "ends@1.0.0")).stdout
    assert "Nobody uses" in nobody.stdout

    aged = await livery("skills", "deprecate", "ends@1.0.1", "--reason", "use 1.0.2")
    assert aged.exit_code == 0, aged.output
    assert aged.stdout.index("home.end") < aged.stdout.index("ends@1.0.1 · deprecated")
    words = ("skills", "revoke", "ends@1.0.1", "--reason", "leaks", "--in-flight", "withhold")
    gone = await document(livery, *words)
    assert (gone["changed"]["version"], gone["changed"]["status"]) == ("1.0.1", "revoked")
    assert gone["impact"]["count"] == 1
    again = await livery("skills", "revoke", "ends", "1.0.1", "--reason", "leaks", "--json")
    assert (again.exit_code, json.loads(again.stdout)["code"]) == (1, "invalid_transition")
    by_place = await livery("skills", "revoke", "ends", "1.0.2", "--reason", "leaks too")
    assert "ends@1.0.2 · revoked" in by_place.stdout
    assert (await livery("skills", "revoke", "ends@1.0.0")).exit_code == 2  # it states its reason

    held = await livery("skills", "delete", "ends@1.0.1")
    assert (held.exit_code, "home.end" in held.stderr) == (1, True)
    assert "ends@1.0.0 · deleted" in (await livery("skills", "delete", "ends@1.0.0")).stdout
    left = (await document(livery, "skills", "versions", "ends"))["items"]
    assert [item["status"] for item in left] == ["revoked", "revoked", "deleted"]


async def test_a_difference_is_said_in_words(running: Running, livery: Livery) -> None:
    await certified(running, skill("worded", "1.0.0"))
    breaking = {"compatibility": "breaking"}
    await running.platform.services.catalog.register(
        skill("worded", "2.0.0", NARROW, breaking), by="test"
    )
    found = await livery("skills", "diff", "worded", "1.0.0", "2.0.0", "--files")
    assert found.exit_code == 0, found.output
    for said in (
        "worded 1.0.0 → 2.0.0",
        "Breaking, and 2.0.0 says so",
        "Interface: breaking",
        "✗ input: `code` is now required",
        "Contract",
        'release: none → {"compatibility": "breaking"}',
        "~ contract.yaml",
        "+++ contract.yaml",
        "+version: 2.0.0",
    ):
        assert said in found.stdout, (said, found.stdout)
    read = await document(livery, "skills", "diff", "worded")
    assert (read["from"]["version"], read["to"]["version"]) == ("1.0.0", "2.0.0")
    assert read["verdict"]["needs"] is None


async def test_the_list_is_filtered(running: Running, livery: Livery) -> None:
    await certified(running, skill("sorted-out", "1.0.0"))
    found = await document(livery, "skills", "list", "--category", "tests", "--owner", "tests")
    assert [item["skill_key"] for item in found["items"]] == ["sorted-out"]
    wrong = await livery("skills", "list", "--status", "cerified")
    assert wrong.exit_code == 1
    assert "pending_certification" in wrong.stderr
