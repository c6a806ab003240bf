"""Every metric moves, every run leaves a span by the GenAI conventions, and logs are JSON without secrets."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client.parser import text_string_to_metric_families
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, evaluate, package, run

from livery.integrations.telemetry.logs import configure
from livery.integrations.telemetry.metrics import Metrics

SECRET = "sk-proj-" + "b2" * 16


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        await certified(made, package("evaluate"))
        yield made


async def read(running: Running) -> dict[tuple[str, ...], float]:
    async with running.http() as http:
        answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (
            sample.name,
            *(f"{key}={value}" for key, value in sorted(sample.labels.items())),
        ): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def moved(running: Running, before: dict[tuple[str, ...], float], *key: str) -> float:
    return (await read(running)).get(key, 0) - before.get(key, 0)


async def test_runs_move_their_metrics(running: Running) -> None:
    before = await read(running)
    await run(running, "add", {"a": 1, "b": 2})
    await run(running, "add", {"a": 1, "b": 2})
    await evaluate(running, "evaluate", "1 / 0")
    await run(running, "add", {"a": "x", "b": 2})
    executions = "livery_skill_executions_total"
    assert await moved(running, before, executions, "skill=add", "status=succeeded") == 2
    assert await moved(running, before, executions, "skill=add", "status=denied") == 1
    assert await moved(running, before, executions, "skill=evaluate", "status=failed") == 1
    seconds = "livery_skill_execution_seconds"
    assert await moved(running, before, f"{seconds}_count", "skill=add") == 2
    assert await moved(running, before, f"{seconds}_count", "skill=evaluate") == 1
    assert await moved(running, before, f"{seconds}_sum", "skill=add") > 0
    assert await moved(running, before, "livery_denials_total", "code=tool_input_invalid") == 1


async def test_idempotency_keys_move_their_metric(running: Running) -> None:
    before = await read(running)
    body = {"skill_key": "add", "input": {"a": 1, "b": 2}}
    async with running.http() as http:
        for number in (2, 2, 3):
            body["input"] = {"a": 1, "b": number}
            await http.post("/v1/runs", json=body, headers={"Idempotency-Key": "metric"})
    name = "livery_idempotency_total"
    assert await moved(running, before, name, "outcome=replayed") == 1
    assert await moved(running, before, name, "outcome=conflict") == 1


async def test_walks_of_the_record_move_their_metric(running: Running) -> None:
    before = await read(running)
    async with running.http() as http:
        for path in ("verify", "checkpoint", "export"):
            assert (await http.get(f"/v1/audit/{path}")).status_code == 200
    name = "livery_audit_operations_total"
    assert await moved(running, before, name, "operation=verify", "result=ok") == 1
    assert await moved(running, before, name, "operation=export", "result=ok") == 1
    # An export carries a checkpoint of its own.
    assert await moved(running, before, name, "operation=checkpoint", "result=ok") == 2


async def test_the_lease_and_its_sweep(new_platform: NewPlatform) -> None:
    async with new_platform() as first:
        assert (await read(first))["livery_lease_held",] == 1
        owner = await asyncpg.connect(first.urls.owner)
        dead, lost = (await owner.fetchrow("select gen_random_uuid(), gen_random_uuid()")) or ()
        await owner.execute(
            "insert into livery.process (process_id, kind, host, pid, expires_at)"
            " values ($1, 'test', 'x', 1, now() - interval '1 minute')",
            dead,
        )
        await owner.execute(
            "insert into livery.run (run_id, workspace_id, skill_key, principal, status, dry_run, reserved,"
            " correlation_id, process_id) select $1, workspace_id, 'add', 'x', 'running', false, 0, 'x', $2"
            " from livery.workspace limit 1",
            lost,
            dead,
        )
        await owner.close()
        async with new_platform(urls=first.urls) as second:
            swept = {
                key: value for key, value in (await read(second)).items() if "swept_total" in key[0]
            }
    assert swept == {("livery_runs_swept_total", "status=failed"): 1}


async def test_labels_name_no_tenant_and_no_argument(running: Running) -> None:
    names = {part.partition("=")[0] for key in await read(running) for part in key[1:]}
    assert names <= {"skill", "status", "code", "outcome", "le", "operation", "result"}


def test_every_metric_has_the_prefix() -> None:
    text = Metrics().text().decode()
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) >= 7
    assert all(name.startswith("livery_") for name in names)


def test_two_platforms_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.idempotency.labels("replayed").inc()
    assert b'outcome="replayed"' not in second.text()


# Spans --------------------------------------------------------------------------------------------------


@pytest.fixture
def spans(running: Running) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    running.platform.tracing.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


async def test_a_run_is_a_span(running: Running, spans: InMemorySpanExporter) -> None:
    envelope = await run(running, "add", {"a": 1, "b": 2})
    (span,) = spans.get_finished_spans()
    assert span.name == "execute_tool add"
    assert span.kind is SpanKind.INTERNAL
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "add",
        "gen_ai.tool.call.id": envelope["run_id"],
        "gen_ai.agent.name": "operator:local",
        "livery.skill.version": "1.0.0",
        "livery.status": "succeeded",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 < span.end_time - span.start_time < 60_000_000_000


@pytest.mark.parametrize(
    ("key", "args", "code", "status"),
    [
        ("add", {"a": "x", "b": 2}, "tool_input_invalid", "denied"),
        ("evaluate", {"code": "1 / 0"}, "provider_execution_failed", "failed"),
        ("evaluate", {"code": "open('/etc/hostname')"}, "skill_capability_denied", "failed"),
    ],
)
async def test_what_did_not_succeed_says_why(
    running: Running, spans: InMemorySpanExporter, key: str, args: Any, code: str, status: str
) -> None:
    await run(running, key, args)
    (span,) = spans.get_finished_spans()
    attributes = dict(span.attributes or {})
    assert (attributes["error.type"], attributes["livery.status"]) == (code, status)
    assert span.status.status_code is StatusCode.ERROR


# Logs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Path]:
    kept = structlog.get_config()
    configure("INFO", tmp_path / "x.log")
    yield tmp_path / "x.log"
    structlog.configure(**kept)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class _Leaky:
    def __str__(self) -> str:
        return f"object with {SECRET}"


def test_a_line_is_one_json_object_without_secrets(logged: Path) -> None:
    log = structlog.get_logger("test").bind(token="bound-secret-1")
    log.info(
        f"the key is {SECRET}",
        password="hunter2pw",
        nested={"apiKey": "hunter2pw", "list": [f"Bearer {'c3' * 10}"]},
        pair=("x", SECRET),
        thing=_Leaky(),
        url="https://user:hunter2pw@example.com",
        count=3,
        many="a\nb",
        strange="\ud800",
    )
    log.info("plain", run_id="r", count=1, when=None)
    first, second = lines(logged)
    text = logged.read_text()
    for secret in (SECRET, "hunter2pw", "bound-secret-1", "c3" * 10):
        assert secret not in text
    assert second["event"] == "plain"
    assert (second["run_id"], second["count"], second["level"]) == ("r", 1, "info")
    assert second["timestamp"].endswith("Z")
    assert first


def test_levels(logged: Path) -> None:
    configure("WARNING", logged)
    structlog.get_logger("other").info("no")
    structlog.get_logger("other").warning("yes")
    assert [line["event"] for line in lines(logged)] == ["yes"]


async def test_a_run_writes_one_line(new_platform: NewPlatform, logged: Path) -> None:
    async with new_platform() as made:
        await certified(made, package("logging"))
        code = (
            f"ctx.log.info('hello', key={SECRET[:4]!r} + {SECRET[4:]!r}, run_id='fake', event='x')\n"
            "ctx.log.warning('careful', password='hunter2pw')"
        )
        envelope = await evaluate(made, "logging", code)
    assert envelope["ok"], envelope
    found = [line for line in lines(logged) if line.get("run_id") == envelope["run_id"]]
    assert [line["event"] for line in found] == ["hello", "careful", "run"]
    assert found[0]["fields"]["run_id"] == "fake"
    assert found[0]["skill"] == "logging"
    assert (found[2]["status"], found[2]["code"], found[2]["skill"]) == (
        "succeeded",
        "tool_ok",
        "logging@1.0.0",
    )
    assert SECRET not in logged.read_text()
    assert "hunter2pw" not in logged.read_text()
