import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from livery.authoring import CapabilityDenied, Context, HttpResponse, contract_yaml, host_of, skill
from livery.authoring.loading import load_entry
from livery.authoring.testkit import (
    KitContext,
    assert_contract,
    make_context,
    read_package,
    run,
    run_fixtures,
)
from livery.manifest.capabilities import Capabilities
from livery.manifest.errors import ContractInvalid

SALES = [
    {"shop": "a", "day": 1, "revenue": 10, "orders": 1},
    {"shop": "b", "day": 1, "revenue": 7, "orders": 2},
    {"shop": "a", "day": 2, "revenue": 5, "orders": 3},
]
ALL = {
    "data": ["sales"],
    "network": ["api.example"],
    "credentials": ["mail"],
    "storage": ["notes"],
    "tools": ["livery:double"],
}


@skill(capabilities={"storage": ["own"]})
def double(a: int, ctx: Context) -> int:
    ctx.storage.set("own", "last", a)
    return a * 2


@skill()
def greedy(ctx: Context) -> str:
    return ctx.credential("mail")


def full() -> KitContext:
    return make_context(
        ALL,
        data={"sales": SALES},
        credentials={"mail": "hunter2"},
        responses={"GET https://api.example/x": HttpResponse(200, {}, b"ok")},
        skills={"double": double, "greedy": greedy},
    )


@pytest.mark.parametrize(
    ("use", "kind", "value"),
    [
        (lambda ctx: ctx.data.query("secrets", [], ["x"]), "data", "secrets"),
        (lambda ctx: ctx.http.request("GET", "https://evil.example/x"), "network", "evil.example"),
        (
            lambda ctx: ctx.http.request("GET", "https://api.example:80/x"),
            "network",
            "api.example:80",
        ),
        (
            lambda ctx: ctx.http.request("GET", "https://api.example:8443/x"),
            "network",
            "api.example:8443",
        ),
        (
            lambda ctx: ctx.http.request("GET", "https://api.example@evil.example/"),
            "network",
            "api.example@evil.example",
        ),
        (lambda ctx: ctx.credential("bank"), "credentials", "bank"),
        (lambda ctx: ctx.storage.get("theirs", "k"), "storage", "theirs"),
        (lambda ctx: ctx.storage.set("theirs", "k", 1), "storage", "theirs"),
        (lambda ctx: ctx.storage.delete("theirs", "k"), "storage", "theirs"),
        (lambda ctx: ctx.call("greedy", {}), "tools", "livery:greedy"),
    ],
)
def test_what_is_not_declared_is_denied(
    use: Callable[[Context], Any], kind: str, value: str
) -> None:
    for ctx in (full(), make_context()):
        with pytest.raises(CapabilityDenied) as caught:
            use(ctx)
        assert caught.value.details == {"kind": kind, "value": value}


def test_nothing_is_allowed_by_default() -> None:
    ctx = make_context(data={"sales": SALES}, credentials={"mail": "x"})
    with pytest.raises(CapabilityDenied):
        ctx.data.query("sales", ["shop"], ["revenue"])
    with pytest.raises(CapabilityDenied):
        ctx.credential("mail")


def test_queries_filter_group_sum_order_and_cut() -> None:
    query = full().data.query
    assert query("sales", ["shop"], ["revenue", "orders"]) == [
        {"shop": "a", "revenue": 15, "orders": 4},
        {"shop": "b", "revenue": 7, "orders": 2},
    ]
    assert query("sales", [], ["revenue"], where={"day": 1}) == [{"revenue": 17}]
    assert query("sales", ["day"], ["orders"], where={"shop": ["a", "c"]}, order_by=["-day"]) == [
        {"day": 2, "orders": 3},
        {"day": 1, "orders": 1},
    ]
    top = query("sales", ["day", "shop"], ["revenue"], order_by=["shop", "-day"], limit=2)
    assert [(row["shop"], row["day"]) for row in top] == [("a", 2), ("a", 1)]
    with pytest.raises(KeyError):
        make_context({"data": ["sales"]}).data.query("sales", [], [])


def test_a_function_can_stand_for_a_view() -> None:
    def mean(*arguments: Any) -> list[dict[str, Any]]:
        assert arguments == (["shop"], ["price"], None, None, 1)
        return [{"shop": "a", "price": 7.5}]

    ctx = make_context({"data": ["prices"]}, data={"prices": mean})
    assert ctx.data.query("prices", ["shop"], ["price"], limit=1) == [{"shop": "a", "price": 7.5}]


def test_fingerprints_follow_what_was_read() -> None:
    def read(rows: list[dict[str, Any]]) -> Any:
        ctx = make_context({"data": ["sales"]}, data={"sales": rows})
        ctx.data.query("sales", ["shop"], ["revenue"])
        return ctx.data.fingerprints

    assert read(SALES) == read(SALES)
    assert read(SALES) != read([{**SALES[0], "revenue": 11}, *SALES[1:]])
    assert list(read(SALES)) == ["sales"]
    assert full().data.fingerprints == {}


def test_http_answers_from_the_table_and_remembers() -> None:
    ctx = full()
    answer = ctx.http.request("GET", "https://api.example/x", headers={"a": "b"}, json={"c": 1})
    assert (answer.status, answer.body) == (200, b"ok")
    assert ctx.http.requests[0]["json"] == {"c": 1}
    with pytest.raises(KeyError):
        ctx.http.request("GET", "https://api.example/y")
    with pytest.raises(CapabilityDenied):  # a POST is an effect, and none is declared
        ctx.http.request("POST", "https://api.example/x")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://API.Example/x?q=evil.example", "api.example"),
        ("https://api.example:443/", "api.example"),
        ("http://api.example:80", "api.example"),
        ("http://api.example:443", "api.example:443"),
        ("https://api.example.:443#@evil.example", "api.example."),
        ("https://user:pw@api.example/", "user:pw@api.example"),
        ("https://[::1]:8443/", "[::1]:8443"),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("url", ["", "api.example/x", "file:///etc/passwd", "https:///x", "//h/x"])
def test_other_urls_have_no_host(url: str) -> None:
    with pytest.raises(ValueError, match="http or https"):
        host_of(url)


def test_storage_keeps_json_within_its_bounds() -> None:
    storage = full().storage
    assert storage.get("notes", "k") is None
    storage.set("notes", "k", {"a": 1}, ttl_s=31_536_000)
    assert storage.get("notes", "k") == {"a": 1}
    assert storage.expires["notes", "k"] == timedelta(days=365)
    assert storage.delete("notes", "k")
    assert not storage.delete("notes", "k")
    for ttl in (0, 31_536_001):
        with pytest.raises(ValueError, match="ttl_s"):
            storage.set("notes", "k", 1, ttl_s=ttl)
    with pytest.raises(ValueError, match="NUL"):
        storage.set("notes", "k", "a\x00b")


def test_artifacts_are_bytes_with_their_hash() -> None:
    ctx = make_context()
    ref = ctx.artifact("a.json", "application/json", {"b": 1, "a": 2})
    assert ctx.artifacts["a.json"] == (ref, b'{"a":2,"b":1}')
    assert (ref.size, ref.sha256) == (13, hashlib.sha256(b'{"a":2,"b":1}').hexdigest())
    assert ctx.artifact("t.md", "text/markdown", "ä").size == 2
    assert ctx.artifact("b", "application/octet-stream", b"\x00").size == 1
    with pytest.raises(ValueError, match="written already"):
        ctx.artifact("b", "text/plain", "again")


def test_logs_hold_no_secret() -> None:
    ctx = make_context()
    ctx.log.info("read", rows=3, password="hunter2")
    ctx.log.warning("careful", token="ghp_" + "a" * 36)
    assert [record[:2] for record in ctx.log.records] == [("info", "read"), ("warning", "careful")]
    assert ctx.log.records[0][2]["rows"] == 3
    assert "hunter2" not in repr(ctx.log.records)
    assert "ghp_" not in repr(ctx.log.records)


def test_a_called_skill_is_held_to_its_own_contract() -> None:
    ctx = full()
    assert ctx.call("double", {"a": 4}) == 8
    assert ctx.storage.kept == {("own", "last"): 4}  # one workspace, each its namespace
    with pytest.raises(CapabilityDenied):
        ctx.storage.get("own", "last")
    wide = make_context(
        {**ALL, "tools": ["livery:greedy"]}, credentials={"mail": "x"}, skills={"greedy": greedy}
    )
    with pytest.raises(CapabilityDenied) as caught:  # its caller may, it may not
        wide.call("greedy", {})
    assert caught.value.details["kind"] == "credentials"


def test_time_stands_still() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert make_context(now=at).now == at
    assert make_context(Capabilities()).now.tzinfo is not None
    with pytest.raises(ValueError, match="time zone"):
        make_context(now=datetime(2026, 1, 1))  # noqa: DTZ001


CODE = """from livery.authoring import Context, skill

@skill("next-number", capabilities={"data": ["sales"]})
def run(a: int, ctx: Context) -> int:
    if a == 13:
        raise RuntimeError("unlucky")
    if a == 14:
        return ctx.data.query("sales", [], ["revenue"])[0]["revenue"]
    return a + 1
"""
SKILL_MD = "---\nname: next-number\ndescription: The next number.\n---\n"


def package(tmp_path: Path, fixtures: list[dict[str, Any]]) -> Path:
    folder = tmp_path / "next-number"
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "skill.py").write_text(CODE)
    (folder / "SKILL.md").write_text(SKILL_MD)
    tool = load_entry(folder, "scripts/skill.py:run")
    existing = {"tests": {"fixtures": fixtures}}
    (folder / "contract.yaml").write_text(contract_yaml(tool, existing))
    return folder


def test_fixtures_pass_or_say_why(tmp_path: Path) -> None:
    folder = package(
        tmp_path,
        [
            {"name": "good", "input": {"a": 1}, "output": 2},
            {"name": "near", "input": {"a": 2}, "output": 3.5, "tolerance": 0.5},
            {"name": "wrong", "input": {"a": 1}, "output": 3},
            {"name": "raises", "input": {"a": 13}, "output": 14},
            {"name": "refused", "input": {"a": "1"}, "output": 2},
            {"name": "reads", "input": {"a": 14}, "output": 22},
        ],
    )
    report = run_fixtures(
        folder,
        lambda contract: make_context(contract.capabilities, data={"sales": SALES}),
    )
    assert [result.ok for result in report.results] == [True, True, False, False, False, True]
    details = {result.name: result.detail for result in report.results}
    assert details["wrong"] == "/: expected 3, got 2"
    assert details["raises"] == "RuntimeError: unlucky"
    assert details["refused"].startswith("InputInvalid: ")
    assert not report.ok
    assert report.summary == "3 of 6 fixtures, largest difference 1"


def test_no_fixtures_prove_nothing(tmp_path: Path) -> None:
    report = run_fixtures(package(tmp_path, []))
    assert not report.ok
    assert report.summary == "0 of 0 fixtures, largest difference 0"


def test_what_is_no_python_package_is_refused(tmp_path: Path) -> None:
    folder = package(tmp_path, [])
    (folder / "contract.yaml").write_text("apiVersion: livery/v1\nversion: x\n")
    with pytest.raises(ContractInvalid) as caught:
        read_package(folder)
    assert any("contract.yaml:" in violation.message for violation in caught.value.violations)
    (folder / "contract.yaml").unlink()
    with pytest.raises(ContractInvalid, match="no python skill"):
        run_fixtures(folder)


def test_a_run_is_an_envelope_with_all_that_it_did() -> None:
    @skill(capabilities={"storage": ["notes"], "tools": ["livery:double"]})
    def busy(ctx: Context) -> int:
        ctx.storage.set("notes", "k", "v")
        twice = ctx.call("double", {"a": 2})
        ctx.artifact("a.txt", "text/plain", "x")
        ctx.storage.delete("notes", "k")
        return int(twice)

    tried = run(busy, {}, skills={"double": double})
    assert (tried.ok, tried.result) == (True, 4)
    assert [(e["kind"], e["what"]) for e in tried.effects] == [
        ("storage", "set notes/k"),
        ("tools", "livery:double"),
        ("storage", "set own/last"),  # of the skill that it called
        ("artifact", "a.txt"),
        ("storage", "delete notes/k"),
    ]
    envelope = tried.envelope.to_dict()
    assert envelope["side_effects"] == tried.effects
    assert [item["name"] for item in envelope["artifacts"]] == ["a.txt"]
    assert run(greedy, {}).code == "skill_capability_denied"


def test_no_secret_is_remembered_as_an_effect() -> None:
    token = "ghp_" + "a" * 36
    url = f"https://api.example/x?t={token}"
    ctx = make_context(ALL, responses={f"GET {url}": HttpResponse(200, {}, b"")})
    ctx.http.request("GET", url)
    assert token not in repr(ctx.effects)


def test_assert_contract_names_the_place(tmp_path: Path) -> None:
    good = {"name": "good", "input": {"a": 1}, "output": 2}
    folder = package(tmp_path, [good])
    assert_contract(folder)
    assert run(folder, {"a": 1}).result == 2
    code = folder / "scripts" / "skill.py"
    code.write_text(CODE.replace("ctx: Context", "ctx: Context, b: int = 0"))
    with pytest.raises(AssertionError, match=r"contract.yaml:\d+: /interface/input/properties/b"):
        assert_contract(folder)
    code.write_text(CODE.replace("a + 1", "a + 2"))
    with pytest.raises(AssertionError, match="good: /: expected 2, got 3"):
        assert_contract(str(folder))
    code.write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(AssertionError, match=r"scripts/skill.py:2: SystemExit"):
        assert_contract(folder)


def test_what_no_fixture_shows_is_not_asserted(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no fixture passed"):
        assert_contract(package(tmp_path, []))


@skill(timeout_s=1)
def endless() -> int:
    while True:
        with suppress(Exception):  # what tries to stay
            len("")


def test_an_endless_skill_is_stopped_when_its_time_is_over() -> None:
    said = run(endless, {}, timeout_s=0.2).envelope.to_dict()
    assert (said["status"], said["code"]) == ("failed", "timeout")
    for thread in threading.enumerate():
        if thread.name == "skill endless":
            thread.join(60)
            assert not thread.is_alive()
