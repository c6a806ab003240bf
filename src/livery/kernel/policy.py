"""Cedar policies, parsed once: default deny, forbid wins, and any evaluation error is a deny."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cedarpy

from livery.manifest.canonical import canonical_hash
from livery.manifest.errors import LiveryError

_MEMO_LIMIT = 4096


class PolicyInvalid(LiveryError):
    """The policy text does not parse, or does not fit the schema of requests."""

    code = "contract_invalid"


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What the policies say: the ids of the policies that decided, and what failed to evaluate."""

    allowed: bool
    policies: tuple[str, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entities:
    """The entity graph of one execution contract, parsed once. `key` identifies its content."""

    key: str
    handle: Any

    @classmethod
    def parse(cls, entities: Sequence[Mapping[str, Any]]) -> Entities:
        """Parse Cedar's JSON entities: `[{uid: {type, id}, attrs, parents}]`."""
        handle = cedarpy.Entities.from_json_str(json.dumps(list(entities)), SCHEMA)
        return cls(canonical_hash(list(entities)), handle)


@dataclass(slots=True)
class PolicySet:
    """A parsed, validated set of policies.

    `hash` is the canonical hash of the text. Evaluation is a pure function of (text, entities, request), so equal
    questions are answered from a bounded memo; `evaluate` is the bare evaluation.
    """

    hash: str
    text: str
    _handle: Any
    _memo: dict[tuple[str, ...], PolicyVerdict] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> PolicySet:
        """Parse and validate Cedar policies; raises PolicyInvalid with every fault named."""
        try:
            handle = cedarpy.PolicySet.from_str(text)
        except ValueError as error:
            raise PolicyInvalid(message=f"The policies do not parse: {error}") from error
        if json.loads(cedarpy.policies_to_json_str(text))["templates"]:
            # Nothing links templates here: a forbid that is one would forbid nothing.
            raise PolicyInvalid(message="The policies hold a template (?principal, ?resource).")
        result = cedarpy.validate_policies(text, SCHEMA_TEXT)
        if not result.validation_passed:
            faults = "; ".join(str(error) for error in result.errors)
            raise PolicyInvalid(message=f"The policies do not fit the schema: {faults}")
        return cls(canonical_hash(text), text, handle)

    def decide(
        self, principal: str, action: str, resource: str, context: str, entities: Entities
    ) -> PolicyVerdict:
        """Answer one question. Uids are `Type::"id"`; `context` is a JSON object as text."""
        key = (entities.key, principal, action, resource, context)
        verdict = self._memo.get(key)
        if verdict is None:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            verdict = self._memo[key] = self.evaluate(
                principal, action, resource, context, entities
            )
        return verdict

    def evaluate(
        self, principal: str, action: str, resource: str, context: str, entities: Entities
    ) -> PolicyVerdict:
        """Evaluate without the memo. An error in any policy denies, also where Cedar itself would say Allow."""
        try:
            result = cedarpy.is_authorized(
                {
                    "principal": _uid(principal),
                    "action": _uid(action),
                    "resource": _uid(resource),
                    "context": context,
                },
                self._handle,
                entities.handle,
            )
        except Exception as error:
            # A question that cannot even be asked, such as a name with a lone surrogate.
            return PolicyVerdict(False, (), (f"{type(error).__name__} in the request",))
        names = result.diagnostics.id_annotations_by_reason
        policies = tuple(sorted(names.get(reason, reason) for reason in result.diagnostics.reasons))
        errors = tuple(result.diagnostics.errors)
        return PolicyVerdict(result.allowed and not errors, policies, errors)


def _uid(text: str) -> dict[str, str]:
    # The structured form: an id may hold characters that Cedar's surface syntax would reject.
    kind, _, rest = text.partition("::")
    return {"type": kind, "id": rest[1:-1]}


SCHEMA_TEXT = """
entity Role;
entity Workspace;
entity User in [Role] { workspace?: Workspace };
entity Agent in [Role] { workspace: Workspace, entitled: Set<Skill> };
entity Platform;
entity Skill { key: String, owner: String, category: String, runtime: String, effects: Set<String> };
action execute appliesTo {
  principal: [User, Agent],
  resource: [Skill],
  context: { workspace: Workspace, estimate_usd_micros: Long, dry_run: Bool, approved: Bool }
};
action run_stale appliesTo {
  principal: [User, Agent],
  resource: [Skill],
  context: { workspace: Workspace, drifted: Set<String> }
};
action certify appliesTo {
  principal: [Platform],
  resource: [Skill],
  context: {
    version: String, author: String, approvers: Set<String>, signed_off: Bool, has_code: Bool,
    credentials: Set<String>, network: Set<String>, data: Set<String>
  }
};
"""
# `run_stale` is asked besides `execute` where a certificate's basis has changed; `drifted` names what (`engine`,
# `checks`, `scanners`, `dependencies`). `certify` is asked by the platform when all other checks are done; `signed_off`
# says whether somebody other than the author has signed this digest off.
SCHEMA = cedarpy.Schema.from_str(SCHEMA_TEXT)

DEFAULT_POLICIES = """
@id("staff-execute")
permit (principal in Role::"operator", action == Action::"execute", resource);

@id("customers-execute-in-their-workspace")
permit (principal, action == Action::"execute", resource)
when { principal is User && (principal in Role::"customer_admin" || principal in Role::"customer_member")
       && principal has workspace && principal.workspace == context.workspace };

@id("authors-try-without-effects")
permit (principal in Role::"author", action == Action::"execute", resource)
when { resource.effects.isEmpty() || context.dry_run };

@id("agents-execute-what-they-are-entitled-to")
permit (principal, action == Action::"execute", resource)
when { principal is Agent && principal.entitled.contains(resource) && principal.workspace == context.workspace };

@id("effects-need-an-approval")
forbid (principal, action == Action::"execute", resource)
unless { resource.effects.isEmpty() || context.dry_run || context.approved };

@id("no-single-run-above-100-usd")
forbid (principal, action == Action::"execute", resource)
when { context.estimate_usd_micros > 100000000 };

@id("platform-certifies-what-passed")
permit (principal is Platform, action == Action::"certify", resource);

@id("effects-and-credentials-need-a-sign-off")
forbid (principal, action == Action::"certify", resource)
unless { context.signed_off || (resource.effects.isEmpty() && context.credentials.isEmpty()) };
"""
