"""What would allow a call that was denied: the rule behind each code, and the steps that change its facts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the kernel or the journal, in the order in which they are asked. `steps` are (what, command)."""

    name: str
    says: str
    steps: tuple[tuple[str, str], ...]


ASK_AGAIN: Final = (
    "Ask again, without an approval id.",
    "livery run {skill} --workspace {workspace} --input …",
)
_CERTIFY = ("Certify this version on evidence.", "livery skills certify {ref}@{version}")
_RULES: dict[str, Rule] = {
    "kill_switch": Rule(
        "kill switch",
        "Nothing runs in the scope of a kill switch that is engaged.",
        (
            ("See what is stopped, and why.", "livery kill-switch list"),
            ("Let it run again.", "livery kill-switch release SCOPE TARGET --reason …"),
        ),
    ),
    "agent_paused": Rule(
        "standing of the hired agent",
        "Only an active or degraded agent runs skills.",
        (("Let the agent work again.", "livery agents resume {agent} --reason …"),),
    ),
    "skill_not_allowed": Rule(
        "entitlement",
        "An agent runs the skills of its type that it was hired with, and no others.",
        (
            ("See what the agent may run.", "livery agents list"),
            ("Hire an agent whose type has this skill.", "livery agents hire TYPE"),
        ),
    ),
    "skill_revoked": Rule(
        "standing of the version",
        "A revoked version never runs again.",
        (
            ("See why it was revoked, and what else there is.", "livery skills show {ref}"),
            (
                "Call another version that is certified.",
                "livery run {skill} --workspace {workspace} --version VERSION --input …",
            ),
            (
                "Where none is: register a new version, certify it, and call that.",
                "livery skills add FOLDER --certify{home}",
            ),
        ),
    ),
    "skill_not_certified": Rule(
        "certificate",
        "A version runs while a certificate of its digest is valid: signed here, not expired, not stale.",
        (_CERTIFY,),
    ),
    "executor_unbound": Rule(
        "runtime",
        "Something here must run skills of this runtime.",
        (("See which runtimes are bound.", "livery doctor"),),
    ),
    "plugin_container_unavailable": Rule(
        "runtime",
        "A plugin runs in a container, and in nothing else.",
        (("Start a container engine, and make the image.", "livery sandbox build"),),
    ),
    "security_hash_mismatch": Rule(
        "integrity",
        "What runs is the code that was certified, byte for byte.",
        (
            ("Put the certified code back, as an operator.", "livery skills restore {ref}"),
            ("See what differs.", "livery doctor"),
            (
                "Register the changed code as a new version.",
                "livery skills add FOLDER --certify{home}",
            ),
        ),
    ),
    "tool_input_invalid": Rule(
        "input",
        "The input fits the skill's input schema and is I-JSON.",
        (("See the schema.", "livery skills show {ref}"),),
    ),
    "secret_in_payload": Rule(
        "secrets",
        "No input holds a raw secret.",
        (("Keep it in the vault, and pass its credential_ref.", "livery credentials add"),),
    ),
    "skill_capability_denied": Rule(
        "capabilities",
        "A skill uses what its contract declares and its caller may grant.",
        (("See what is declared.", "livery skills show {ref}"),),
    ),
    "policy_denied": Rule(
        "policy",
        "A Cedar policy permits the call, and none forbids it.",
        (
            ("See which version decides.", "livery policies list"),
            ("Try another version over the last runs.", "livery policies preview VERSION"),
        ),
    ),
    "approval_required": Rule(
        "approval",
        "An effect has the approval of exactly these arguments, or a standing one of its target.",
        (
            ("See what waits for somebody.", "livery approvals list"),
            ("Grant it, and call again with its id.", "livery approvals grant {approval}"),
        ),
    ),
    "approval_invalid": Rule(
        "approval",
        "An approval is granted, unexpired, unused, and given for these arguments, this code and this policy.",
        (ASK_AGAIN,),
    ),
    "approval_denied": Rule(
        "approval",
        "Somebody said no: to this call, or to this code for this agent once for all.",
        (
            ("See who said no to the code.", "livery approvals code"),
            ("Take it back: the next call is asked about.", "livery approvals forget GRANT"),
        ),
    ),
    "provider_policy_denied": Rule(
        "target",
        "A target that is no public address is refused unless the operator allows it; a remote tool is the one that"
        " was certified.",
        (("See the skill, and what it reaches.", "livery skills show {ref}"),),
    ),
    "monthly_budget_exceeded": Rule(
        "budget",
        "The estimate of the call fits what is left of the workspace's month.",
        (("Wait for the next month, or raise the cap.", "livery workspaces list"),),
    ),
    "metering_required": Rule(
        "budget",
        "A workspace has a budget.",
        (("Give the workspace a budget.", "livery workspaces list"),),
    ),
    "circuit_open": Rule(
        "breaker",
        "After five failures in a row a skill rests for 60 seconds.",
        (("Wait, and look at what failed.", "livery runs list --code provider_execution_failed"),),
    ),
}
RULES: Final[Mapping[str, Rule]] = MappingProxyType(_RULES)
_OTHER: Final = Rule("the run itself", "The run was admitted; what came of it is its own.", ())
_POLICY = re.compile(r'@id\("(?P<id>[^"]+)"\)(?P<text>.*?;)', re.S)


def rule_of(code: str) -> Rule:
    """The rule behind a code of a denial."""
    return RULES.get(code, _OTHER)


def policy_text(policies: str, name: str) -> str | None:
    """The Cedar text of the policy with this @id."""
    for match in _POLICY.finditer(policies):
        if match["id"] == name:
            return " ".join(match["text"].split())
    return None


def steps_of(rule: Rule, facts: Mapping[str, str]) -> list[dict[str, str]]:
    """The steps with the names filled in; what is not known stays a placeholder."""
    known = _Known(facts)
    return [{"do": what, "command": how.format_map(known)} for what, how in rule.steps]


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key.upper()
