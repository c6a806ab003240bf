import pytest

from livery.manifest.errors import (
    ContractInvalid,
    LiveryError,
    StatementInvalid,
    UnknownCapability,
    Violation,
)


def test_an_error_takes_everything_from_its_code() -> None:
    error = LiveryError("skill_revoked")
    assert (error.code, error.status, error.category) == ("skill_revoked", 403, "policy")
    assert error.message == str(error) == "The skill was revoked."
    assert error.remedy.startswith("Use another version")
    assert error.retryable is False
    assert error.violations == ()
    assert error.details == {}


def test_without_a_code_it_is_an_internal_error() -> None:
    assert LiveryError().status == 500


def test_an_unknown_code_is_a_fault_of_the_program() -> None:
    with pytest.raises(KeyError):
        LiveryError("nope")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ContractInvalid, "contract_invalid"),
        (UnknownCapability, "unknown_capability"),
        (StatementInvalid, "statement_invalid"),
    ],
)
def test_subclasses_bring_their_code(kind: type[LiveryError], code: str) -> None:
    assert kind().code == code
    assert kind("gone").code == "gone"


def test_the_problem_document_of_rfc_9457() -> None:
    error = LiveryError(
        "tool_input_invalid",
        "a is missing",
        violations=[Violation("/a", "is missing"), Violation("", "odd", "contract_invalid")],
        details={"skill": "add"},
        remedy="Send a.",
    )
    assert error.problem("corr-1", instance="/v1/runs") == {
        "type": "https://livery.dev/problems/tool_input_invalid",
        "title": "The input does not fit the skill's contract.",
        "status": 422,
        "detail": "a is missing",
        "code": "tool_input_invalid",
        "category": "input",
        "correlation_id": "corr-1",
        "violations": [
            {"pointer": "/a", "message": "is missing"},
            {"pointer": "", "message": "odd", "code": "contract_invalid"},
        ],
        "remedy": "Send a.",
        "instance": "/v1/runs",
        "details": {"skill": "add"},
    }


def test_what_is_not_there_is_left_out() -> None:
    document = LiveryError("not_found").problem("c")
    assert "instance" not in document
    assert "details" not in document
    assert document["violations"] == []


def test_secrets_reach_neither_message_nor_details() -> None:
    error = LiveryError(
        "api_error",
        "refused: Authorization: Bearer abcdefgh12345678",
        details={"api_key": "hunter2", "url": "https://user:hunter2@host/"},
        violations=[Violation("/AKIAIOSFODNN7EXAMPLE", "password=hunter2")],
    )
    shown = f"{error} {error.problem('c')}"
    assert "hunter2" not in shown
    assert "abcdefgh12345678" not in shown
    assert "AKIAIOSFODNN7EXAMPLE" not in str(error.problem("c"))
