"""`livery agents mcp AGENT --stdio` as MCP clients start it: the real command, a real platform."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from tests.api.mcp.conftest import CLERK, Served

LIVERY = [sys.executable, "-m", "livery"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def environ(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("LIVERY_")} | more


def remote(served: Served, home: Path, token: str | None = None) -> dict[str, str]:
    known = served.running.token if token is None else token
    return environ(LIVERY_HOME=str(home), LIVERY_URL=served.url, LIVERY_TOKEN=known)


def server(env: dict[str, str], agent: str, *more: str) -> StdioServerParameters:
    words = ["-m", "livery", "agents", "mcp", agent, "--stdio", *more]
    return StdioServerParameters(command=sys.executable, args=words, env=env)


def start(env: dict[str, str], agent: str, *more: str) -> "subprocess.Popen[bytes]":
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*LIVERY, "agents", "mcp", agent, "--stdio", *more], env=env, **pipes)


async def end(process: "subprocess.Popen[bytes]", sent: bytes | None = b"") -> tuple[bytes, bytes]:
    # In a thread: the platform that it talks to lives on this loop.
    return await asyncio.to_thread(process.communicate, sent, 120)


async def talk(env: dict[str, str], *lines: Any) -> dict[Any, Any]:
    """Answers by id. Everything on stdout is a message, or this fails."""
    sent = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    process = start(env, "Clerk")
    out, err = await end(process, b"\n".join(sent) + b"\n")
    assert process.returncode == 0, err.decode()
    answers = [json.loads(line) for line in out.splitlines()]
    assert all(answer["jsonrpc"] == "2.0" for answer in answers)
    return {answer["id"]: answer for answer in answers}


def call(message_id: Any, name: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": message_id, "method": "tools/call", "params": params}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home in which an analyst is hired and nothing runs."""
    folder = tmp_path_factory.mktemp("stdio") / "home"
    words = ["agents", "hire", "analytics.weekly_digest.v1", "-w", "default", "--name", "Ann"]
    env = environ(LIVERY_HOME=str(folder))
    subprocess.run([*LIVERY, *words], env=env, check=True, capture_output=True, timeout=120)
    yield folder
    running = psutil.process_iter(["cmdline"])
    assert not [p for p in running if str(folder) in " ".join(p.info["cmdline"] or [])]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_with_an_embedded_platform(home: Path, mode: str) -> None:
    parameters = server(environ(LIVERY_HOME=str(home)), "Ann")
    async with Client(parameters, mode=mode, read_timeout_seconds=120) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["weekly-digest"]
        denied = await client.call_tool("add", {"a": 1, "b": 2})
        assert denied.structured_content["code"] == "skill_not_allowed"
        made = await client.call_tool("weekly-digest", {"from": "2026-11-09", "to": "2026-11-16"})
    held = made.structured_content
    assert (held["code"], held["skill_key"]) == ("tool_ok", "weekly-digest")
    assert held["result"]["overview"]["sessions"]["total"] == 0
    assert {item["name"] for item in held["artifacts"]} >= {"digest.md"}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_with_a_running_platform_as_the_operator(
    served: Served, tmp_path: Path, mode: str
) -> None:
    """The pipe makes a token of the agent for itself, and ends it when it ends."""
    async with served.live() as operator:
        before = {token["token_id"] for token in await operator.list_tokens()}
        parameters = server(remote(served, tmp_path), "Clerk", "--workspace", "default")
        async with Client(parameters, mode=mode, read_timeout_seconds=120) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            assert sorted(tools) == sorted(CLERK.required_skill_keys)
            result = await client.call_tool("add", {"a": 2, "b": 40})
            asked = await client.call_tool("sender", {"n": 7})
        assert result.structured_content["result"] == 42
        assert asked.structured_content["error"]["details"]["approval_request_id"]
        run = await operator.get_run(result.structured_content["run_id"])
        assert run["principal"] == "agent:Clerk"
        made = [t for t in await operator.list_tokens() if t["token_id"] not in before]
    assert [(token["role"], token["name"]) for token in made] == [("agent", "Clerk")]
    assert made[0]["revoked_at"] is not None


async def test_with_the_agents_own_token(served: Served, tmp_path: Path) -> None:
    env = remote(served, tmp_path, served.tokens["Clerk"])
    async with served.live() as operator:
        before = len(await operator.list_tokens())
        async with Client(server(env, "Clerk"), read_timeout_seconds=120) as client:
            result = await client.call_tool("add", {"a": 1, "b": 1})
        assert result.structured_content["result"] == 2
        assert len(await operator.list_tokens()) == before


async def test_who_is_refused(served: Served, tmp_path: Path) -> None:
    """Said on stderr, with the exit code of the command line; stdout stays empty."""
    table = [
        (remote(served, tmp_path, served.tokens["Idler"]), ("Clerk",), 2, b"another agent"),
        (remote(served, tmp_path), ("Nobody",), 2, b"No hired agent"),
        (remote(served, tmp_path), ("Clerk", "--workspace", "elsewhere"), 2, b"No hired agent"),
        (remote(served, tmp_path, "lvy_wrong"), ("Clerk",), 3, b"unauthenticated"),
        (remote(served, tmp_path) | {"LIVERY_URL": "http://127.0.0.1:9"}, ("Clerk",), 1, b"livery"),
        (remote(served, tmp_path), ("Clerk", "--json"), 2, b""),
    ]
    for env, words, code, said in table:
        process = start(env, *words)
        out, err = await end(process)
        assert process.returncode == code, (words, err.decode())
        assert said in b" ".join(err.split())
        assert not out or "--json" in words
        assert b"Traceback" not in err


async def test_lines_that_are_no_messages(served: Served, tmp_path: Path) -> None:
    answers = await talk(
        remote(served, tmp_path),
        INITIALIZE,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[1, 2]",
        {"jsonrpc": "2.0", "id": 7, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "method": "no/such"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": 5},
        call(3, "ad\u0064 \u00e9\ud800"),
        call("four", "add", a=2, b=2),
        {"jsonrpc": "2.0", "id": 5, "method": "server/d\u00efscover", "params": MODERN},
        {"jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": {"name": "\u00e9", **MODERN}},
    )
    assert answers[0]["result"]["protocolVersion"] == "2025-06-18"
    assert "error" in answers[None]
    for message_id in (1, 2, 3, 5):
        assert "error" in answers[message_id], message_id
    assert answers["four"]["result"]["content"][0]["text"] == "4"
    assert answers[6]["result"]["structuredContent"]["code"] == "not_found"


MODERN = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}


async def test_a_canceled_call_is_not_answered_and_is_settled(
    served: Served, tmp_path: Path
) -> None:
    process = start(remote(served, tmp_path), "Clerk")
    assert process.stdin is not None
    process.stdin.write(json.dumps(call(1, "sleeper", s=2)).encode() + b"\n")
    process.stdin.flush()
    async with served.live() as operator:
        runs: list[Any] = []
        while not runs:
            await asyncio.sleep(0.02)
            runs = await operator.list_runs(skill_key="sleeper")
        cancel = {"method": "notifications/cancelled", "params": {"requestId": 1}}
        rest = [{"jsonrpc": "2.0", **cancel}, call(2, "add", a=1, b=2)]
        out, _ = await end(process, b"\n".join(json.dumps(line).encode() for line in rest))
        assert [json.loads(line)["id"] for line in out.splitlines()] == [2]
        while not runs[0]["finished_at"]:
            await asyncio.sleep(0.02)
            runs = await operator.list_runs(skill_key="sleeper")
    assert [run["status"] for run in runs] == ["succeeded"]


async def test_sigterm_ends_it(served: Served, tmp_path: Path) -> None:
    process = start(remote(served, tmp_path), "Clerk")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
    process.stdin.flush()
    assert json.loads(await asyncio.to_thread(process.stdout.readline))["id"] == 0
    process.send_signal(signal.SIGTERM)
    out, err = await end(process, None)
    assert (process.returncode, out, err) == (0, b"", b"")


def test_what_else_prints_does_not_reach_the_client() -> None:
    code = (
        "import os\nfrom livery.cli.mcp_stdio import wires\n"
        "with wires() as (source, sink):\n"
        "    print('python', flush=True)\n    os.system('echo child; cat')\n"
        "    os.write(sink, b'message')\nprint(' after')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"in", capture_output=True, timeout=60, check=True
    )
    assert done.stdout == b"message after\n"
    assert done.stderr.split() == [b"python", b"child"]
