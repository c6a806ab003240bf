"""The client against the documented shapes."""

import json

import httpx
import pytest

from livery.client import (
    ApiProblem,
    InputNotJson,
    Livery,
    LiveryClient,
    NotUnderstood,
    RunDenied,
    TooSlow,
    Unreachable,
)
from livery.client.connection import is_loopback, segment
from livery.manifest.errors import LiveryError


async def test_run_answers_the_envelope(client, platform):
    envelope = await client.run("add", {"a": 2, "b": 3}, idempotency_key="k1", dry_run=True)
    assert (envelope["ok"], envelope["result"]) == (True, {"sum": 5})
    asked = platform.requests[-1]
    assert json.loads(asked["body"]) == {
        "skill_key": "add",
        "input": {"a": 2, "b": 3},
        "wait": True,
        "dry_run": True,
    }
    assert asked["headers"]["idempotency-key"] == "k1"


async def test_run_sends_only_what_was_asked(client, platform):
    await client.run(
        "add",
        {"a": 1, "b": 1},
        version="1.0.0",
        channel="staging",
        hired_agent_id="h",
        workspace="acme",
        approval_id="APR-1",
        wait=False,
    )
    body = json.loads(platform.requests[-1]["body"])
    assert body["wait"] is False
    assert {k: body[k] for k in ("version", "channel", "hired_agent_id")} == {
        "version": "1.0.0",
        "channel": "staging",
        "hired_agent_id": "h",
    }
    assert "dry_run" not in body
    assert "idempotency-key" not in platform.requests[-1]["headers"]


async def test_a_denial_carries_its_envelope(client, sample):
    with pytest.raises(RunDenied) as denied:
        await client.run("revoked", {})
    assert denied.value.envelope["code"] == "skill_revoked"
    assert denied.value.run_id == sample.RUN_ID
    assert (denied.value.status, denied.value.code) == (403, "skill_revoked")
    assert denied.value.remedy == "Do the other thing."
    assert denied.value.correlation_id == "cor-1"
    assert denied.value.approval_request_id is None


async def test_a_missing_approval_names_its_request(client):
    with pytest.raises(RunDenied) as denied:
        await client.run("effect", {})
    assert denied.value.approval_request_id == "APR-7"


async def test_a_failed_run_is_an_envelope(client):
    assert (await client.run("fails", {}))["error"]["code"] == "provider_execution_failed"


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"a": [1, object()]}, "/a/1"),
        ({"a": b"x"}, "/a"),
        ({"a": {1: 2}}, "/a"),
        ({"a": 10**5000}, "/a"),
    ],
)
async def test_what_json_cannot_write_is_not_sent(client, platform, value, pointer):
    with pytest.raises(InputNotJson) as refused:
        await client.run("add", value)
    assert refused.value.code == "tool_input_invalid"
    assert refused.value.violations[0].pointer == pointer
    assert platform.requests == []


async def test_violations_keep_their_pointers(client):
    with pytest.raises(ApiProblem) as refused:
        await client.run("secret", {"api_key": "x"})
    assert not isinstance(refused.value, RunDenied)
    assert refused.value.violations[0].pointer == "/api_key"


async def test_a_code_of_a_newer_server_is_kept(client):
    with pytest.raises(ApiProblem) as refused:
        await client.run("new-code", {})
    assert (refused.value.code, refused.value.status) == ("code_of_next_year", 418)


async def test_lists_are_read_page_by_page(client, platform):
    runs = [run["run_id"] async for run in client.iter_runs(status="succeeded")]
    assert runs == [f"run-{n}" for n in range(250)]
    pages = [request["query"] for request in platform.requests]
    assert [page.get("cursor") for page in pages] == [None, "100", "200"]
    assert {page["status"] for page in pages} == {"succeeded"}


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 250, 1000])
async def test_a_limit_is_a_limit_over_pages(client, limit):
    assert len(await client.list_runs(limit=limit)) == min(limit, 250)


async def test_a_cursor_that_stands_still_ends_the_list():
    async def app(scope, receive, send):
        start = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": b'{"items": [1], "next_cursor": "x"}'})

    async with LiveryClient("http://t", "t", transport=httpx.ASGITransport(app=app)) as client:
        assert len([item async for item in client.pages("/v1/runs")]) == 2


async def test_every_call_reads_its_document(client, sample, platform):
    assert (await client.health())["version"] == "0.1.0"
    assert (await client.ready())["checks"]["vault"]["ok"] is False
    assert (await client.whoami())["role"] == "operator"
    assert "livery_runs" in await client.metrics_text()
    assert (await client.keys()).keys() == {"k"}
    assert (await client.create_token("agent", hired_agent_id="h"))["token"] == "t"
    assert len(await client.list_tokens()) == 1
    await client.revoke_token("i")
    assert (await client.create_workspace("Acme Ltd", timezone="Europe/Berlin"))["slug"] == "acme"
    assert len(await client.list_workspaces()) == 1
    assert (await client.create_skill("N", "d", "c", skill_key="n"))["skill_key"] == "n"
    assert (await client.add_package(b"PK"))["skill_key"] == "packaged"
    assert platform.requests[-1]["headers"]["content-type"].startswith("multipart/form-data")
    assert [s["skill_key"] for s in await client.list_skills()] == ["add", "subtract"]
    assert (await client.get_skill("add"))["channels"] == {"production": "1.0.0"}
    assert (await client.certify_skill("add"))["status"] == "certified"
    assert platform.requests[-1]["path"] == "/v1/skills/add/certify"
    await client.certify_skill("add", "1.0.0")
    assert platform.requests[-1]["path"] == "/v1/skills/add/versions/1.0.0/certify"
    assert (await client.revoke_skill("add", "1.0.0", "why"))["status"] == "revoked"
    assert (await client.get_certificate("add", "1.0.0"))["state"] == "valid"
    assert await client.get_package("add", "1.0.0") == b"PK-zip"
    assert (await client.get_run("r"))["status"] == "denied"
    assert len(await client.list_runs()) == 100
    assert await client.list_artifacts() == []
    assert (await client.audit())[0]["kind"] == "run.denied"
    assert (await client.audit_verify())["ok"] is True
    assert "signatures" in await client.audit_checkpoint()
    assert b"".join([c async for c in client.audit_export()]).count(b"\n") == 2
    assert (await client.agent_types())[0]["agent_type"] == "analytics.weekly_digest.v1"
    assert (await client.hire("analytics.weekly_digest.v1", "acme", "A"))["name"] == "A"
    assert len(await client.list_hired_agents()) == 3


async def test_artifacts(client, platform):
    platform.artifacts["a1"] = ({"artifact_id": "a1"}, b"\x00bytes", {"badge": "x@1.0.0"})
    assert await client.get_artifact("a1") == {"artifact_id": "a1"}
    assert await client.artifact_content("a1") == b"\x00bytes"
    assert (await client.artifact_provenance("a1"))["badge"] == "x@1.0.0"
    with pytest.raises(ApiProblem, match="no such artifact"):
        await client.get_artifact("a2")


async def test_a_key_is_one_segment(client, platform):
    with pytest.raises(ApiProblem):
        await client.get_skill("../tokens?x=1#y/z")
    assert platform.requests[-1]["path"] == "/v1/skills/..%2Ftokens%3Fx%3D1%23y%2Fz"
    for name in ("", ".", ".."):
        with pytest.raises(LiveryError):
            segment(name)


async def test_the_correlation_id_goes_with_every_request(sample, platform):
    transport = httpx.ASGITransport(app=platform)
    async with LiveryClient(
        "http://t", sample.TOKEN, transport=transport, correlation_id="c9"
    ) as c:
        await c.whoami()
    assert platform.requests[-1]["headers"]["x-correlation-id"] == "c9"


async def test_a_refused_stream_is_a_problem(platform):
    transport = httpx.ASGITransport(app=platform)
    async with LiveryClient("http://t", "wrong", transport=transport) as client:
        with pytest.raises(ApiProblem) as refused:
            [chunk async for chunk in client.audit_export()]
    assert (refused.value.status, refused.value.code) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (502, b"<html>Bad\n gateway</html>", "internal_error", "<html>Bad gateway</html>"),
        (404, b"", "not_found", "404"),
        (422, b"[1]", "validation_error", "[1]"),
        (401, b"\xff\xfe", "unauthenticated", "401"),
        (302, b"", "api_error", "302"),
        (403, b'{"detail": "No."}', "forbidden", "No."),
        (500, b"x" * 100_000, "internal_error", "xxx"),
    ],
)
async def test_a_refusal_that_is_no_problem_becomes_one(status, body, code, said):
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers={"X-Correlation-ID": "c7"})

    async with LiveryClient("http://t", "t", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(ApiProblem) as refused:
            await client.whoami()
    assert (refused.value.status, refused.value.code) == (status, code)
    assert said in refused.value.message
    assert len(refused.value.message) < 400
    assert refused.value.correlation_id == "c7"


async def test_retry_after_is_read():
    def answer(request: httpx.Request) -> httpx.Response:
        problem = {"code": "workspace_run_quota", "detail": "Later."}
        return httpx.Response(429, json=problem, headers={"Retry-After": "30"})

    async with LiveryClient("http://t", "t", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(ApiProblem) as refused:
            await client.whoami()
    assert refused.value.retry_after == 30.0


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"items": 3}', b"[" * 99_999])
async def test_an_answer_that_is_no_answer_is_said_so(body):
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body)

    async with LiveryClient("http://t", "t", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(NotUnderstood):
            await client.list_skills()


async def test_time_that_runs_out_is_said_so():
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    async with LiveryClient("http://t", "t", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(TooSlow, match="30 s"):
            await client.whoami()


async def test_nobody_at_the_address(unused_tcp_port):
    async with LiveryClient(f"http://127.0.0.1:{unused_tcp_port}", "t") as client:
        with pytest.raises(Unreachable) as refused:
            await client.health()
    assert "livery up" in refused.value.remedy
    assert refused.value.__cause__ is not None


async def test_what_is_no_address():
    with pytest.raises(Unreachable):
        LiveryClient("http://127.0.0.1:port", "t")


async def test_the_token_is_in_no_text(client, sample):
    assert sample.TOKEN not in repr(client) + str(vars(client))
    with pytest.raises(ApiProblem) as refused:
        await client.get_skill("nothing")
    assert sample.TOKEN not in repr(refused.value) + str(refused.value.document)
    assert sample.TOKEN not in repr(Livery("http://t", sample.TOKEN))


async def test_over_a_real_socket(sample, platform, monkeypatch):
    # A proxy of the environment is never asked about this machine.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with platform.on_socket() as url:
        async with LiveryClient(url, sample.TOKEN) as client:
            assert (await client.run("add", {"a": 2, "b": 3}))["result"] == {"sum": 5}
            assert b"".join([c async for c in client.audit_export()])


def test_the_blocking_client(sample, platform):
    with platform.on_socket() as url, Livery(url, sample.TOKEN) as livery:
        assert livery.run("add", {"a": 2, "b": 3})["result"] == {"sum": 5}
        with pytest.raises(RunDenied):
            livery.run("revoked", {})
        assert len(livery.skills()) == 2
        assert livery.skill("add")["skill_key"] == "add"
        assert livery.certify("add")["status"] == "certified"
        assert livery.add_package(b"PK")["skill_key"] == "packaged"
        assert len(livery.runs(limit=3)) == 3
        assert livery.get_run("r")["status"] == "denied"
        assert livery.artifacts() == []
        assert len(livery.call(lambda client: client.list_tokens())) == 1


async def test_the_blocking_client_inside_a_running_loop(sample, platform):
    with platform.on_socket() as url, Livery(url, sample.TOKEN) as livery:
        assert livery.run("add", {"a": 1, "b": 1})["result"] == {"sum": 2}


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1", True),
        ("http://localhost", True),
        ("https://livery.example.org", False),
        ("http://10.0.0.1", False),
    ],
)
def test_loopback(url, local):
    assert is_loopback(url) is local
