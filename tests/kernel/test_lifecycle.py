import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.kernel.lifecycle import (
    AGENT_TYPE,
    APPROVAL,
    CERTIFICATE,
    DELIVERABLE,
    EFFECT,
    EXECUTION,
    HIRED_AGENT,
    JOB_ROLE,
    MACHINES,
    RUN,
    SKILL_VERSION,
    WORKFLOW,
    InvalidTransition,
    Machine,
)

RUN_STATES = {
    "queued", "running", "succeeded", "failed", "canceled", "denied", "awaiting_approval",
    "unknown",
}  # fmt: skip


@pytest.mark.parametrize(
    ("machine", "states"),
    [
        (
            SKILL_VERSION,
            {
                "draft",
                "pending_certification",
                "certified",
                "deprecated",
                "revoked",
                "deleted",
            },
        ),
        (JOB_ROLE, {"pending_certification", "certified", "revoked"}),
        (AGENT_TYPE, {"draft", "published", "deprecated"}),
        (HIRED_AGENT, {"draft", "active", "paused", "degraded", "ended"}),
        (CERTIFICATE, {"valid", "stale", "expired", "revoked"}),
        (RUN, RUN_STATES),
        (WORKFLOW, RUN_STATES | {"waiting"}),
        (
            DELIVERABLE,
            {
                "draft",
                "pending_review",
                "approved",
                "rejected",
                "changes_requested",
                "acknowledged",
                "scheduled",
                "executed",
            },
        ),
        (EXECUTION, {"not_executed", "executing", "executed", "failed", "unknown"}),
        (APPROVAL, {"requested", "granted", "denied", "expired", "consumed", "revoked"}),
        (EFFECT, {"intended", "sent", "confirmed", "failed", "unknown"}),
    ],
    ids=lambda value: value.name if isinstance(value, Machine) else "",
)
def test_has_the_states_of_the_contract(machine: Machine, states: set[str]) -> None:
    assert machine.states == states
    assert machine in MACHINES


PATHS = {
    SKILL_VERSION: [
        "draft submit pending_certification certify certified deprecate deprecated revoke revoked",
        "pending_certification delete_unused deleted",
        "certified certify certified",
        "deprecated certify deprecated",
        "revoked delete_unused deleted",
    ],
    JOB_ROLE: ["pending_certification certify certified revoke revoked"],
    AGENT_TYPE: ["draft publish published deprecate deprecated"],
    HIRED_AGENT: [
        "draft finalize active pause paused resume active pause paused end ended",
        "active degrade degraded restore active",
        "degraded pause paused",
    ],
    CERTIFICATE: [
        "valid go_stale stale revoke revoked",
        "stale expire expired revoke revoked",
        "valid expire expired",
    ],
    RUN: [
        "queued start running succeed succeeded",
        "running fail failed",
        "running cancel canceled",
        "awaiting_approval approve queued",
        "awaiting_approval deny denied",
        "queued deny denied",
        "running lose unknown resolve_succeeded succeeded",
        "unknown resolve_failed failed",
    ],
    WORKFLOW: ["running wait waiting resume running lose unknown", "waiting cancel canceled"],
    DELIVERABLE: [
        "draft submit pending_review approve approved schedule scheduled execute executed",
        "pending_review reject rejected",
        "pending_review request_changes changes_requested revise draft",
        "pending_review acknowledge acknowledged",
        "approved execute executed",
    ],
    EXECUTION: [
        "not_executed begin executing succeed executed",
        "executing fail failed begin executing lose unknown resolve_succeeded executed",
        "unknown resolve_failed failed",
    ],
    APPROVAL: [
        "requested grant granted consume consumed",
        "requested deny denied",
        "requested expire expired",
        "granted expire expired",
        "granted revoke revoked",
    ],
    EFFECT: [
        "intended send sent confirm confirmed",
        "intended abandon failed",
        "sent fail failed",
        "sent lose unknown resolve_confirmed confirmed",
        "unknown resolve_failed failed",
    ],
}


@pytest.mark.parametrize(
    ("machine", "path"),
    [(machine, path) for machine, paths in PATHS.items() for path in paths],
    ids=lambda value: value.name if isinstance(value, Machine) else "",
)
def test_walks_the_paths_of_the_contract(machine: Machine, path: str) -> None:
    state, *rest = path.split()
    for event, target in zip(rest[::2], rest[1::2], strict=True):
        state = machine.advance(state, event)
        assert state == target


@pytest.mark.parametrize(
    ("machine", "final"),
    [
        (SKILL_VERSION, {"deleted"}),
        (JOB_ROLE, {"revoked"}),
        (AGENT_TYPE, {"deprecated"}),
        (HIRED_AGENT, {"ended"}),
        (CERTIFICATE, {"revoked"}),
        (RUN, {"succeeded", "failed", "canceled", "denied"}),
        (WORKFLOW, {"succeeded", "failed", "canceled", "denied"}),
        (DELIVERABLE, {"rejected", "acknowledged", "executed"}),
        (EXECUTION, {"executed"}),
        (APPROVAL, {"denied", "expired", "consumed", "revoked"}),
        (EFFECT, {"confirmed", "failed"}),
    ],
    ids=lambda value: value.name if isinstance(value, Machine) else "",
)
def test_final_states_have_no_way_out(machine: Machine, final: set[str]) -> None:
    assert {state for state in machine.states if machine.terminal(state)} == final


@pytest.mark.parametrize("state", sorted(SKILL_VERSION.states - {"deleted", "revoked"}))
def test_any_version_can_be_revoked_or_deleted(state: str) -> None:
    assert SKILL_VERSION.advance(state, "revoke") == "revoked"
    assert SKILL_VERSION.advance(state, "delete_unused") == "deleted"


@given(st.sampled_from(MACHINES), st.data())
def test_advance_gives_a_state_or_says_what_is_possible(
    machine: Machine, data: st.DataObject
) -> None:
    state = data.draw(st.sampled_from(sorted(machine.states)))
    event = data.draw(st.sampled_from(sorted(machine.events)) | st.text(max_size=8))
    if event in machine.possible(state):
        assert machine.advance(state, event) in machine.states
        return
    with pytest.raises(InvalidTransition) as caught:
        machine.advance(state, event)
    assert caught.value.details["possible"] == list(machine.possible(state))
    for way in machine.possible(state):
        assert way in caught.value.message


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_state_can_be_reached_and_left_for_good(machine: Machine) -> None:
    reached = set(machine.initial)
    while True:
        further = {t for s in reached for t in machine.table.get(s, {}).values()}
        if further <= reached:
            break
        reached |= further
    assert reached == machine.states
    assert any(machine.terminal(state) for state in machine.states)


def test_the_message_helps() -> None:
    with pytest.raises(InvalidTransition) as caught:
        APPROVAL.advance("requested", "consume")
    assert caught.value.message == (
        "approval: 'consume' is not possible in 'requested'; possible: deny, expire, grant"
    )
    assert (caught.value.code, caught.value.status) == ("invalid_transition", 409)
    with pytest.raises(InvalidTransition, match="nothing, it is final"):
        APPROVAL.advance("consumed", "consume")


def test_an_unknown_state_is_a_fault_of_the_program() -> None:
    with pytest.raises(ValueError, match="run has no state 'flying'"):
        RUN.advance("flying", "land")
    with pytest.raises(ValueError, match="no state"):
        RUN.terminal("flying")
