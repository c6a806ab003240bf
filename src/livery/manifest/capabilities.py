"""Capabilities: the closed vocabulary of what a skill may touch. Denied unless declared.

``network`` names hosts; ``input:/url`` stands for the host of the URL that the input holds there, and for
no other: a skill that sends where its caller says declares that, and the approval of the input covers it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from livery.manifest.canonical import join_pointer
from livery.manifest.errors import ContractInvalid, UnknownCapability, Violation

KINDS: Final = (
    "tools",
    "data",
    "network",
    "credentials",
    "effects",
    "storage",
    "llm",
    "filesystem",
)
EFFECTS: Final = ("publish", "post", "send", "place_order", "close_position", "write", "delete")
FILESYSTEM: Final = ("input", "output")
MAX_ENTRIES: Final = 256
MAX_TOKEN_BUDGET: Final = 10**9

_TOOL = re.compile(r"[A-Za-z0-9][\w.-]{0,127}:[A-Za-z0-9][\w./-]{0,127}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,127}", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_HOST = re.compile(
    r"(?=.{1,259}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::[0-9]{1,5})?"
)
_INPUT = re.compile(r"input:(?:/(?:[^/~\x00-\x20]|~[01]){1,64}){1,8}")
_LEVEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_FORMS: Final[Mapping[str, tuple[Callable[[str], object], str]]] = {
    "tools": (_TOOL.fullmatch, "provider:tool"),
    "data": (_NAME.fullmatch, "the name of a semantic view"),
    "network": (
        lambda text: _HOST.fullmatch(text) or _INPUT.fullmatch(text),
        "a lower-case host name without scheme, path or wildcard, or input:/pointer of a URL",
    ),
    "credentials": (_NAME.fullmatch, "a kind of credential"),
    "effects": (lambda text: text in EFFECTS, "one of " + ", ".join(EFFECTS)),
    "storage": (_NAMESPACE.fullmatch, "a kv namespace of at most 64 characters"),
    "filesystem": (lambda text: text in FILESYSTEM, "input or output"),
}


@dataclass(frozen=True, slots=True)
class LlmGrant:
    """Leave to call a model: a level (name of a model class) and a token budget per run."""

    level: str
    token_budget: int


@dataclass(frozen=True, slots=True)
class CapabilityUse:
    """One use of one capability, and where it was seen (``file:line``, a step, a call)."""

    kind: str
    value: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a skill declares. Lists are sorted and without doubles, so equal grants are equal."""

    tools: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()
    llm: LlmGrant | None = None
    filesystem: tuple[str, ...] = ()

    @classmethod
    def parse(cls, mapping: object) -> Capabilities:
        """Read the ``capabilities`` member of a contract.

        Raises UnknownCapability for a kind outside KINDS and ContractInvalid for a malformed
        entry; every violation has its JSON pointer inside ``mapping``.
        """
        if mapping is None:
            return cls()
        if not isinstance(mapping, Mapping):
            raise ContractInvalid(violations=[Violation("", "must be a mapping of capabilities")])
        unknown = [key for key in mapping if key not in KINDS]
        violations: list[Violation] = [
            Violation(join_pointer(str(key)), "is no capability", "unknown_capability")
            for key in unknown
        ]
        values: dict[str, Any] = {}
        for kind in KINDS:
            given = mapping.get(kind)
            if given is None:
                continue
            values[kind] = (
                _llm(given, violations) if kind == "llm" else _entries(kind, given, violations)
            )
        if unknown:
            raise UnknownCapability(
                message=f"{', '.join(sorted(map(str, unknown)))[:200]} is no capability",
                violations=violations,
            )
        if violations:
            raise ContractInvalid(violations=violations)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the declared kinds only, as a contract would write them."""
        result: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, LlmGrant):
                result["llm"] = {"level": value.level, "token_budget": value.token_budget}
            elif value:
                result[field.name] = list(value)
        return result

    def allows(self, kind: str, value: str) -> bool:
        """Say whether ``value`` of ``kind`` is declared; False for an unknown kind."""
        if kind == "llm":
            return self.llm is not None and self.llm.level == value
        return kind in KINDS and value in getattr(self, kind)


def closure(declared: Capabilities, used: Iterable[CapabilityUse]) -> tuple[CapabilityUse, ...]:
    """Return the uses that ``declared`` does not cover, in their order. Empty means: contained."""
    return tuple(use for use in used if not declared.allows(use.kind, use.value))


def hosts_meant(
    network: Iterable[str], args: object, host: Callable[[str], str | None]
) -> tuple[str, ...]:
    """Return the declared hosts, each ``input:/pointer`` replaced by ``host`` of the text that the input holds there.

    What ``host`` gives no name for, and what is no text, is left out.
    """
    found: set[str | None] = set()
    for entry in network:
        if not entry.startswith("input:"):
            found.add(entry)
            continue
        value = _member(args, entry.removeprefix("input:"))
        if isinstance(value, str):
            found.add(host(value))
    return tuple(sorted(name for name in found if name))


def _member(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def _entries(kind: str, given: object, violations: list[Violation]) -> tuple[str, ...]:
    matches, form = _FORMS[kind]
    if not isinstance(given, list | tuple):
        violations.append(Violation(join_pointer(kind), "must be a list of texts"))
        return ()
    if len(given) > MAX_ENTRIES:
        violations.append(Violation(join_pointer(kind), f"has more than {MAX_ENTRIES} entries"))
        return ()
    kept: set[str] = set()
    for index, entry in enumerate(given):
        if isinstance(entry, str) and matches(entry):
            kept.add(entry)
        else:
            violations.append(Violation(join_pointer(kind, index), f"must be {form}"))
    return tuple(sorted(kept))


def _llm(given: object, violations: list[Violation]) -> LlmGrant | None:
    if not isinstance(given, Mapping) or set(given) != {"level", "token_budget"}:
        violations.append(Violation("/llm", "must have exactly level and token_budget"))
        return None
    level, budget = given["level"], given["token_budget"]
    if not isinstance(level, str) or not _LEVEL.fullmatch(level):
        violations.append(Violation("/llm/level", "must be the lower-case name of a model level"))
        return None
    if (
        isinstance(budget, bool)
        or not isinstance(budget, int)
        or not (0 < budget <= MAX_TOKEN_BUDGET)
    ):
        violations.append(Violation("/llm/token_budget", "must be a positive number of tokens"))
        return None
    return LlmGrant(level, budget)
