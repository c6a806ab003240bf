"""Which rule a run stands under, and what would let it on: the parts of an explanation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from livery.kernel.decide import Decision, Denial
from livery.kernel.remedies import ASK_AGAIN, Rule, policy_text, rule_of, steps_of
from livery.kernel.standing import reached, why_not
from livery.manifest.codes import info
from livery.manifest.urls import parse_target
from livery.services.runs.types import ExecutionContract, RunRecord

FLOOR: Final = "floor"
FLOOR_SAYS: Final = (
    "The kernel's own, under every policy: what has an effect runs with an approval of exactly these arguments, or"
    " under a standing one. No policy lifts it."
)
_NAMED = re.compile(r"Denied by policy: (?P<names>[^.]+)\.")
_NOBODY: Final = "no policy permits"
_QUEUED: Final = Rule(
    "approval", "It was approved and is about to be started; everything is decided again then.", ()
)
_LOOK: Final = ("Look at what would be done.", "livery approvals show {approval}")
_GRANT: Final = (
    "Grant it (approver, customer_admin): it is started under this id.",
    "livery approvals grant {approval}",
)
_ROLE: Final = (
    "Call with a token whose role a policy permits.",
    "livery token new --role ROLE --workspace {workspace}",
)
_REGISTER: Final = (
    "Or approve a number of such calls at once. First register their target, where that is not done.",
    "livery workspaces targets add {workspace} {target}",
)
_MANY: Final = (
    "Then approve them.",
    "livery approvals standing grant {skill} {target} --runs 10 --workspace {workspace}{scope}",
)


def ruling(
    record: RunRecord,
    reason: str,
    remedy: str | None,
    contract: ExecutionContract | None,
    now: Decision | None,
    *,
    pinned: bool = False,
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The rule of the run with its policies, and the steps that would let it on. `now` is what the same call would get;
    `pinned`: a call that names no version runs another one.

    A run that waits stands under the rule that it waits for; one that was let through is denied by none.
    """
    waits = record.status == "awaiting_approval"
    inside = refused_inside(record)
    stopped = waits or inside or record.status == "denied"
    code = (record.code or "") if stopped else ""
    rule = _QUEUED if record.status == "queued" else rule_of(code)
    document = {
        "name": rule.name,
        "says": f"The run was admitted; the skill was refused inside of it. {rule.says}"
        if inside
        else rule.says,
        "policies": _policies(code, reason, contract, now),
    }
    if not stopped:
        return document, []
    steps = _steps(rule, code, reason, remedy, waits=waits)
    if inside and remedy:
        steps.insert(0, (_plain(remedy), "livery skills add FOLDER --certify"))
    if code == "approval_denied" and not _remembered(contract):
        steps = [ASK_AGAIN]
    if code == "approval_required" and contract is not None and _could_stand(record, contract):
        steps += [_REGISTER, _MANY]
    names = _names(record, contract, pinned=pinned)
    return document, steps_of(Rule(rule.name, rule.says, tuple(steps)), names)


def _steps(
    rule: Rule, code: str, reason: str, remedy: str | None, *, waits: bool
) -> list[tuple[str, str]]:
    if waits:
        return [_LOOK, _GRANT]
    if code == "policy_denied" and _NOBODY in reason:
        return [_ROLE, *rule.steps]
    said, _, setting = (remedy or "").partition(": ")
    if setting and remedy != info(code).remedy:  # the one way out of just this refusal
        return [(f"{said}.", _plain(setting))]
    return list(rule.steps)


def refused_inside(record: RunRecord) -> bool:
    """Whether the run was admitted, and what its skill then reached for was refused."""
    return record.status == "failed" and record.code == "skill_capability_denied"


def _plain(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _policies(
    code: str, reason: str, contract: ExecutionContract | None, now: Decision | None
) -> list[dict[str, str | None]]:
    text = contract.facts.policies.text if contract is not None else ""
    if code == "approval_required" and contract is not None and contract.capabilities.effects:
        asking = now.policies if isinstance(now, Denial) and now.code == code else ()
        floor: dict[str, str | None] = {"id": FLOOR, "text": FLOOR_SAYS}
        return [floor, *({"id": name, "text": policy_text(text, name)} for name in asking)]
    named = _NAMED.search(reason)
    if named is None or named["names"].startswith(_NOBODY):
        return []
    names = [name.strip() for name in named["names"].split(",")]
    return [{"id": name, "text": policy_text(text, name)} for name in names]


def _could_stand(record: RunRecord, contract: ExecutionContract) -> bool:
    """Whether a standing approval could admit it: it only sends, and to one host, which can be registered."""
    if why_not(contract.capabilities.effects, contract.facts.review_policy) is not None:
        return False
    hosts = reached(contract.capabilities, record.input)
    try:
        return len(hosts) == 1 and parse_target(hosts[0]) == hosts[0]
    except ValueError:
        return False


def _remembered(contract: ExecutionContract | None) -> bool:
    """Whether the code is denied once for all; a denial of one call leaves nothing to take back."""
    return contract is not None and contract.facts.code_grant not in (None, "always_allow")


def _names(
    record: RunRecord, contract: ExecutionContract | None, *, pinned: bool
) -> Mapping[str, str]:
    found = {"skill": record.skill_key, "ref": record.skill_key, "home": "", "scope": ""}
    if record.workspace:
        found["workspace"] = record.workspace
        if contract is not None and contract.owned:
            # In the catalog it goes by its owner's name too; a call says where, which tells whose.
            found["ref"] = f"{record.workspace}:{record.skill_key}"
            found["home"] = f" --workspace {record.workspace}"
    if record.skill_version:
        found["version"] = record.skill_version
        if pinned:
            found["scope"] += f" --version {record.skill_version}"
    if record.hired_agent_id:
        found["agent"] = str(record.hired_agent_id)
        found["scope"] += f" --agent {record.hired_agent_id}"
    if record.approval_id:
        found["approval"] = record.approval_id
    hosts = reached(contract.capabilities, record.input) if contract is not None else ()
    if hosts:
        found["target"] = hosts[0]
    return found
