"""A redacted text stays redacted, and unchanged, once it was escaped; sentences stay sentences."""

import html
import json
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.facts import PACKAGE

from livery.authoring.loading import load_entry
from livery.manifest import denylist
from livery.manifest.denylist import REDACTED, find_secret, redact_text

AWS = "AKIAIOSFODNN7EXAMPLE"


# The pack's own function, found through the entry that certified code has.
_RUN = load_entry(PACKAGE, "scripts/skill.py:run").function
_CELL = _RUN.__globals__["markdown"].__globals__["_cell"]


def _markdown(text: str) -> str:
    return str(_CELL(text))


def _inside_json(text: str) -> str:
    return json.dumps({"error": text, "times": 3})


ESCAPES = {
    "markdown": _markdown,
    "html": html.escape,
    "json": lambda text: json.dumps(text, ensure_ascii=False),
    "ascii json": json.dumps,
    "json member": _inside_json,
    "table row": lambda text: f"| {_markdown(text)} | 3 | 1 |",
    "title": lambda text: f"- Fix the cause of “{_markdown(text)}”: 3 of 5",
    "html cell": lambda text: f"<td>{html.escape(text)}</td>",
    "json of markdown": lambda text: json.dumps(_markdown(text)),
}

SENTENCES = [
    "bash: line 1: GITHUB_TOKEN: unbound variable",
    "SyntaxError: Unexpected token: punc",
    "invalid token: unexpected",
    "Invalid token:",
    "password=… failed to login",
    "the token: |",
]
SECRETS = [
    ("password=hunter2 failed to login", "hunter2"),
    ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3", "eyJ"),
    ("Authorization: token 0123456789abcdef0123", "0123456789"),
    ("invalid token: password=hunter2", "hunter2"),
    ("GITHUB_TOKEN: 0a1b2c3d", "0a1b2c3d"),
    ("bad token: swordfish9", "swordfish9"),
    ("token: swordfish", "swordfish"),
    ("the password: swordfish", "swordfish"),
    ('{\\"password\\": \\"hunter two\\"}', "hunter"),
    ("{&quot;password&quot;: &quot;hunter two&quot;}", "hunter"),
    ('{"password": "cut off', "cut"),
    ("login http://ann:hunter2@db failed", "hunter2"),
]


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence_is_not_mangled(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(("text", "secret"), SECRETS)
@pytest.mark.parametrize("name", ESCAPES)
def test_a_secret_is_gone_and_what_is_left_can_be_escaped(
    text: str, secret: str, name: str
) -> None:
    shown = redact_text(text)
    assert secret not in shown
    assert REDACTED in shown
    escaped = ESCAPES[name](shown)
    assert redact_text(escaped) == escaped


@pytest.mark.parametrize("text", SENTENCES)
@pytest.mark.parametrize("name", ESCAPES)
def test_a_sentence_can_be_escaped(text: str, name: str) -> None:
    escaped = ESCAPES[name](redact_text(text))
    assert redact_text(escaped) == escaped


SIGNS = [": ", " = ", *":= \n\t\"'`_*<>&|#[](},;\\@/-…", "\\n", "&quot;", "://"]
WORDS = [
    "token",
    "GITHUB_TOKEN",
    "password",
    "api_key",
    "cookie",
    "Authorization",
    "Bearer ",
    "basic ",
]
VALUES = ["abcdefgh", "hunter2", "word", "line 1", "x", "9", REDACTED, AWS, "sk-abc123", "ghp_abcd"]
PIECES = st.sampled_from([*SIGNS, *WORDS, *VALUES, "eyJabcd.ef."])
KEY_AND_SIGN = re.compile(r"(?i)(?:token|secret|passw|key|authorization|cookie)[^\n]{0,4}[:=]")
TEXTS = st.lists(PIECES, max_size=9).map("".join) | st.text(max_size=12)


@given(TEXTS)
@settings(max_examples=600, deadline=None)
@example('token: "abc')
@example("http://u:token='a/b'@h")
@example("token:\n\n" + REDACTED)
@example("sk-abcdef\x1c")
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@given(TEXTS, st.sampled_from(["markdown", "html", "json", "ascii json"]))
@settings(max_examples=1000, deadline=None)
@example("bash: line 1: GITHUB_TOKEN: abc1", "markdown")
@example('token: " abc', "json")
@example("Invalid token:\n\n  x1", "json")
@example("token://\n://", "json")
@example('token: ": ', "html")
@example('token: "--"', "html")
def test_what_was_redacted_reads_as_redacted_once_escaped(text: str, name: str) -> None:
    escaped = ESCAPES[name](redact_text(text))
    assert find_secret(escaped) is None
    # A key that is the value of another one may be read as its value once its name is escaped: more is taken out then.
    if len(KEY_AND_SIGN.findall(text)) <= 1:
        assert redact_text(escaped) == escaped


LOOKALIKES = st.sampled_from("iıİsſkKaoyßAOIKS _-:=")
KEYS = st.sampled_from(
    (
        "token", "ſecret", "paſſword", "paßword", "apiKey", "prıvate_key", "authorızation", "COOKİE",
        "cooKIE", "BaſIC ", "Bearer ",
    )
)  # fmt: skip


@given(st.lists(KEYS | LOOKALIKES | st.sampled_from(VALUES), max_size=8).map("".join))
@settings(max_examples=1000, deadline=None)
def test_no_quick_look_hides_what_a_pattern_finds(text: str) -> None:
    folded = text.casefold()
    if denylist._ASSIGNMENT.search(text):
        assert any(part in folded for part in denylist._KEY_PARTS)
    if denylist._BEARER.search(text):
        assert any(part in folded for part in denylist._BEARER_PARTS)
