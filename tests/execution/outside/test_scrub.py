"""What a run opened does not leave it, in no form."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.authoring.errors import SkillFailed
from livery.execution.context import RunContext
from livery.execution.outside.scrub import Scrubber
from livery.manifest.canonical import escape_pointer
from livery.manifest.capabilities import Capabilities


def test_every_form_is_taken_out() -> None:
    secrets = Scrubber()
    secrets.learn({"signing_secret": "s3cr3t/value+1", "inner": [{"other": "hunter2hunter2"}]})
    forms = [
        "s3cr3t/value+1",
        base64.b64encode(b"s3cr3t/value+1").decode(),
        b"s3cr3t/value+1".hex(),
        quote("s3cr3t/value+1", safe=""),
        "hunter2hunter2",
    ]
    for form in forms:
        assert form not in secrets.text(f"before {form} after")
        assert form not in str(secrets.value({"a": [form], form: 1}))
        assert form.encode() not in secrets.data(b"x" + form.encode() + b"y")


NOTE = 'one line\nand "two" of Ünal\'s, \\ and ~/more'


@pytest.mark.parametrize(
    "form",
    [
        json.dumps(NOTE),
        json.dumps(NOTE, ensure_ascii=False),
        repr(NOTE),
        repr(NOTE.encode()),
        quote(NOTE),
        quote_plus(NOTE),
        NOTE.encode().hex().upper(),
        escape_pointer(NOTE),
    ],
)
def test_as_programs_write_it(form: str) -> None:
    secrets = Scrubber()
    secrets.learn(NOTE)
    assert "and" not in secrets.text(form), secrets.text(form)


@given(st.binary(max_size=9), st.text(min_size=8), st.binary(max_size=9))
def test_inside_of_a_longer_base64_text(before: bytes, secret: str, after: bytes) -> None:
    """As `Authorization: Basic` has it: of the secret at most the ends that share a letter with what is beside it."""
    secrets = Scrubber()
    secrets.learn(secret)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(before + secret.encode() + after).decode()
        left = secrets.text(whole).replace("[redacted]", "")
        assert len(left) <= len(encode(before + after)) + 8


def test_an_end_that_was_cut_off_is_no_half_of_it() -> None:
    secrets = Scrubber()
    assert secrets.data(b"whole", cut=True) == b"whole"
    secrets.learn("s3cr3t-of-the-house")
    log = b"say " * 100 + b"s3cr3t-of-the-house " + b"x" * 200 + b"s3cr3t-of-t"
    assert b"s3cr" not in secrets.data(log, cut=True)
    assert secrets.data(log).endswith(b"s3cr3t-of-t")
    assert secrets.data(log, cut=True).startswith(b"say say ")


def test_a_name_that_lost_its_case() -> None:
    secrets = Scrubber()
    secrets.learn("S3cr3T-Of-The-House")
    assert secrets.name("s3cr3t-of-the-house.example") == "[redacted].example"


@given(st.text(min_size=4), st.text(), st.text())
def test_no_value_survives(secret: str, before: str, after: str) -> None:
    scrubber = Scrubber()
    scrubber.learn({"k": secret})
    cleaned = scrubber.text(before + secret + after)
    assert secret not in cleaned.replace("[redacted]", "") or secret in "[redacted]"


def test_nothing_learned_changes_nothing() -> None:
    value = {"a": [1, None, True, "text"]}
    assert Scrubber().value(value) is value


def test_an_artifact_is_not_named_after_one() -> None:
    def no_views() -> Any:
        raise AssertionError

    ctx = RunContext("run", "skill", Capabilities(), datetime(2026, 1, 5, tzinfo=UTC), no_views)
    ctx.artifact("hunter2hunter2.txt", "text/plain", "fine")
    ctx.outside.secrets.learn("hunter2hunter2")
    with pytest.raises(SkillFailed, match="holds no secret"):
        ctx.artifact("a-hunter2hunter2.txt", "text/plain", "not fine")
