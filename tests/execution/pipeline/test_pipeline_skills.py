"""Pipeline skills from registration to their record: lineage, explained failures, and skills that call skills."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from tests.support.governed import do, workspace
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package, run

from livery.manifest.canonical import canonical_hash
from livery.manifest.package import PackageFile

ROWS = [{"team": "a", "cost": 3}, {"team": "b", "cost": 5}, {"team": "a", "cost": 4}]
TOTAL = [
    {
        "id": "teams",
        "operator": "summarize",
        "input": {"$from": "input.rows"},
        "by": ["team"],
        "measures": {"cost": {"op": "sum", "field": "cost"}},
    },
    {
        "id": "text",
        "operator": "render",
        "input": {"$from": "steps.teams"},
        "template": "{% for row in value %}{{ row.team }}={{ row.cost }};{% endfor %}",
        "artifact": "teams.txt",
        "media_type": "text/plain",
    },
]
SUM = [
    {
        "id": "sum",
        "operator": "skill",
        "skill": "add",
        "input": {"a": {"$from": "input.a"}, "b": {"$from": "input.b"}},
    },
    {
        "id": "twice",
        "operator": "transform",
        "input": {"s": {"$from": "steps.sum"}},
        "expression": "[s, s]",
    },
]
CALLER = """
from typing import Any
from livery.authoring import Context, skill

@skill("caller", version="1.0.0", description="Call.")
def run(ctx: Context, skill_key: str = "add", value: Any = None) -> Any:
    return ctx.call(skill_key, {"a": 2, "b": 3} if value is None else value)
"""
SENDER = """
from livery.authoring import Context, skill

@skill("sender", version="1.0.0", description="Send.")
def run(ctx: Context, n: int = 0) -> int:
    return 1
"""


def pipeline(
    name: str,
    steps: list[dict[str, Any]],
    fixture: tuple[Any, Any],
    *,
    capabilities: dict[str, Any] | None = None,
) -> list[PackageFile]:
    contract = {
        "apiVersion": "livery/v1",
        "version": "1.0.0",
        "owner": "tests",
        "category": "tests",
        "runtime": {"kind": "pipeline", "timeout_s": 10},
        "interface": {"input": {"type": "object"}, "output": True},
        "capabilities": capabilities or {},
        "steps": steps,
        "tests": {"fixtures": [{"name": "one", "input": fixture[0], "output": fixture[1]}]},
    }
    text = f"---\nname: {name}\ndescription: For tests.\n---\n\n# Test\n"
    return [
        PackageFile("SKILL.md", text.encode()),
        PackageFile("contract.yaml", yaml.safe_dump(contract).encode()),
    ]


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as running:
        one = {"name": "one", "input": {}, "output": 5}
        await certified(running, pipeline("totals", TOTAL, ({"rows": ROWS}, "a=7;b=5;")))
        await certified(
            running,
            pipeline(
                "sums", SUM, ({"a": 2, "b": 3}, [5, 5]), capabilities={"tools": ["livery:add"]}
            ),
        )
        tools = {"tools": ["livery:add", "livery:sender", "livery:caller", "livery:gone"]}
        await certified(
            running,
            package(
                "sender",
                SENDER,
                capabilities={"effects": ["send"]},
                fixtures=({"name": "one", "input": {}, "output": 1},),
            ),
        )
        await certified(running, package("caller", CALLER, capabilities=tools, fixtures=(one,)))
        yield running


async def test_a_pipeline_answers_with_its_lineage(running: Running) -> None:
    done = await run(running, "totals", {"rows": ROWS})
    assert done["ok"], done
    assert done["result"] == "a=7;b=5;"
    assert (done["provider_id"], done["tool_id"]) == ("builtin", "totals")
    assert [item["name"] for item in done["artifacts"]] == ["teams.txt"]
    teams, text = done["provenance"]["lineage"]
    assert (teams["step"], teams["operator"], teams["deterministic"]) == (
        "teams",
        "summarize",
        True,
    )
    assert teams["inputs"] == {"input.rows": canonical_hash(ROWS)}
    assert teams["output"] == canonical_hash([{"team": "a", "cost": 7}, {"team": "b", "cost": 5}])
    assert text["inputs"] == {"steps.teams": teams["output"]}
    assert text["output"] == canonical_hash("a=7;b=5;") == done["provenance"]["output"]


async def test_a_failed_step_is_explained(running: Running) -> None:
    rows = [{"team": "a", "cost": "3"}]
    done = await run(running, "totals", {"rows": rows})
    assert (done["status"], done["code"]) == ("failed", "provider_execution_failed")
    details = done["error"]["details"]
    assert (details["step"], details["operator"]) == ("teams", "summarize")
    assert details["inputs"] == {"input.rows": canonical_hash(rows)}
    assert "cost is no number" in done["error"]["message"]


async def test_a_step_calls_a_skill_as_a_run_of_its_own(running: Running) -> None:
    done = await run(running, "sums", {"a": 20, "b": 22})
    assert done["result"] == [42, 42]
    first, second = done["provenance"]["lineage"]
    assert (first["deterministic"], second["deterministic"]) == (False, True)
    [called] = done["provenance"]["calls"]
    async with running.http() as http:
        inner = (await http.get(f"/v1/runs/{called['run_id']}")).json()
    assert (inner["skill_key"], inner["status"]) == ("add", "succeeded")
    assert inner["input"] == {"a": 20, "b": 22}
    assert inner["correlation_id"] == done["correlation_id"]


async def test_the_inner_call_is_decided_like_any_other(running: Running) -> None:
    done = await run(running, "sums", {"a": 1, "b": "x"})
    assert done["code"] == "provider_execution_failed"
    details = done["error"]["details"]
    assert (details["step"], details["cause"]) == ("sum", "tool_input_invalid")
    [called] = done["provenance"]["calls"]
    assert called["code"] == "tool_input_invalid"


async def test_an_effect_of_an_inner_skill_asks_for_its_own_approval(running: Running) -> None:
    done = await run(running, "caller", {"skill_key": "sender", "value": {"n": 1}})
    details = done["error"]["details"]
    assert (done["code"], details["code"]) == ("provider_execution_failed", "approval_required")
    assert details["approval_request_id"]
    dry = await run(running, "caller", {"skill_key": "sender", "value": {"n": 1}}, dry_run=True)
    assert dry["result"] == 1  # a dry run of one is a dry run of the other, and asks nobody


async def test_what_was_not_declared_is_not_called(running: Running) -> None:
    done = await run(running, "caller", {"skill_key": "multiply"})
    assert done["code"] == "skill_capability_denied"
    missing = await run(running, "caller", {"skill_key": "gone"})
    assert missing["error"]["details"]["code"] == "not_found"


async def test_five_deep_and_no_deeper(running: Running) -> None:
    value: dict[str, Any] = {"skill_key": "add"}
    for _ in range(4):
        value = {"skill_key": "caller", "value": value}
    assert (await run(running, "caller", value))["result"] == 5  # caller x5, then add
    done = await run(running, "caller", {"skill_key": "caller", "value": value})
    assert not done["ok"]
    assert "at most 5 deep" in done["error"]["message"]


async def test_many_at_once_do_not_wait_for_each_other(running: Running) -> None:
    import asyncio

    done = await asyncio.wait_for(
        asyncio.gather(*(do(running, "sums", {"a": n, "b": 1}) for n in range(24))), 60
    )
    assert [item.result for item in done] == [[n + 1, n + 1] for n in range(24)]


async def test_uses_are_declared_and_steps_are_sound(running: Running) -> None:
    services = running.platform.services
    for name, steps, code in (
        ("undeclared", SUM, "underdeclared_capability"),
        ("crooked", [{"operator": "transform", "input": 1, "expression": "[["}], "contract_invalid"),
        ("astray", [{"operator": "transform", "input": {"$from": "steps.x"}, "expression": "@"}], "contract_invalid"),
    ):  # fmt: skip
        made = pipeline(name, steps, ({"a": 1, "b": 1}, [2, 2]))
        await services.catalog.register(made, by="test")
        done = await services.certifier.certify(running.operator, name)
        [static] = [check for check in done.checks if check["name"] == "static"]
        assert static["verdict"] == "fail"
        assert [item["code"] for item in static["findings"]] == [code]


async def test_another_workspace_has_its_own_inner_runs(running: Running) -> None:
    home = await workspace(running, "pipelines-elsewhere")
    done = await do(running, "sums", {"a": 1, "b": 1}, workspace="pipelines-elsewhere")
    assert done.ok
    from tests.support.governed import owner

    async with owner(running) as connection:
        found = await connection.fetch(
            "select skill_key from livery.run where workspace_id = $1 order by run_id", home
        )
    assert [row["skill_key"] for row in found] == ["sums", "add"]
