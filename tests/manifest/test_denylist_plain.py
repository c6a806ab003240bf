"""The short way of redact_text never differs from the long one."""

from hypothesis import given
from hypothesis import strategies as st

from livery.manifest import denylist

_PARTS = [
    "sk-",
    "abcdef12",
    "Bearer",
    "basic",
    " ",
    "\t",
    "\x1c",
    "\u2003",
    "token",
    "=",
    ":",
    "://",
]
_PARTS += [
    "user",
    "@",
    "ghp_",
    "xoxb-1",
    "eyJabcd.ef.",
    "-----BEGIN PRIVATE KEY-----",
    "AKIA",
    "bench-12",
]


@given(st.lists(st.sampled_from(_PARTS) | st.text(max_size=4), max_size=8).map("".join))
def test_a_plain_text_is_one_that_no_pattern_touches(text: str) -> None:
    if not denylist._is_plain(text):
        return
    assert denylist._WHOLE_VALUE.fullmatch(text) is None
    for pattern in (
        denylist._SECRET_VALUE,
        denylist._ASSIGNMENT,
        denylist._BEARER,
        denylist._USERINFO,
    ):
        assert pattern.search(text) is None
