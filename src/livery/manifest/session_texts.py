"""The texts of session facts without secrets: names are redacted, identifiers are hashed.

A folder, a file or a session may be named after a key by mistake. Equal texts become equal texts,
so that counting by project and joining by identifier go on, and cleaning twice changes nothing
more. The client cleans what it sends; the service refuses what is not clean.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from livery.manifest.denylist import REDACTED, may_hold_secret, redact_text
from livery.manifest.session_facts import Column

IDENTIFIERS: Final = frozenset({"file", "session", "parent", "key", "answer", "call_id"})
"""Columns whose texts only identify: they are joined and counted, and say nothing by themselves."""

HARMLESS: Final = re.compile(
    r"[0-9a-f-]*|(?:(?:msg|req|toolu|call|fc|rs|resp)_)?(?!AKIA|ASIA)[0-9A-Za-z]*"
)
"""Most identifiers, matched whole: no secret is known by these characters alone."""
_CUT_MARK = re.compile(r"\\?\[[a-z]{0,8}\Z")
_SIGNS = re.compile(r"[:=\s]")
# The markers of the denylist, longer where they are common in honest identifiers.
_MARKERS: Final = (
    "sk-", "eyJ", "-----BEGIN", "xox", "AKIA", "ASIA", "gho_", "ghp_", "ghs_", "ghu_", "ghr_",
    "github_pat_", "whsec_", "/services/", "/workflows/", "/triggers/",
)  # fmt: skip


SUSPICIOUS: Final = "|".join(("[^!-~]", "[:=]", *_MARKERS))
"""Found in every text that `unclean` returns; a pattern for `re` and for RE2 (Arrow) alike."""


def clean_name(text: str, limit: int, *, tail: bool = False) -> str:
    """Return a text without secrets, at most `limit` characters of it (the last ones by `tail`)."""
    shown = redact_text(text)
    if len(shown) > limit:
        shown = shown[-limit:] if tail else _CUT_MARK.sub("", shown[:limit])
    return shown if redact_text(shown) == shown else REDACTED


def clean_identifier(text: str) -> str:
    """Return an identifier, or a hash in the place of one that holds a secret."""
    if HARMLESS.fullmatch(text) or not may_hold_secret(text) or redact_text(text) == text:
        return text
    return "redacted-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def clean_column(column: Column, texts: Sequence[Any]) -> Sequence[Any]:
    """Return the texts of a column without secrets; the same sequence where there are none."""
    changed = {
        text: clean_identifier(text)
        if column.name in IDENTIFIERS
        else clean_name(text, column.max_length)
        for text in unclean(set(texts) - {None})
    }
    return [changed.get(text, text) for text in texts] if changed else texts


def clean_state(state: Any) -> Any:
    """Return the state of a cursor (JSON) without secrets."""
    if isinstance(state, str):
        return clean_identifier(state)
    if isinstance(state, dict):
        return {clean_state(key): clean_state(member) for key, member in state.items()}
    if isinstance(state, list | tuple):
        return [clean_state(member) for member in state]
    return state


def unclean(texts: Collection[str]) -> list[str]:
    """Return those of the texts that hold a secret; quick where none can."""
    joined = "\0".join(texts)
    if not _SIGNS.search(joined) and not any(marker in joined for marker in _MARKERS):
        return []
    return [text for text in texts if redact_text(text) != text]
