"""The life of everything, as tables: which event leads from which state to which.

A machine holds no conditions: whoever fires an event has checked them, and events whose condition
matters say so in their name (`delete_unused`). States are the words of the contracts; storage
writes them as they are.
"""

from collections.abc import Mapping
from types import MappingProxyType

from livery.manifest.errors import LiveryError

Table = Mapping[str, Mapping[str, str]]


class InvalidTransition(LiveryError):
    """The event is not possible in this state; says which ones are."""

    code = "invalid_transition"


class Machine:
    """One state machine.

    Args:
        name: what lives it, for messages.
        table: state -> event -> next state, for every state that has a way out.
        initial: states in which it may begin.
    """

    def __init__(self, name: str, table: Table, initial: frozenset[str]) -> None:
        self.name = name
        self.table: Table = MappingProxyType(dict(table))
        self.initial = initial
        targets = {target for row in table.values() for target in row.values()}
        self.states = frozenset(table) | targets | initial
        self.events = frozenset(event for row in table.values() for event in row)

    def possible(self, state: str) -> tuple[str, ...]:
        """Events that are possible in this state, sorted.

        Raises:
            ValueError: the machine has no such state.
        """
        if state not in self.states:
            raise ValueError(f"{self.name} has no state {state!r}")
        return tuple(sorted(self.table.get(state, ())))

    def terminal(self, state: str) -> bool:
        """Is there no way out of this state? Errors as for `possible`."""
        return not self.possible(state)

    def advance(self, state: str, event: str) -> str:
        """The state after ``event``.

        Raises:
            InvalidTransition: the event is not possible here.
            ValueError: the machine has no such state.
        """
        possible = self.possible(state)
        if event not in possible:
            ways = ", ".join(possible) or "nothing, it is final"
            raise InvalidTransition(
                message=f"{self.name}: {event!r} is not possible in {state!r}; possible: {ways}",
                details={
                    "machine": self.name,
                    "state": state,
                    "event": event,
                    "possible": list(possible),
                },
            )
        return self.table[state][event]


_OUT = {"revoke": "revoked", "delete_unused": "deleted"}
SKILL_VERSION = Machine(
    "skill version",
    {
        "draft": {"submit": "pending_certification", **_OUT},
        # A certificate that ran out is renewed on the same version.
        "pending_certification": {"certify": "certified", **_OUT},
        "certified": {"certify": "certified", "deprecate": "deprecated", **_OUT},
        # Those who have it go on with it, so its certificate is renewed too; it is offered no longer.
        "deprecated": {"certify": "deprecated", **_OUT},
        "revoked": {"delete_unused": "deleted"},
    },
    frozenset({"draft", "pending_certification"}),
)

JOB_ROLE = Machine(
    "job role",
    {
        "pending_certification": {"certify": "certified"},
        "certified": {"certify": "certified", "revoke": "revoked"},
    },
    frozenset({"pending_certification"}),
)

AGENT_TYPE = Machine(
    "agent type",
    {"draft": {"publish": "published"}, "published": {"deprecate": "deprecated"}},
    frozenset({"draft"}),
)

HIRED_AGENT = Machine(
    "hired agent",
    {
        "draft": {"finalize": "active", "end": "ended"},
        "active": {"pause": "paused", "degrade": "degraded", "end": "ended"},
        # Paused wins over degraded: whoever resumes it checks the skill chain and degrades it then.
        "paused": {"resume": "active", "end": "ended"},
        "degraded": {"restore": "active", "pause": "paused", "end": "ended"},
    },
    frozenset({"draft"}),
)

CERTIFICATE = Machine(
    "certificate",
    {
        "valid": {"go_stale": "stale", "expire": "expired", "revoke": "revoked"},
        "stale": {"expire": "expired", "revoke": "revoked"},
        "expired": {"revoke": "revoked"},
    },
    frozenset({"valid"}),
)

_RUN: Table = {
    # A decision is taken again when the run starts: what was revoked meanwhile is denied.
    "awaiting_approval": {"approve": "queued", "deny": "denied", "cancel": "canceled"},
    "queued": {"start": "running", "deny": "denied", "cancel": "canceled"},
    "running": {
        "succeed": "succeeded",
        "fail": "failed",
        "cancel": "canceled",
        "lose": "unknown",
    },
    "unknown": {"resolve_succeeded": "succeeded", "resolve_failed": "failed"},
}
# The hot path writes a run that is admitted at once as running.
_RUN_BEGINS = frozenset({"queued", "running", "awaiting_approval", "denied"})
RUN = Machine("run", _RUN, _RUN_BEGINS)

WORKFLOW = Machine(
    "workflow",
    {
        **_RUN,
        "running": {**_RUN["running"], "wait": "waiting"},
        "waiting": {"resume": "running", "fail": "failed", "cancel": "canceled"},
    },
    _RUN_BEGINS,
)

DELIVERABLE = Machine(
    "deliverable",
    {
        "draft": {"submit": "pending_review"},
        "pending_review": {
            "approve": "approved",
            "reject": "rejected",
            "request_changes": "changes_requested",
            "acknowledge": "acknowledged",
        },
        "changes_requested": {"revise": "draft"},
        "approved": {"schedule": "scheduled", "execute": "executed"},
        "scheduled": {"execute": "executed"},
    },
    frozenset({"draft"}),
)

EXECUTION = Machine(
    "execution of a deliverable",
    {
        "not_executed": {"begin": "executing"},
        "executing": {"succeed": "executed", "fail": "failed", "lose": "unknown"},
        "failed": {"begin": "executing"},
        "unknown": {"resolve_succeeded": "executed", "resolve_failed": "failed"},
    },
    frozenset({"not_executed"}),
)

APPROVAL = Machine(
    "approval",
    {
        "requested": {"grant": "granted", "deny": "denied", "expire": "expired"},
        "granted": {"consume": "consumed", "expire": "expired", "revoke": "revoked"},
    },
    frozenset({"requested"}),
)

EFFECT = Machine(
    "effect",
    {
        # An effect that was never sent did nothing; its run may be tried again.
        "intended": {"send": "sent", "abandon": "failed"},
        "sent": {"confirm": "confirmed", "fail": "failed", "lose": "unknown"},
        "unknown": {"resolve_confirmed": "confirmed", "resolve_failed": "failed"},
    },
    frozenset({"intended"}),
)

MACHINES = (
    SKILL_VERSION,
    JOB_ROLE,
    AGENT_TYPE,
    HIRED_AGENT,
    CERTIFICATE,
    RUN,
    WORKFLOW,
    DELIVERABLE,
    EXECUTION,
    APPROVAL,
    EFFECT,
)
