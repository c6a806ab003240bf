"""Budgets in the journal: the same arithmetic as the kernel's, under any concurrency."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.governed import (
    PERIOD,
    add_skill,
    begin,
    do,
    lane,
    lease,
    owner,
    priced,
    principal,
    settle,
    together,
    workspace,
)
from tests.support.platform import NewPlatform, Running
from uuid_utils.compat import uuid7

from livery.kernel.budget import Budget, admit
from livery.kernel.periods import month_key
from livery.services.identity.types import Principal

CHAIN = "begin-test"
OVER = "monthly_budget_exceeded"
ONE_USD = 1_000_000


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        await add_skill(made, priced("cents", 0.25))
        await add_skill(made, priced("free", 0))
        yield made


@pytest.fixture(scope="module")
async def direct(running: Running) -> AsyncIterator[tuple[Any, UUID]]:
    """A connection and a lease for direct calls of the functions."""
    async with owner(running) as connection:
        await lane(connection, CHAIN)
        yield connection, await lease(connection)


Budgeted = Callable[..., Awaitable[UUID]]


async def budgeted(
    connection: Any, cap: int, reserved: int = 0, spent: int = 0, period: str = PERIOD
) -> UUID:
    workspace_id = uuid7()
    name = f"w-{workspace_id}"
    await connection.execute(
        "insert into livery.workspace (workspace_id, slug, name) values ($1, $2, $2)",
        workspace_id,
        name,
    )
    await connection.execute("insert into livery.epoch values ($1, 1)", workspace_id)
    await connection.execute(
        "insert into livery.budget (workspace_id, cap, period, reserved, spent) values ($1, $2, $3, $4, $5)",
        workspace_id,
        cap,
        period,
        reserved,
        spent,
    )
    return workspace_id


async def books(connection: Any, workspace_id: UUID) -> tuple[int, int, str]:
    row = await connection.fetchrow(
        "select reserved, spent, period from livery.budget where workspace_id = $1", workspace_id
    )
    return row["reserved"], row["spent"], row["period"]


AMOUNT = st.one_of(st.integers(0, 30), st.integers(0, 2**62), st.just(2**63 - 1))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    cap=st.one_of(st.integers(0, 60), st.integers(0, 2**62)),
    reserved=st.integers(0, 20),
    spent=st.integers(0, 40),
    estimates=st.lists(AMOUNT, min_size=1, max_size=24),
)
async def test_a_batch_admits_what_the_kernel_admits(
    direct: tuple[Any, UUID], cap: int, reserved: int, spent: int, estimates: list[int]
) -> None:
    connection, process_id = direct
    async with connection.transaction():
        home = await budgeted(connection, cap, reserved, spent)
        verdicts = await begin(
            connection,
            [{"workspace_id": home, "estimate": estimate} for estimate in estimates],
            chain=CHAIN,
            process_id=process_id,
        )
        expected = admit(cap, reserved + spent, estimates)
        assert [verdict is None for verdict in verdicts] == list(expected)
        assert {verdict for verdict in verdicts if verdict is not None} <= {OVER}
        held = sum(e for e, fits in zip(estimates, expected, strict=True) if fits)
        assert await books(connection, home) == (reserved + held, spent, PERIOD)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), min_size=1, max_size=30),
    caps=st.tuples(*[st.integers(0, 40)] * 3),
)
async def test_workspaces_in_one_batch_do_not_mix(
    direct: tuple[Any, UUID], data: list[tuple[int, int]], caps: tuple[int, int, int]
) -> None:
    connection, process_id = direct
    async with connection.transaction():
        homes = [await budgeted(connection, cap) for cap in caps]
        rows = [{"workspace_id": homes[at], "estimate": estimate} for at, estimate in data]
        verdicts = await begin(connection, rows, chain=CHAIN, process_id=process_id)
        for at, cap in enumerate(caps):
            mine = [v for v, (where, _) in zip(verdicts, data, strict=True) if where == at]
            asked = [estimate for where, estimate in data if where == at]
            assert [verdict is None for verdict in mine] == list(admit(cap, 0, asked))


@pytest.mark.parametrize(
    ("cap", "spent", "estimates", "verdicts"),
    [
        # 10 left: 8 fits, 5 does not and does not count, 2 fits exactly, 1 is over, 0 costs nothing
        (100, 90, [8, 5, 2, 1, 0], [None, OVER, None, OVER, None]),
        (10, 11, [0], [OVER]),
        (0, 0, [0, 1], [None, OVER]),
        # A denied large call does not charge later small ones.
        (10, 0, [1_000_000, 1, 1], [OVER, None, None]),
    ],
)
async def test_by_hand(
    direct: tuple[Any, UUID], cap: int, spent: int, estimates: list[int], verdicts: list[str | None]
) -> None:
    connection, process_id = direct
    home = await budgeted(connection, cap, 0, spent)
    rows = [{"workspace_id": home, "estimate": estimate} for estimate in estimates]
    assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == verdicts
    denied = await connection.fetch(
        "select code, reserved from livery.run where workspace_id = $1 and status = 'denied'", home
    )
    assert [tuple(row) for row in denied] == [(OVER, 0)] * sum(v is not None for v in verdicts)


async def test_what_is_refused_for_another_reason_does_not_count(
    direct: tuple[Any, UUID],
) -> None:
    connection, process_id = direct
    home = await budgeted(connection, 10)
    rows: list[dict[str, Any]] = [
        {"workspace_id": home, "estimate": 9, "denied": "policy_denied"},
        {"workspace_id": home, "estimate": 9, "approval": "APR-none"},
        {"workspace_id": home, "estimate": 9, "local": 0},
        {"workspace_id": home, "estimate": 9, "key": "k"},
        {"workspace_id": home, "estimate": 1, "key": "k"},
        {"workspace_id": home, "estimate": 1},
    ]
    assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == [
        "policy_denied", "approval_invalid", "!stale", None, "!retry", None,
    ]  # fmt: skip
    assert (await books(connection, home))[0] == 10


async def test_a_workspace_without_a_budget_runs_nothing(direct: tuple[Any, UUID]) -> None:
    connection, process_id = direct
    home = await budgeted(connection, 10)
    await connection.execute("delete from livery.budget where workspace_id = $1", home)
    rows = [{"workspace_id": home}]
    assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == [
        "metering_required"
    ]


async def test_a_new_month_starts_with_what_is_still_reserved(direct: tuple[Any, UUID]) -> None:
    connection, process_id = direct
    home = await budgeted(connection, 100, 30, 70)
    first, second = uuid7(), uuid7()
    rows = [{"workspace_id": home, "estimate": 1, "run_id": first}]
    assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == [OVER]
    rows = [
        {"workspace_id": home, "estimate": 70, "run_id": second, "period": "2026-12"},
        {"workspace_id": home, "estimate": 1, "period": "2026-12"},
    ]
    assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == [None, OVER]
    assert await books(connection, home) == (100, 0, "2026-12")
    assert await settle(connection, home, second, chain=CHAIN, estimate=70, cost=40)
    assert await books(connection, home) == (30, 40, "2026-12")


async def test_a_clock_that_is_behind_brings_no_month_back(direct: tuple[Any, UUID]) -> None:
    connection, process_id = direct
    home = await budgeted(connection, 100, 0, 100, "2026-12")
    rows = [{"workspace_id": home, "estimate": 1, "period": "2026-11"}]
    assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == [OVER]
    await connection.execute("update livery.budget set spent = 99 where workspace_id = $1", home)
    assert await begin(connection, rows, chain=CHAIN, process_id=process_id) == [None]
    assert await books(connection, home) == (1, 99, "2026-12")


async def spender(running: Running, slug: str, cap: int) -> tuple[UUID, Principal]:
    home = await workspace(running, slug, cap=cap)
    return home, await principal(running, "customer_member", slug)


async def test_64_at_once_never_overspend(running: Running) -> None:
    home, customer = await spender(running, "never-over", 4 * ONE_USD)
    args = {"code": "import time; time.sleep(0.05)"}
    answers = await together(*(do(running, "cents", args, principal=customer) for _ in range(64)))
    done = [answer for answer in answers if not isinstance(answer, str)]
    assert len(done) == 16  # 4 USD at 0.25 each
    assert answers.count(OVER) == 48
    async with owner(running) as connection:
        assert (await books(connection, home))[:2] == (0, 4 * ONE_USD)
        peak = "select sum(cost) from livery.usage_event where workspace_id = $1"
        assert await connection.fetchval(peak, home) == 4 * ONE_USD
    assert await together(do(running, "cents", args, principal=customer)) == [OVER]
    assert not isinstance((await together(do(running, "free", args, principal=customer)))[0], str)


async def test_settling_gives_back_what_was_not_used(running: Running) -> None:
    home, customer = await spender(running, "gives-back", ONE_USD)
    failing = {"code": "raise ValueError"}
    for _ in range(6):  # more than the cap would hold, if any of it were kept
        answer = await do(running, "cents", failing, principal=customer)
        assert answer.code == "provider_execution_failed"
    async with owner(running) as connection:
        assert (await books(connection, home))[:2] == (0, 0)
    book = Budget(ONE_USD)
    for _ in range(3):
        envelope = await do(running, "cents", {"code": "result = 1"}, principal=customer)
        assert envelope.to_dict()["usage"]["cost_usd"] == 0.25
        book = book.reserve([250_000])[0].settle(250_000, 250_000)
    async with owner(running) as connection:
        assert (await books(connection, home))[:2] == (book.reserved, book.spent) == (0, 750_000)


async def test_a_dry_run_is_metered_like_any_other(running: Running) -> None:
    # It runs the skill, so a way around the budget it is not.
    _, customer = await spender(running, "dry", 0)
    asked = do(running, "cents", {"code": "result = 1"}, principal=customer, dry_run=True)
    assert await together(asked) == [OVER]


async def test_over_the_cap_even_what_is_free_is_refused(running: Running) -> None:
    home, customer = await spender(running, "over", 10)
    async with owner(running) as connection:
        await connection.execute(
            "update livery.budget set spent = 11 where workspace_id = $1", home
        )
    asked = do(running, "free", {"code": "result = 1"}, principal=customer)
    assert await together(asked) == [OVER]
    assert admit(10, 11, [0]) == (False,)


async def test_the_month_of_a_run_is_the_month_of_the_budget(running: Running) -> None:
    home, customer = await spender(running, "month", 10)
    async with owner(running) as connection:
        made = (await books(connection, home))[2]
    await do(running, "free", {"code": "result = 1"}, principal=customer)
    async with owner(running) as connection:
        assert (await books(connection, home))[2] == made == month_key(datetime.now(UTC))
