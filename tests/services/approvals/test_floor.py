"""A policy text that spares one skill its approval, over the real doors: it is taken, and spares nothing."""

from typing import Any

from tests.support.governed import add_skill, owner, priced, told
from tests.support.platform import NewPlatform

from livery.kernel.policy import DEFAULT_POLICIES
from livery.services.runs.types import Call

SPARED = DEFAULT_POLICIES.replace(
    "unless { resource.effects.isEmpty()",
    'unless { resource.key == "touch" || resource.effects.isEmpty()',
)


async def test_a_policy_that_spares_a_skill_by_its_key_spares_nothing(
    new_platform: NewPlatform,
) -> None:
    assert SPARED != DEFAULT_POLICIES
    async with new_platform() as running:
        await add_skill(running, priced("touch", effects=["write"]))
        policies = running.platform.services.policies
        made = await policies.add(running.operator, SPARED, [], "For tests.")
        await policies.activate(running.operator, made.version)
        args = {"code": "result = 1"}

        async def call(**more: Any) -> Any:
            return await told(
                running.platform.runner.run(Call(running.operator, "touch", args, **more))
            )

        assert await call() == "approval_required"
        assert await call(approval_id="APR-none") == "approval_invalid"
        assert (await call(dry_run=True)).ok
        [asked] = await running.platform.services.approvals.list(running.operator)
        await running.platform.services.approvals.grant(running.operator, asked.approval_id)
        assert (await call(approval_id=asked.approval_id)).ok
        async with owner(running) as connection:
            begun = await connection.fetch(
                "select approval_id, dry_run from livery.run"
                " where skill_key = 'touch' and status = 'succeeded' order by run_id"
            )
        assert [tuple(row) for row in begun] == [(None, True), (asked.approval_id, False)]
