from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.kernel.idempotency import KEPT, Claim, Record, Verdict, classify, settled

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("claim", "args", "expires", "verdict"),
    [
        (Claim.RUNNING, "same", LATER, Verdict.IN_FLIGHT),
        (Claim.RUNNING, "same", BEFORE, Verdict.IN_FLIGHT),
        (Claim.RUNNING, "other", LATER, Verdict.CONFLICT),
        (Claim.RUNNING, "other", BEFORE, Verdict.CONFLICT),
        (Claim.STORED, "same", LATER, Verdict.REPLAYED),
        (Claim.STORED, "other", LATER, Verdict.CONFLICT),
        (Claim.STORED, "same", NOW, Verdict.NEW),
        (Claim.STORED, "other", BEFORE, Verdict.NEW),
        (Claim.FREED, "same", LATER, Verdict.NEW),
        (Claim.FREED, "other", LATER, Verdict.NEW),
        (Claim.FREED, "same", BEFORE, Verdict.NEW),
    ],
)
def test_every_case(claim: Claim, args: str, expires: datetime, verdict: Verdict) -> None:
    assert classify(Record("same", claim, expires), args, NOW) is verdict


def test_an_unknown_key_is_new() -> None:
    assert classify(None, "same", NOW) is Verdict.NEW


def test_an_empty_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        classify(None, "", NOW)


@given(st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_settling(ok: bool, retryable: bool, seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    record = settled(Record("same", Claim.RUNNING, NOW), at, ok=ok, retryable=retryable)
    just_before = at + KEPT - timedelta(microseconds=1)
    expected = Verdict.NEW if retryable and not ok else Verdict.REPLAYED
    assert classify(record, "same", just_before) is expected
    assert classify(record, "same", at + KEPT) is Verdict.NEW
    assert timedelta(hours=24) <= KEPT
