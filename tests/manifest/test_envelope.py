import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest.codes import CODES
from livery.manifest.envelope import (
    ENVELOPE_VERSION,
    Envelope,
    EnvelopeError,
    Usage,
    error_envelope,
    ok_envelope,
)

FIELDS = [
    "envelope_version",
    "run_id",
    "skill_key",
    "skill_version",
    "digest",
    "provider_id",
    "tool_id",
    "status",
    "code",
    "ok",
    "result",
    "artifacts",
    "approval_id",
    "error",
    "usage",
    "side_effects",
    "provenance",
    "from_cache",
    "correlation_id",
]
WHO = {
    "run_id": "0195",
    "skill_key": "add",
    "skill_version": "1.0.0",
    "digest": "sha256:ab",
    "correlation_id": "c-1",
}


def test_a_success_snapshot() -> None:
    envelope = ok_envelope(
        **WHO,
        result={"sum": 5},
        usage=Usage(12, 100, 20, 1_500_001),
        artifacts=[{"artifact_id": "a"}],
        side_effects=[{"effect": "send"}],
        provenance={"badge": "add@1.0.0"},
        approval_id="APR-1",
        provider_id="python",
        tool_id="add",
        from_cache=True,
    )
    assert orjson.dumps(envelope.to_dict()) == (
        b'{"envelope_version":"1","run_id":"0195","skill_key":"add","skill_version":"1.0.0",'
        b'"digest":"sha256:ab","provider_id":"python","tool_id":"add","status":"succeeded",'
        b'"code":"tool_ok","ok":true,"result":{"sum":5},"artifacts":[{"artifact_id":"a"}],'
        b'"approval_id":"APR-1","error":null,"usage":{"duration_ms":12,"tokens_in":100,'
        b'"tokens_out":20,"cost_usd":1.500001},"side_effects":[{"effect":"send"}],'
        b'"provenance":{"badge":"add@1.0.0"},"from_cache":true,"correlation_id":"c-1"}'
    )


def test_a_denial_snapshot() -> None:
    envelope = error_envelope(
        "skill_revoked", **WHO, status="denied", details={"reason": "key leaked"}
    )
    document = envelope.to_dict()
    assert list(document) == FIELDS
    assert (document["status"], document["code"], document["ok"]) == (
        "denied",
        "skill_revoked",
        False,
    )
    assert document["result"] is None
    assert document["error"] == {
        "code": "skill_revoked",
        "category": "policy",
        "message": "The skill was revoked.",
        "retryable": False,
        "details": {"reason": "key leaked"},
    }
    assert document["usage"] == {
        "duration_ms": 0,
        "tokens_in": 0,
        "tokens_out": 0,
        "cost_usd": 0.0,
    }


def test_what_the_caller_knows_better_wins() -> None:
    envelope = error_envelope(
        "api_error",
        **WHO,
        message="503 from the provider",
        retryable=True,
        usage=Usage(duration_ms=3),
        side_effects=[{"effect": "post"}],
        provenance={"x": 1},
        approval_id="APR-2",
        provider_id="p",
        tool_id="t",
        from_cache=True,
    )
    assert envelope.status == "failed"
    assert envelope.error == EnvelopeError(
        "api_error", "provider", "503 from the provider", True, {}
    )
    assert envelope.usage.duration_ms == 3
    assert (envelope.approval_id, envelope.from_cache) == ("APR-2", True)


def test_the_same_fault_gives_the_same_envelope() -> None:
    assert error_envelope("timeout", **WHO) == error_envelope("timeout", **WHO)


def test_an_unknown_code_is_a_fault_of_the_program() -> None:
    with pytest.raises(KeyError):
        error_envelope("nope", **WHO)


def test_envelopes_do_not_share_their_defaults() -> None:
    first, second = ok_envelope(**WHO, result=1), ok_envelope(**WHO, result=2)
    first.artifacts.append({})
    first.side_effects.append({})
    first.usage.tokens_in = 7
    assert second.artifacts == []
    assert second.side_effects == []
    assert second.usage.tokens_in == 0


@given(
    st.sampled_from(sorted(set(CODES) - {"tool_ok"})),
    st.sampled_from(["failed", "denied", "unknown", "canceled", "awaiting_approval"]),
    st.builds(
        Usage,
        st.integers(0, 10**6),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.integers(0, 10**12),
    ),
    st.booleans(),
)
def test_an_envelope_survives_json(code: str, status: str, usage: Usage, cached: bool) -> None:
    envelope = error_envelope(code, **WHO, status=status, usage=usage, from_cache=cached)
    assert Envelope.from_dict(json.loads(json.dumps(envelope.to_dict()))) == envelope


def test_members_of_a_newer_version_are_ignored() -> None:
    document = {**ok_envelope(**WHO, result=[1]).to_dict(), "envelope_version": "2", "new": 1}
    assert Envelope.from_dict(document).envelope_version == "2"
    assert ENVELOPE_VERSION == "1"


@pytest.mark.parametrize("missing", ["run_id", "skill_key", "status", "code", "ok"])
def test_a_required_member_may_not_be_missing(missing: str) -> None:
    document = ok_envelope(**WHO, result=None).to_dict()
    del document[missing]
    with pytest.raises(ValueError, match="not a result envelope"):
        Envelope.from_dict(document)


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": 7},
        {"error": {"code": "x"}},
        {"error": "x"},
        {"usage": [1]},
        {"usage": {"cost_usd": float("inf")}},
        {"usage": {"tokens_in": "many"}},
        {"artifacts": 5},
    ],
)
def test_wrong_types_are_refused(change: dict[str, object]) -> None:
    document = {**ok_envelope(**WHO, result=None).to_dict(), **change}
    with pytest.raises(ValueError):
        Envelope.from_dict(document)


def test_absent_optional_members_have_their_defaults() -> None:
    envelope = Envelope.from_dict(
        {
            "run_id": "r",
            "skill_key": "add",
            "status": "succeeded",
            "code": "tool_ok",
            "ok": True,
            "correlation_id": "c",
        }
    )
    assert envelope.usage == Usage()
    assert envelope.artifacts == []
    assert envelope.error is None
