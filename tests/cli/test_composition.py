"""`livery job-roles`, `livery bindings` and `livery run --binding` against the real platform."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from tests.support.governed import owner
from tests.support.platform import URL, NewPlatform, Running
from tests.support.skills import certified, package
from typer.testing import CliRunner, Result

from livery.cli import build_cli
from livery.client import LiveryClient

Livery = Callable[..., Awaitable[Result]]


class Across(httpx.AsyncBaseTransport):
    """Asks the application in the loop that it lives in, from the loop of a command."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._loop = loop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = self._inner.handle_async_request(request)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, self._loop))


@pytest.fixture
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


@pytest.fixture
async def livery(running: Running, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Livery]:
    monkeypatch.setenv("COLUMNS", "120")
    loop = asyncio.get_running_loop()

    @asynccontextmanager
    async def open_client() -> AsyncIterator[LiveryClient]:
        transport = Across(running.platform.app, loop)
        async with LiveryClient(URL, running.token, transport=transport) as client:
            yield client

    app = build_cli(open_client)

    async def invoke(*words: object) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, [str(word) for word in words])

    # The platform logs in this process, where a command owns what is printed.
    with capture_logs():
        yield invoke


async def document(livery: Livery, *words: object, code: int = 0) -> dict[str, Any]:
    found = await livery(*words, "--json")
    assert found.exit_code == code, found.output
    read: dict[str, Any] = json.loads(found.stdout)
    return read


async def test_job_roles(running: Running, livery: Livery) -> None:
    await certified(running, package("brittle"))
    empty = await livery("job-roles", "list")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "livery job-roles create" in empty.stderr
    assert await document(livery, "job-roles", "list") == {"items": []}

    words = ("job-roles", "create", "Adder", "-d", "Adds.", "-s", "add", "-s", "brittle@1.0.0")
    made = await livery(*words)
    assert made.exit_code == 0, made.output
    assert "! adder@1 · pending_certification" in made.stdout
    assert "livery job-roles certify adder" in made.stderr
    assert (await document(livery, "job-roles", "certify", "adder"))["certified_version"] == 1
    edited = await document(livery, "job-roles", "edit", "adder", "--name", "Adder two")
    assert (edited["version"], edited["certified_version"]) == (2, 1)
    certified_again = await livery("job-roles", "certify", "adder@2")
    assert "✓ adder@2 · certified" in certified_again.stdout

    await running.platform.services.catalog.revoke(running.operator, "brittle", None, "leaks")
    shown = await livery("job-roles", "show", "adder")
    assert "✗ adder@2 · degraded" in shown.stdout
    assert "brittle@1.0.0 is revoked: leaks" in shown.stdout
    listed = await livery("job-roles", "list", "--status", "certified")
    for said in ("adder", "degraded", "add@1.0.0, brittle@1.0.0 (revoked)"):
        assert said in listed.stdout
    refused = await livery("job-roles", "certify", "adder")
    assert refused.exit_code == 3
    assert "skill_chain_uncertified" in refused.output
    assert "/skills/1" in refused.output
    gone = await document(livery, "job-roles", "revoke", "adder@1", "--reason", "replaced")
    assert [item["status"] for item in gone["versions"]] == ["certified", "revoked"]


@pytest.mark.parametrize(
    "words",
    [
        ("job-roles", "create", "Adder", "-d", "Adds."),
        ("job-roles", "edit", "adder"),
        ("job-roles", "certify", "adder@one"),
        ("job-roles", "revoke", "adder@", "--reason", "x"),
        ("bindings", "set", "a", "add"),
        ("bindings", "set", "a", "add@1.0.0", "--channel", "production"),
        ("run",),
        ("run", "add", "--binding", "a"),
    ],
)
async def test_what_is_no_command(livery: Livery, words: tuple[str, ...]) -> None:
    found = await livery(*words)
    assert found.exit_code == 2, found.output


async def test_bindings(running: Running, livery: Livery) -> None:
    await certified(running, package("tool"))
    await certified(running, package("tool", version="1.1.0"))
    empty = await livery("bindings", "list")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "livery bindings set" in empty.stderr
    made = await livery("bindings", "set", "sums.main", "tool@1.0.0")
    assert "✓ tool@1.0.0 · certified" in made.stdout, made.output
    async with owner(running) as connection:
        await connection.execute(
            "insert into livery.channel select skill_id, workspace_id, 'production', '1.1.0' from livery.skill"
            " where skill_key = 'tool'"
        )
    words = ("bindings", "set", "sums.main", "tool", "--channel", "production")
    bound = await document(livery, *words)
    assert (bound["channel"], bound["resolved_version"], bound["version"]) == (
        "production",
        "1.1.0",
        None,
    )
    listed = await livery("bindings", "list", "--workspace", "default")
    for said in ("sums.main", "default", "tool, channel production", "1.1.0", "certified"):
        assert said in listed.stdout
    back = await document(livery, "bindings", "rollback", "sums.main")
    assert (back["version"], back["channel"]) == ("1.0.0", None)
    shown = await livery("bindings", "show", "sums.main")
    for said in ("roll back", "tool, channel production", "operator:local"):
        assert said in shown.stdout
    none = await livery("bindings", "rollback", "sums.main")
    assert none.exit_code == 1
    assert "held nothing before tool@1.0.0" in none.output

    run = await document(livery, "run", "--binding", "sums.main", "-k", "code=result=5")
    assert (run["ok"], run["result"], run["skill_version"]) == (True, 5, "1.0.0")
    gone = await document(livery, "bindings", "remove", "sums.main")
    assert gone == {"slot": "sums.main", "removed": True}
    assert (await livery("run", "--binding", "sums.main")).exit_code == 1


async def test_a_degraded_agent_says_which_skill(running: Running, livery: Livery) -> None:
    await running.platform.services.catalog.revoke(running.operator, "weekly-digest", None, "x")
    listed = await livery("agents", "list")
    for said in ("degraded", "weekly-digest@1.1.0 (revoked)"):
        assert said in listed.stdout
