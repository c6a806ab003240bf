"""Governed calls for tests: calls as a door makes them, rows as the journal's functions take them."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import yaml
from tests.support.platform import Running
from tests.support.postgres import session
from tests.support.skills import certified, package
from uuid_utils.compat import uuid7

from livery.integrations.postgres import EmbeddedPostgres
from livery.manifest.envelope import Envelope
from livery.manifest.errors import LiveryError
from livery.manifest.package import PackageFile
from livery.services.identity.types import Principal
from livery.services.runs.types import Call

ZERO = UUID(int=0)
ADD = {"a": 2, "b": 3}
PERIOD = "2026-11"
BLOCKED = "select count(*) from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))"
"""How many wait for a lock of the session that asks."""
_BEGIN = "select * from livery.begin_batch($1, $2, $3, $4)"


def priced(
    name: str,
    usd: float = 0,
    *,
    effects: Iterable[str] = (),
    version: str = "1.0.0",
    timeout_s: float = 5,
    code: str | None = None,
) -> list[PackageFile]:
    """A skill like `evaluate` with a cost and effects."""
    kept = []
    options: dict[str, Any] = {"capabilities": {"effects": list(effects)} if effects else {}}
    made = package(
        name, **({"code": code} if code else {}), version=version, timeout_s=timeout_s, **options
    )
    for file in made:
        if file.path == "contract.yaml":
            contract = yaml.safe_load(file.data)
            contract["cost"] = {"estimate_usd": usd}
            kept.append(PackageFile(file.path, yaml.safe_dump(contract).encode()))
        else:
            kept.append(file)
    return kept


async def add_skill(running: Running, files: list[PackageFile]) -> str:
    """Register and certify; the digest."""
    return (await certified(running, files)).digest


def call(running: Running, skill: str = "add", args: Any = None, **more: Any) -> Call:
    """A call as a door hands it over."""
    principal: Principal = more.pop("principal", running.operator)
    return Call(principal, skill, ADD if args is None else args, **more)


async def do(running: Running, skill: str = "add", args: Any = None, **more: Any) -> Envelope:
    """Run it."""
    return await running.platform.runner.run(call(running, skill, args, **more))


async def told(asked: Awaitable[Any]) -> Any:
    """The answer, or the code that it was refused with."""
    try:
        return await asked
    except LiveryError as error:
        return error.code


async def together(*asked: Awaitable[Any]) -> list[Any]:
    """Answers and codes of calls that run at once."""
    return list(await asyncio.gather(*(told(item) for item in asked)))


def superuser(server: EmbeddedPostgres, running: Running) -> AbstractAsyncContextManager[Any]:
    """A session that nothing holds back, on the platform's database."""
    name = urlsplit(running.urls.owner).path
    return session(urlsplit(server.admin_dsn)._replace(path=name).geturl())


def owner(running: Running) -> AbstractAsyncContextManager[Any]:
    """A session that sees every workspace, to count and to prepare."""
    return session(running.urls.owner)


async def workspace(running: Running, slug: str, *, cap: int = 10_000_000) -> UUID:
    """A new workspace with this monthly cap in micro-USD."""
    made = await running.platform.services.workspaces.create(
        running.operator, slug, slug=slug, cap=cap
    )
    return made.workspace_id


async def principal(running: Running, role: str, home: str, agent: UUID | None = None) -> Principal:
    """A caller of this role in this workspace."""
    tokens = running.platform.services.tokens
    token, _ = await tokens.create(
        running.operator, role, workspace=home, hired_agent_id=agent, name=f"{role}-{uuid7()}"
    )
    return await tokens.authenticate(token)


async def default_workspace(connection: Any) -> UUID:
    """The id of the workspace that staff act in."""
    found: UUID = await connection.fetchval(
        "select workspace_id from livery.workspace where slug = 'default'"
    )
    return found


async def lane(connection: Any, chain: str) -> None:
    """Open a chain for direct calls of the journal's functions."""
    await connection.execute(
        "insert into livery.chain (chain_id, head) values ($1, sha256(convert_to('livery:chain:' || $1, 'UTF8')))"
        " on conflict do nothing",
        chain,
    )


async def lease(connection: Any, *, seconds: float = 3600) -> UUID:
    """The lease of a process that is not there."""
    process_id = uuid7()
    await connection.execute(
        "insert into livery.process (process_id, kind, host, pid, expires_at)"
        " values ($1, 'test', 'here', 1, clock_timestamp() + make_interval(secs => $2))",
        process_id,
        seconds,
    )
    return process_id


async def begin(
    connection: Any, rows: list[Mapping[str, Any]], *, chain: str, process_id: UUID
) -> list[str | None]:
    """`livery.begin_batch` on rows given by what matters: workspace_id, and what else differs from the defaults."""
    epochs = dict(await connection.fetch("select workspace_id, value from livery.epoch"))
    full = []
    for row in rows:
        base: dict[str, Any] = {
            "run_id": uuid7(), "agent": None, "skill": "direct", "version": "1.0.0", "digest": "sha256:0",
            "principal": "test:test", "key": None, "args": "sha256:a", "input": "{}", "dry": False, "estimate": 0,
            "period": PERIOD, "approval": None, "policy": "p", "global": epochs[ZERO],
            "local": epochs.get(row["workspace_id"]), "correlation": "c", "denied": None, "envelope": None,
            "body": "{}", "hand": [], "makers": [],
        }  # fmt: skip
        full.append({**base, **row})
    names = (
        "run_id workspace_id agent skill version digest principal key args input dry estimate period approval policy"
        " global local correlation denied envelope body hand makers"
    )
    scope = ",".join(sorted({str(row["workspace_id"]) for row in full}))
    intents = [tuple(row[name] for name in names.split()) for row in full]
    answer = await connection.fetch(_BEGIN, scope, process_id, chain, intents)
    return [row["verdict"] for row in answer]


async def settle(
    connection: Any,
    workspace_id: UUID,
    run_id: UUID,
    *,
    chain: str,
    estimate: int = 0,
    cost: int = 0,
) -> bool:
    """`livery.settle_batch` of one run that succeeded."""
    outcome = (
        run_id, workspace_id, "direct", "succeeded", "tool_ok", estimate, cost, 0, 0, 1, False, None, "c", "{}", "{}",
    )  # fmt: skip
    answer = await connection.fetchrow(
        "select * from livery.settle_batch($1, $2, $3)", str(workspace_id), chain, [outcome]
    )
    settled: bool = answer["settled"]
    return settled
