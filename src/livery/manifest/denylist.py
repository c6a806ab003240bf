"""The secrets denylist: find, point at and redact raw secrets in JSON values and texts."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any, Final

from livery.manifest.canonical import escape_pointer

REDACTED: Final = "[redacted]"

_EXACT: Final = frozenset(
    {
        "token", "secret", "api_key", "apikey", "api_secret", "client_secret", "access_token",
        "refresh_token", "password", "passwd", "private_key", "secret_key", "authorization",
        "cookie",
    }
)  # fmt: skip
_SQUEEZED: Final = frozenset(name.replace("_", "") for name in _EXACT)
_SUFFIXES: Final = ("_token", "_secret", "_private_key", "_api_key", "_api_secret", "_password")
_EXEMPT: Final = ("_ref", "_id")

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[^0-9a-z]+")

# A text is searched only when it holds one of these; substring search is many times cheaper.
_MARKERS: Final = (
    "sk-", "eyJ", "-----BEGIN", "xox", "AKIA", "ASIA", "gh", "github_pat_", "whsec_",
    "/services/", "/workflows/", "/triggers/",
)  # fmt: skip
# Every form starts where a run of word characters starts or ends at once, so that the search is
# linear: a text of many "eyJ-" must not be read again for each of them.
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|.*)"
    r"|(?<![\w-])eyJ[\w-]{4,}\.[\w-]{2,}\.[\w-]*"
    r"|(?<![A-Za-z0-9])(?:"
    r"sk-(?:[\w-]{20,}|(?=[A-Za-z_-]*[0-9])[\w-]{8,})"
    r"|xox[abceoprs]-[\w-]+"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}\w*"
    r"|gh[opsur]_\w{4,}|github_pat_\w{4,}"
    r"|whsec_[\w+/=-]{4,}"
    r")"
    r"|(?i:hooks\.slack(?:-gov)?\.com)/(?:services|workflows|triggers)/\S*",
    re.DOTALL | re.ASCII,
)
# A short key that is the whole text; inside a sentence it would be "sk-learn".
_WHOLE_VALUE = re.compile(r"\s*sk-[\w-]{6,}\s*", re.ASCII)
# What stands for white space and for quotes once a text was written as JSON or HTML: such texts are
# read as the texts that they were written from, so that a redacted text stays redacted in them.
_SPACE: Final = r"(?:\s|\\+(?:[nrtfb]|u(?:00[01][0-9a-fA-F]|0085|00[aA]0|1680|200[0-9aA]|202[89fF]|205[fF]|3000)))"
_HTML_QUOTE: Final = r"&(?:quot|apos|\#x27|\#39|\#34);"
_ASSIGNMENT = re.compile(
    rf"""
    (?P<key>(?<![\w-])(?:[\w-]*(?:token|secret|password|passwd|api[_-]?key|private[_-]?key|secret[_-]?key)
    |authorization|cookie))
    (?:\\*["']|{_HTML_QUOTE})?{_SPACE}*+(?P<sign>[:=]){_SPACE}*+
    (?!(?:\\*["']|{_HTML_QUOTE})?\\*\[redacted\\*\])
    (?P<value>
    "(?:[^"\\]|\\[\s\S])*"|"[^"]*"|'(?:[^'\\]|\\[\s\S])*'|'[^']*'
    |\\"(?:[^"\\]|\\[^"])*\\"
    |&(?P<quote>quot|apos|\#x27|\#39|\#34);(?:(?!&(?P=quote);)[\s\S])*&(?P=quote);
    |(?:bearer|basic|token)\s+[^\s:=]\S*
    |(?:[\\"']|{_HTML_QUOTE}|{_SPACE})*+(?P<bare>[^\s,;&"'}}\])\\][^\s,;&"'}}\])]*+)
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_KEY_AND_SIGN = re.compile(
    r"(?:[\w-]*(?:token|secret|password|passwd|api[_-]?key|private[_-]?key|secret[_-]?key)"
    r"|authorization|cookie)\s*[:=]",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\+(?:[nrtfb]|u[0-9a-fA-F]{4})|\\+")
_LINE_END = re.compile(r"\s*(?:\\+(?:[nrtfb]|u00[01][0-9a-fA-F])\s*)+")
_QUOTE_NAME = re.compile(_HTML_QUOTE, re.IGNORECASE)
_CLOSING_TAG = re.compile(r"</[a-z]{1,10}>")
_HOLDS_NO_VALUE: Final = 4
"""So many signs without a letter or digit are a bar, a dash or the end of a quotation."""
_WORD = re.compile(r"[a-z]{2,12}")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_USERINFO = re.compile(
    r"(?i)([a-z0-9+.-]://[^\s/:@]{0,256}:)(?!\\*\[redacted\\*\]@)[^\s/@]{1,1024}@"
)

# Every key of `_ASSIGNMENT` and word of `_BEARER` holds one of these once it is folded: a substring search costs a
# hundredth of theirs. Without the letter i, whose foldings differ between `re` and `str`.
_KEY_PARTS: Final = ("token", "secret", "passw", "key", "author", "cook")
_BEARER_PARTS: Final = ("bearer", "bas")

_ROUNDS: Final = 8
_KEY_OK, _KEY_SECRET, _KEY_HOLDS_SECRET = 0, 1, 2
_CACHED_KEY_LENGTH: Final = 64


def find_secret(value: object) -> str | None:
    """Return the JSON pointer of the first raw secret in ``value``, or None.

    A secret is any non-null member whose key is on the denylist (case, camelCase, hyphens and
    dots do not matter; keys ending in ``_ref`` or ``_id`` are exempt), or any text or key that
    holds a known form (PEM private key, JWT, provider token, webhook address). The pointer never
    repeats a secret. Works on any depth.
    """
    if not _suspicious(value):
        return None
    return _locate(value)


def redact(value: Any) -> Any:
    """Return a copy of a JSON value in which every secret reads ``[redacted]``.

    Containers come back as dict and list. ``find_secret(redact(v))`` is None, and redacting twice
    changes nothing more. Works on any depth.
    """
    root: list[Any] = [None]
    stack: list[tuple[Any, Any, Any]] = [(value, root, 0)]
    while stack:
        item, target, slot = stack.pop()
        copy: Any = item
        if isinstance(item, str):
            copy = redact_text(item)
        elif isinstance(item, dict):
            copy = {}
            for key, member in item.items():
                shown = _shown_key(key) if isinstance(key, str) else key
                copy[shown] = REDACTED
                if member is None or not (isinstance(key, str) and is_secret_key(key)):
                    stack.append((member, copy, shown))
        elif isinstance(item, list | tuple):
            copy = [None] * len(item)
            stack.extend((member, copy, index) for index, member in enumerate(item))
        target[slot] = copy
    return root[0]


def redact_text(text: str) -> str:
    """Return ``text`` with secrets replaced: the value forms, ``key=value`` pairs of denied keys,
    bearer tokens and passwords in addresses.

    Redacting twice changes nothing more, and neither does redacting what the text reads like once
    it was escaped for Markdown, HTML or JSON.
    """
    if _is_plain(text):
        return text
    if _WHOLE_VALUE.fullmatch(text.strip()):
        return REDACTED
    # Taking one secret out can uncover the next one; nothing honest does so often.
    for _ in range(_ROUNDS):
        shown = _redacted_once(text)
        if shown == text:
            return text
        text = shown
    return REDACTED


def _redacted_once(text: str) -> str:
    rounds = 0
    while _text_is_secret(text):
        rounds += 1
        text = _SECRET_VALUE.sub(REDACTED, text) if rounds <= _ROUNDS else REDACTED
    if "://" in text:
        text = _USERINFO.sub(rf"\g<1>{REDACTED}@", text)
    folded = text.casefold()
    if (":" in text or "=" in text) and _holds_any(_KEY_PARTS, folded):
        text = _without_assigned(text)
    if _holds_any(_BEARER_PARTS, folded):
        text = _BEARER.sub(rf"\g<1> {REDACTED}", text)
    return text


def _without_assigned(text: str) -> str:
    """Redact what stands behind the name of a secret, unless it can be none."""
    parts: list[str] = []
    done = at = 0
    while found := _ASSIGNMENT.search(text, at):
        value = found.start("value")
        if _is_harmless(found) or _KEY_AND_SIGN.match(text, value):
            at = value
            continue
        parts += (text[done:value], REDACTED)
        done = at = found.end()
    return "".join((*parts, text[done:])) if parts else text


def _is_harmless(found: re.Match[str]) -> bool:
    """Say whether what was found is a sentence (`Unexpected token: punc`) or nothing at all."""
    bare = found["bare"]
    # The letters of `&quot;` are a quote's name, no value.
    whole = value = _QUOTE_NAME.sub('"', found["value"])
    if bare is not None:
        value = _CLOSING_TAG.split(_ESCAPE.split(value.rstrip("\\"), maxsplit=1)[0], maxsplit=1)[0]
    if not any(map(str.isalnum, value)):
        # Up to where the line ends, which an escape may write; empty lines before it are none.
        body = next(filter(None, _LINE_END.split(whole)), "")
        plain = _CLOSING_TAG.sub("", _ESCAPE.sub("", body))
        return not any(map(str.isalnum, plain)) and len(plain.strip("\"' ")) <= _HOLDS_NO_VALUE
    # Machines make tokens, never of a few small letters alone; a sentence has words before it.
    if bare is None or found["sign"] != ":" or not found["key"].lower().endswith("token"):
        return False
    text, start = found.string, found.start("key")
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return (
        found.start("value") > found.end("sign")
        and any(map(str.isalnum, line))
        and _WORD.fullmatch(value.rstrip(".,:;!?”’»…|*`")) is not None
    )


def may_hold_secret(text: str) -> bool:
    """Say cheaply whether `redact_text` has to look at a text at all."""
    return not _is_plain(text)


def is_secret_key(key: str) -> bool:
    """Say whether a member of this name is a secret by its name alone."""
    return _key_kind(key) == _KEY_SECRET


def _holds_any(parts: tuple[str, ...], text: str) -> bool:
    for part in parts:  # noqa: SIM110 - a generator costs more than all the searches
        if part in text:
            return True
    return False


def _is_plain(text: str) -> bool:
    """Say cheaply that no pattern can match: no marker, no assignment or address, no second word."""
    return (
        ":" not in text
        and "=" not in text
        and not _holds_any(_MARKERS, text)
        and len(text.split(None, 1)) <= 1
    )


def _text_is_secret(text: str) -> bool:
    if len(text) < 6 or not _holds_any(_MARKERS, text):  # the shortest form is longer
        return False
    return _SECRET_VALUE.search(text) is not None or _WHOLE_VALUE.fullmatch(text) is not None


def _classify_key(key: str) -> int:
    if _text_is_secret(key):
        return _KEY_HOLDS_SECRET
    plain = unicodedata.normalize("NFKC", key)
    name = _NOT_WORD.sub("_", _CAMEL.sub("_", plain).lower()).strip("_")
    if name.endswith(_EXEMPT):
        return _KEY_OK
    squeezed = name.replace("_", "")
    if name in _EXACT or squeezed in _SQUEEZED or name.endswith(_SUFFIXES):
        return _KEY_SECRET
    return _KEY_OK


_cached_key = lru_cache(maxsize=4096)(_classify_key)


def _key_kind(key: str) -> int:
    # Long keys are never cached: a caller could fill the memory with them.
    return _cached_key(key) if len(key) <= _CACHED_KEY_LENGTH else _classify_key(key)


def _shown_key(key: str) -> str:
    """A key as it may be printed; one that holds a secret is replaced as a whole."""
    return REDACTED if _key_kind(key) == _KEY_HOLDS_SECRET else redact_text(key)


def _suspicious(value: object) -> bool:
    """Say, without building pointers, whether anything in ``value`` is a secret."""
    stack: list[object] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            for key, member in item.items():
                if isinstance(key, str):
                    kind = _key_kind(key)
                    if kind and (kind == _KEY_HOLDS_SECRET or _is_raw(member)):
                        return True
                cls = member.__class__
                if cls is str:
                    if _text_is_secret(member):
                        return True
                elif cls is not int and member is not None and cls is not bool:
                    stack.append(member)
        elif isinstance(item, str):
            if _text_is_secret(item):
                return True
        elif isinstance(item, list | tuple):
            stack.extend(item)
    return False


def _is_raw(member: object) -> bool:
    """A null holds no secret, and neither does what this module redacted before."""
    return member is not None and member != REDACTED


def _locate(value: object) -> str | None:
    stack: list[tuple[object, str]] = [(value, "")]
    while stack:
        item, pointer = stack.pop()
        if isinstance(item, dict):
            members: list[tuple[object, str]] = []
            for key, member in item.items():
                here = f"{pointer}/{escape_pointer(_shown_key(str(key)))}"
                kind = _key_kind(key) if isinstance(key, str) else _KEY_OK
                found = kind == _KEY_HOLDS_SECRET or (kind and _is_raw(member))
                members.append((_Found if found else member, here))
            stack.extend(reversed(members))
        elif item is _Found or (isinstance(item, str) and _text_is_secret(item)):
            return pointer
        elif isinstance(item, list | tuple):
            stack.extend(
                (member, f"{pointer}/{index}") for index, member in reversed(list(enumerate(item)))
            )
    return None


class _Found:
    """Stands in the walk for a member that is a secret by its key."""
