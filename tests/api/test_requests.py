"""Requests as strangers send them: every answer is a document, none a crash."""

import asyncio
import json
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import World
from tests.api.test_roles import check_problem

from livery.api.http import careful
from livery.manifest.errors import LiveryError

JSON = {"content-type": "application/json"}
BODIES = (
    "/v1/runs",
    "/v1/skills",
    "/v1/tokens",
    "/v1/workspaces",
    "/v1/hired-agents",
    "/v1/skills/add/revoke",
)


def document(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found = check_problem(answer)
    assert found["code"] == code
    return found


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v2/skills", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/skills/no-such", 404, "not_found"),
        ("GET", "/v1/skills/%00", 404, "not_found"),
        ("GET", "/v1/skills/a%00b/versions", 404, "not_found"),
        ("GET", "/v1/skills/%ff", 404, "not_found"),
        ("GET", "/v1/skills/%ED%A0%80", 404, "not_found"),
        ("GET", "/v1/skills/add/versions/%00/certificate", 404, "not_found"),
        ("GET", "/v1/skills/" + "x" * 20_000, 404, "not_found"),
        ("GET", "/v1/runs/nonsense", 404, "not_found"),
        ("GET", "/v1/runs/%00", 404, "not_found"),
        ("GET", "/v1/runs/00000000-0000-0000-0000-000000000001", 404, "not_found"),
        ("GET", "/v1/artifacts/nonsense/content", 404, "not_found"),
        ("DELETE", "/v1/tokens/nonsense", 404, "not_found"),
        ("POST", "/v1/approvals/%00/grant", 404, "not_found"),
        ("POST", "/v1/approvals/%ED%A0%80/grant", 404, "not_found"),
        ("DELETE", "/v1/skills", 405, "method_not_allowed"),
        ("PUT", "/v1/runs", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/runs", 405, "method_not_allowed"),
        ("TRACE", "/v1/runs", 405, "method_not_allowed"),
        ("POST", "/v1/health", 405, "method_not_allowed"),
        ("BREW", "/v1/skills", 405, "method_not_allowed"),
    ],
)
async def test_addresses(world: World, method: str, path: str, status: int, code: str) -> None:
    async with world.running.http() as http:
        document(await http.request(method, path), status, code)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/skills", "HEAD, GET, POST"),
        ("/v1/runs", "HEAD, GET, POST"),
        ("/v1/skills/add/certify", "POST"),
        ("/v1/tokens/x", "DELETE"),
        ("/v1/health", "HEAD, GET"),
    ],
)
async def test_a_405_says_what_is_allowed(world: World, path: str, allowed: str) -> None:
    async with world.running.http() as http:
        answer = await http.request("PATCH", path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed


QUERIES = {
    "/v1/skills": ("category", "owner", "q", "cursor"),
    "/v1/runs": ("code", "skill_key"),
    "/v1/artifacts": ("kind",),
    "/v1/audit": ("kind", "run_id", "code", "correlation_id"),
    "/v1/session-logs/cursors": ("after",),
}
STRANGE = (
    "\x00",
    "a\x00b",
    "%",
    "_",
    "\\",
    "%\\",
    "'",
    '"',
    "\ufffd",
    "\U0001f600",
    "*",
    "'; drop table x; --",
)


@pytest.mark.parametrize("path", QUERIES)
async def test_strange_filters_find_nothing(world: World, path: str) -> None:
    async with world.running.http() as http:
        for name in QUERIES[path]:
            for value in STRANGE:
                answer = await http.get(path, params={name: value})
                if "\x00" in value:
                    document(answer, 422, "validation_error")
                else:
                    assert answer.status_code == 200, (name, value, answer.text)
            raw = await http.get(f"{path}?{name}=%ff%fe")
            assert raw.status_code == 200, raw.text
            document(await http.get(path, params={name: "x" * 5000}), 422, "validation_error")


# As run_status_check of storage/schema.sql has them.
OF_RUNS = "awaiting_approval, canceled, denied, failed, queued, running, succeeded, unknown"


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/skills", "certified, deleted, deprecated, draft, pending_certification, revoked"),
        ("/v1/job-roles", "certified, pending_certification, revoked"),
        ("/v1/runs", OF_RUNS),
    ],
)
@pytest.mark.parametrize("value", [*STRANGE, "nope", "", "Denied"])
async def test_a_strange_status_is_refused_with_those_that_are(
    world: World, path: str, known: str, value: str
) -> None:
    async with world.running.http() as http:
        answer = await http.get(path, params={"status": value})
    found = document(answer, 422, "validation_error")
    assert [violation["pointer"] for violation in found["violations"]] == ["/status"]
    assert "\x00" in value or found["violations"][0]["message"] == f"one of: {known}"


async def test_every_status_of_a_run_can_be_asked_for(world: World) -> None:
    async with world.running.http() as http:
        for status in OF_RUNS.split(", "):
            assert (await http.get("/v1/runs", params={"status": status})).status_code == 200


LAX = {
    "a boolean as a word": ("/v1/runs", "dry_run", ["yes", "true", "on", 1, 0, 1.0, "0"]),
    "another": ("/v1/runs", "wait", ["no", 0]),
    "a third": ("/v1/runs", "wait_for_approval", ["yes", 1]),
    "a number as a word": ("/v1/tokens", "expires_in_days", ["7", True]),
    "a count as a word": ("/v1/standing-approvals", "runs", ["7", True, 7.0]),
    "days as a word": ("/v1/standing-approvals", "expires_in_days", ["7", True]),
    "a number as a name": ("/v1/workspaces", "name", [5, True]),
}
WHOLE: dict[str, dict[str, Any]] = {
    "/v1/runs": {"skill_key": "add", "input": {"a": 2, "b": 3}},
    "/v1/tokens": {"role": "auditor"},
    "/v1/standing-approvals": {"skill": "webhook-send", "target": "a.example", "runs": 3},
    "/v1/workspaces": {"name": "strict"},
}


@pytest.mark.parametrize(("path", "member", "values"), LAX.values(), ids=LAX)
async def test_a_value_has_the_type_that_json_has_for_it(
    world: World, path: str, member: str, values: list[Any]
) -> None:
    async with world.running.http() as http:
        for value in values:
            answer = await http.post(path, json={**WHOLE[path], member: value})
            found = document(answer, 422, "validation_error")
            assert [item["pointer"] for item in found["violations"]] == [f"/{member}"], value


@pytest.mark.parametrize("path", ["/v1/workspaces/default", "/v1/approvals/none/deny"])
async def test_a_switch_is_true_or_false(world: World, path: str) -> None:
    member = "remember" if path.endswith("deny") else "four_eyes"
    method = "POST" if path.endswith("deny") else "PATCH"
    async with world.running.http() as http:
        for value in ("yes", 1, "true"):
            answer = await http.request(method, path, json={member: value})
            found = document(answer, 422, "validation_error")
            assert found["violations"][0]["pointer"] == f"/{member}"


async def test_a_whole_number_is_a_number_too_and_an_id_is_a_text(world: World) -> None:
    nobody = "00000000-0000-0000-0000-000000000001"
    async with world.running.http() as http:
        made = await http.post("/v1/tokens", json={"role": "auditor", "expires_in_days": 7})
        assert made.status_code == 201, made.text
        run = {**WHOLE["/v1/runs"], "hired_agent_id": nobody}
        assert (await http.post("/v1/runs", json=run)).status_code == 404


@pytest.mark.parametrize("path", ["/v1/skills", "/v1/runs", "/v1/artifacts", "/v1/audit"])
@pytest.mark.parametrize("limit", ["0", "-1", "501", "x", "1.5", "", "9" * 40, "\x00"])
async def test_limits(world: World, path: str, limit: str) -> None:
    async with world.running.http() as http:
        found = document(await http.get(path, params={"limit": limit}), 422, "validation_error")
    assert found["violations"][0]["pointer"] == "/limit"


@pytest.mark.parametrize(
    ("path", "cursor", "status"),
    [
        ("/v1/runs", "x", 404),
        ("/v1/runs", "\x00", 422),
        ("/v1/artifacts", "x", 404),
        ("/v1/audit", "x", 422),
        ("/v1/audit", "1.2", 422),
        ("/v1/audit", "9" * 30 + ".1.x", 422),
        ("/v1/audit", "1.1.x", 200),
        ("/v1/skills", "~", 200),
    ],
)
async def test_cursors(world: World, path: str, cursor: str, status: int) -> None:
    async with world.running.http() as http:
        answer = await http.get(path, params={"cursor": cursor})
    assert answer.status_code == status, answer.text


NO_JSON = {
    "nothing": b"",
    "half": b'{"a": ',
    "text": b"hello",
    "NaN": b'{"input": NaN}',
    "infinity": b'{"input": Infinity}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "bytes": b"\xff\xfe\x00",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "two documents": b"{}{}",
    "a comment": b"{} // x",
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("name", NO_JSON)
async def test_what_is_no_json(world: World, path: str, name: str) -> None:
    async with world.running.http() as http:
        answer = await http.post(path, content=NO_JSON[name], headers=JSON)
    found = document(answer, 422, "validation_error")
    assert found["violations"]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("body", ["[]", "null", "5", '"text"', "true", '{"unknown": 1}', "[{}]"])
async def test_json_of_another_shape(world: World, path: str, body: str) -> None:
    async with world.running.http() as http:
        found = document(await http.post(path, content=body, headers=JSON), 422, "validation_error")
    assert found["violations"]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "x", ""]
)
async def test_another_content_type(world: World, path: str, kind: str) -> None:
    async with world.running.http() as http:
        answer = await http.post(path, content=b"{}", headers={"content-type": kind})
    document(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind",
    ["application/json; charset=utf-8", "APPLICATION/JSON", "application/problem+json", None],
)
async def test_json_by_any_name(world: World, kind: str | None) -> None:
    body = b'{"skill_key": "add", "input": {"a": 2, "b": 3}}'
    async with world.running.http() as http:
        headers = {"content-type": kind} if kind else {}
        answer = await http.post("/v1/runs", content=body, headers=headers)
    assert answer.json()["result"] == 5


@pytest.mark.parametrize("path", [*BODIES, "/v1/session-logs"])
async def test_ten_megabytes_and_more(world: World, path: str) -> None:
    size = 65 if path == "/v1/session-logs" else 10

    async def much() -> Any:
        yield b'{"input": "'
        for _ in range(size):
            yield b"x" * 1024 * 1024
        yield b'"}'

    async with world.running.http() as http:
        answer = await http.post(path, content=much(), headers=JSON)
    document(answer, 413, "payload_too_large" if path in BODIES else answer.json()["code"])


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("multipart/form-data", b"x", 422),
        ("multipart/form-data; boundary=b", b"", 422),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense", 422),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="package"\r\n\r\ntext\r\n--b--\r\n',
            422,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="other"; filename="x"\r\n\r\nx\r\n--b--\r\n',
            422,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="package"; filename="x"\r\n\r\nno zip\r\n--b--\r\n',
            422,
        ),
    ],
)
async def test_uploads_that_are_none(world: World, kind: str, content: bytes, status: int) -> None:
    async with world.running.http() as http:
        answer = await http.post("/v1/skills", content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    check_problem(answer)


async def test_an_upload_that_does_not_end(world: World) -> None:
    async def much() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="package"; filename="x"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 1024 * 1024

    headers = {"content-type": "multipart/form-data; boundary=b"}
    async with world.running.http() as http:
        answer = await http.post("/v1/skills", content=much(), headers=headers)
    document(answer, 413, "payload_too_large")


NULS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/skills", {"name": "a\x00b", "description": "x", "category": "x"}),
    ("/v1/skills", {"name": "a", "description": "x\x00", "category": "x"}),
    ("/v1/skills", {"name": "a", "description": "x", "category": "\x00"}),
    ("/v1/skills", {"name": "a", "description": "x", "category": "x", "skill_key": "a\x00"}),
    ("/v1/tokens", {"role": "operator", "name": "\x00"}),
    ("/v1/tokens", {"role": "customer_admin", "workspace": "\x00"}),
    ("/v1/workspaces", {"name": "a\x00"}),
    ("/v1/workspaces", {"name": "a", "slug": "a\x00"}),
    ("/v1/workspaces", {"name": "a", "timezone": "\x00"}),
    ("/v1/hired-agents", {"agent_type": "\x00"}),
    ("/v1/hired-agents", {"agent_type": "analytics.weekly_digest.v1", "name": "\x00"}),
    ("/v1/skills/add/revoke", {"reason": "\x00"}),
    ("/v1/runs", {"skill_key": "add\x00", "input": {}}),
    ("/v1/runs", {"skill_id": "\x00", "input": {}}),
    ("/v1/runs", {"skill_key": "add", "input": {}, "version": "\x00"}),
    ("/v1/runs", {"skill_key": "add", "input": {}, "workspace": "\x00"}),
    ("/v1/runs", {"skill_key": "add", "input": {}, "approval_id": "\x00"}),
]


@pytest.mark.parametrize(("path", "body"), NULS)
async def test_nul_in_a_body(world: World, path: str, body: dict[str, Any]) -> None:
    async with world.running.http() as http:
        found = document(await http.post(path, json=body), 422, "validation_error")
    assert found["violations"]


@pytest.mark.parametrize(
    "value", ["Europe", "../../etc/passwd", "/etc/passwd", "", "x" * 64, "Mars/Base"]
)
async def test_time_zones_that_are_none(world: World, value: str) -> None:
    async with world.running.http() as http:
        body = {"name": f"zone {value!r}", "timezone": value}
        document(await http.post("/v1/workspaces", json=body), 422, "validation_error")


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ("\x00", "/text"),
        (2**53, "/text"),
        (-(2**53), "/text"),
        (10**30, "/text"),
        ("\ufdd0", "/text"),
    ],
)
async def test_inputs_outside_of_i_json(world: World, value: Any, pointer: str) -> None:
    body = {"skill_key": "weekly-digest", "input": {"text": value}, "workspace": "acme"}
    async with world.running.http() as http:
        found = document(await http.post("/v1/runs", json=body), 422, "tool_input_invalid")
        assert found["violations"][0]["pointer"] == pointer
        recorded = (await http.get(f"/v1/runs/{found['run_id']}")).json()
    assert (recorded["status"], recorded["code"]) == ("denied", "tool_input_invalid")


RAW_INPUTS = {
    "NaN": (b'{"text": NaN}', "/text"),
    "infinity": (b'{"a": [1, -Infinity]}', "/a/1"),
    "beyond a double": (b'{"a": 1e999}', "/a"),
    "a lone surrogate": (b'{"a": {"b": "\\ud800"}}', "/a/b"),
    "a lone surrogate in bytes": (b'{"a": "\xed\xa0\x80"}', "/a"),
    "a lone surrogate as a name": (b'{"a": {"\\udfff": 1}}', "/a"),
}


@pytest.mark.parametrize("name", RAW_INPUTS)
async def test_inputs_that_python_reads_and_json_does_not_hold(world: World, name: str) -> None:
    raw, pointer = RAW_INPUTS[name]
    content = b'{"skill_key": "weekly-digest", "workspace": "acme", "input": ' + raw + b"}"
    async with world.running.http() as http:
        answer = await http.post("/v1/runs", content=content, headers=JSON)
        found = document(answer, 422, "tool_input_invalid")
        assert found["violations"][0]["pointer"] == pointer
        recorded = (await http.get(f"/v1/runs/{found['run_id']}")).json()
    assert (recorded["status"], recorded["code"]) == ("denied", "tool_input_invalid")


TWICE = {
    "in the input": (b'{"skill_key": "add", "input": {"a": 1, "a": 5, "b": 1}}', "/a", True),
    "spelled otherwise": (b'{"skill_key": "add", "input": {"a": 1, "\\u0061": 5}}', "/a", True),
    "with space": (b'{"skill_key":"add","input":{"a" :1,"a"\n:\t5}}', "/a", True),
    "deep": (b'{"skill_key":"add","input":{"a":[0,{"b/c":1,"b/c":2}]}}', "/a/1/b~1c", True),
    "behind texts": (b'{"skill_key":"add","input":{"a":"\\":","a":"\\u0022:"}}', "/a", True),
    "behind a backslash": (b'{"skill_key":"add","input":{"a\\\\":1,"a\\\\":2}}', "/a\\", True),
    "beside NaN": (b'{"skill_key":"add","input":{"a":1,"a":NaN}}', "/a", True),
    "the skill": (b'{"skill_key":"add","skill_key":"kv","input":{}}', "/skill_key", False),
    "the input": (b'{"skill_key":"add","input":{"a":1},"input":{"b":1}}', "/input", False),
}


@pytest.mark.parametrize("name", TWICE)
async def test_a_member_that_is_named_twice(world: World, name: str) -> None:
    content, pointer, in_input = TWICE[name]
    code = "tool_input_invalid" if in_input else "validation_error"
    async with world.running.http() as http:
        answer = await http.post("/v1/runs", content=content, headers=JSON)
    assert document(answer, 422, code)["violations"][0]["pointer"] == pointer


async def test_a_member_that_is_named_twice_in_another_body(world: World) -> None:
    content = b'{"name": "one", "name": "two"}'
    async with world.running.http() as http:
        answer = await http.post("/v1/workspaces", content=content, headers=JSON)
    assert document(answer, 422, "validation_error")["violations"][0]["pointer"] == "/name"


class _Pairs(tuple[Any, ...]):
    """An object as it is written, a name twice where it is drawn twice."""


_TREES = st.recursive(
    st.integers(-9, 9) | st.text('":\\{}, ab', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(st.text('":\\ab', max_size=2), inner), max_size=3).map(_Pairs)
    ),
    max_leaves=8,
)


def _written(tree: Any, gap: str) -> str:
    if isinstance(tree, _Pairs):
        pairs = (f"{json.dumps(k)}{gap}:{gap}{_written(v, gap)}" for k, v in tree)
        return "{" + ",".join(pairs) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(_written(item, gap) for item in tree) + "]"
    return json.dumps(tree)


def _repeats(tree: Any) -> bool:
    if isinstance(tree, _Pairs):
        names = [name for name, _ in tree]
        return len(set(names)) < len(names) or any(_repeats(member) for _, member in tree)
    return isinstance(tree, list) and any(_repeats(item) for item in tree)


@given(_TREES, st.sampled_from(["", " ", "\n\t"]))
def test_the_quick_count_misses_no_member_that_is_named_twice(tree: Any, gap: str) -> None:
    raw = _written(tree, gap).encode()
    found = orjson.loads(raw)
    if _repeats(tree):
        assert careful.may_repeat(raw, found)
        with pytest.raises(LiveryError):
            careful.refuse_repeated(raw, None)
    elif b"\\" not in raw:
        assert not careful.may_repeat(raw, found)
    else:
        careful.refuse_repeated(raw, None)


# Correlation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/v1/whoami", "/v1/nothing", "/v1/runs/nonsense", "/v1/health", "/metrics"]
)
async def test_a_correlation_id_is_taken_or_made(world: World, path: str) -> None:
    async with world.running.http() as http:
        given = await http.get(path, headers={"X-Correlation-ID": "a.b_c:D-9"})
        assert given.headers["x-correlation-id"] == "a.b_c:D-9"
        for bad in (
            "",
            "a b",
            "a\tb",
            "x" * 129,
            "<script>",
            "\u00e9",
            "sk-proj-a1a1a1a1a1a1a1a1a1a1a1",
        ):
            answer = await http.get(path, headers={b"x-correlation-id": bad.encode("latin-1")})
            minted = answer.headers["x-correlation-id"]
            assert len(minted) == 32
            assert minted != bad
        first, second = await http.get(path), await http.get(path)
    assert first.headers["x-correlation-id"] != second.headers["x-correlation-id"]


async def test_a_correlation_id_goes_all_the_way(world: World) -> None:
    async with world.running.http() as http:
        for body in ({"a": 1, "b": 2}, {"a": "x", "b": 2}):
            answer = await http.post(
                "/v1/runs",
                json={"skill_key": "add", "input": body},
                headers={"X-Correlation-ID": "trail-1"},
            )
            assert answer.headers["x-correlation-id"] == "trail-1"
            assert answer.json()["correlation_id"] == "trail-1"
        entries = (await http.get("/v1/audit", params={"correlation_id": "trail-1"})).json()[
            "items"
        ]
    assert sorted(item["kind"] for item in entries) == [
        "run.denied",
        "run.started",
        "run.succeeded",
    ]


async def test_an_unexpected_error_is_a_problem_with_its_correlation_id(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("password=hunter2pw")

    monkeypatch.setattr(type(world.running.platform.services.runs), "search", broken)
    async with world.running.http() as http:
        answer = await http.get("/v1/runs", headers={"X-Correlation-ID": "broken-1"})
    document(answer, 500, "internal_error")
    assert answer.headers["x-correlation-id"] == "broken-1"
    assert answer.headers.get_list("x-correlation-id") == ["broken-1"]
    assert "hunter2pw" not in answer.text


# HEAD and content ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/v1/health", "/v1/skills", "/v1/skills/add", "/v1/runs", "/metrics"]
)
async def test_head_is_get_without_a_body(world: World, path: str) -> None:
    async with world.running.http() as http:
        got, head = await http.get(path), await http.head(path)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]


async def test_content_cannot_run_in_a_browser(world: World) -> None:
    async with world.running.http() as http:
        listed = (await http.get("/v1/artifacts", params={"run_id": world.run_id})).json()["items"]
        assert len(listed) == 4
        for item in listed:
            answer = await http.get(f"/v1/artifacts/{item['artifact_id']}/content")
            assert answer.headers["content-type"].startswith(item["media_type"])
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert answer.headers["content-disposition"] == "attachment"
            assert answer.headers["etag"] == f'"{item["sha256"]}"'
            assert len(answer.content) == item["size"]
            head = await http.head(f"/v1/artifacts/{item['artifact_id']}/content")
            assert head.headers["content-length"] == str(item["size"])


# Idempotency --------------------------------------------------------------------------------------------


async def test_an_idempotency_key(world: World) -> None:
    body = {"skill_key": "add", "input": {"a": 20, "b": 22}}
    async with world.running.http() as http:
        headers = {"Idempotency-Key": "order-1"}
        first = (await http.post("/v1/runs", json=body, headers=headers)).json()
        again = (await http.post("/v1/runs", json=body, headers=headers)).json()
        assert (again["run_id"], again["result"], again["from_cache"]) == (
            first["run_id"],
            42,
            True,
        )
        assert first["from_cache"] is False
        other = {"skill_key": "add", "input": {"a": 20, "b": 23}}
        answer = await http.post("/v1/runs", json=other, headers=headers)
        document(answer, 422, "idempotency_conflict")
        many = await asyncio.gather(
            *(
                http.post("/v1/runs", json=body, headers={"Idempotency-Key": "order-2"})
                for _ in range(16)
            )
        )
    assert {item.status_code for item in many} <= {200, 409}
    assert len({item.json()["run_id"] for item in many if item.status_code == 200}) == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\tb", "\u00e9"])
async def test_idempotency_keys_that_are_none(world: World, key: str) -> None:
    body = {"skill_key": "add", "input": {"a": 1, "b": 1}}
    async with world.running.http() as http:
        answer = await http.post(
            "/v1/runs", json=body, headers={b"idempotency-key": key.encode("latin-1")}
        )
    if (
        key == " "
    ):  # HTTP itself takes the spaces around a value away on a wire; here it is printable
        assert answer.status_code in (200, 422)
        return
    document(answer, 422, "validation_error")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.sampled_from(BODIES),
    body=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "role", "skill_key", "input", "workspace", "reason", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ),
)
async def test_any_json_gets_a_document(world: World, path: str, body: Any) -> None:
    async with world.running.http() as http:
        answer = await http.post(path, json=body)
    assert answer.status_code < 500, answer.text
    assert answer.headers["x-correlation-id"]
