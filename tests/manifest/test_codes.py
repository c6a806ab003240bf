import pytest

from livery.manifest.codes import CODES, Category, info
from livery.manifest.diagnostics import LOADER_CODES

# The lists of the contracts document, by section.
COMMON = [
    "unauthenticated",
    "forbidden",
    "not_found",
    "already_exists",
    "gone",
    "idempotency_in_flight",
    "invalid_transition",
    "internal_error",
]
EXECUTION = [
    "tool_ok",
    "tool_input_invalid",
    "tool_output_invalid",
    "command_tool_missing",
    "executor_unbound",
    "skill_capability_denied",
    "provider_unbound",
    "provider_tool_unregistered",
    "provider_execution_failed",
    "provider_policy_denied",
    "plugin_contract_invalid",
    "plugin_container_unavailable",
    "plugin_timeout",
    "plugin_runtime_failed",
    "security_preflight_denied",
    "security_language_policy_denied",
    "security_hash_mismatch",
    "approval_required",
    "approval_denied",
    "approval_persist_failed",
]
ADMISSION_403 = [
    "approval_required",
    "approval_invalid",
    "skill_not_allowed",
    "skill_not_configured",
    "skill_not_certified",
    "skill_revoked",
    "agent_paused",
    "kill_switch",
    "agent_type_not_found",
    "credential_not_granted",
    "policy_denied",
]
ADMISSION_429 = [
    "trial_daily_cap",
    "trial_daily_token_cap",
    "trial_high_cost_call",
    "trial_production_write_blocked",
    "monthly_budget_exceeded",
    "workspace_run_quota",
    "workspace_runtime_quota",
    "workspace_llm_budget",
    "metering_required",
    "metering_invalid",
    "metering_expired",
]
ADMISSION_422 = [
    "skill_chain_uncertified",
    "secret_in_payload",
    "missing_required_skill_keys",
    "uncertified_required_skill_keys",
]
EXTERNAL = [
    "validation_error",
    "configuration_error",
    "timeout",
    "network_error",
    "api_error",
    "webhook_error",
    "execution_error",
    "circuit_open",
    "idempotency_conflict",
]
LOADER = [
    "missing_skill_md",
    "malformed_frontmatter",
    "invalid_name",
    "underdeclared_capability",
    "unknown_capability",
    "command_alias_collision",
    "ineligible",
    "missing_required_tools",
    "precedence_conflict",
    "contract_invalid",
]
OURS = [
    "method_not_allowed",
    "payload_too_large",
    "unsupported_media_type",
    "unavailable",
    "statement_invalid",
]


def test_the_codes_are_exactly_these() -> None:
    listed = [*COMMON, *EXECUTION, *ADMISSION_403, *ADMISSION_422, *ADMISSION_429, *EXTERNAL]
    assert set(CODES) == {*listed, *LOADER, *OURS}
    assert sorted(LOADER_CODES) == sorted(LOADER)


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (200, ["tool_ok"]),
        (401, ["unauthenticated"]),
        (404, ["not_found"]),
        (410, ["gone"]),
        (403, ADMISSION_403),
        (422, ADMISSION_422),
        (429, ADMISSION_429),
        (422, LOADER),
        (500, ["internal_error", "execution_error", "configuration_error"]),
        (504, ["timeout", "plugin_timeout"]),
        (502, ["network_error", "api_error", "webhook_error", "provider_execution_failed"]),
        (503, ["circuit_open", "plugin_container_unavailable", "unavailable"]),
        (409, ["already_exists", "idempotency_in_flight", "invalid_transition"]),
        (409, ["executor_unbound", "provider_unbound", "provider_tool_unregistered"]),
        (422, ["tool_input_invalid", "idempotency_conflict", "validation_error"]),
        (403, ["forbidden", "skill_capability_denied", "security_hash_mismatch"]),
    ],
)
def test_statuses(status: int, codes: list[str]) -> None:
    assert {code: info(code).status for code in codes} == dict.fromkeys(codes, status)


CATEGORY_OF_STATUS = {
    401: {"policy"},
    403: {"policy"},
    404: {"input"},
    405: {"input"},
    409: {"input", "provider"},
    410: {"policy"},
    413: {"input"},
    415: {"input"},
    422: {"input", "policy"},
    429: {"quota"},
    500: {"internal"},
    502: {"provider"},
    503: {"provider", "internal"},
    504: {"timeout"},
}


@pytest.mark.parametrize("code", sorted(set(CODES) - {"tool_ok"}))
def test_every_failure_says_what_whose_fault_and_the_way_out(code: str) -> None:
    about = info(code)
    assert about.code == code
    assert isinstance(about.category, Category)
    assert about.category in CATEGORY_OF_STATUS[about.status]
    for sentence in (about.message, about.remedy):
        assert sentence[0].isupper() or sentence[0] == "`"
        assert sentence.endswith(".")
        assert len(sentence) <= 100
    assert about.message.count(". ") == 0


def test_policy_and_input_are_never_retryable_as_they_are() -> None:
    retryable = {code for code, about in CODES.items() if about.retryable}
    stuck = {code for code in retryable if CODES[code].category in ("policy", "input")}
    assert stuck == {"idempotency_in_flight"}


def test_success_is_no_failure() -> None:
    assert info("tool_ok").category is None
    assert not info("tool_ok").retryable


def test_an_unknown_code_is_a_fault_of_the_program() -> None:
    with pytest.raises(KeyError):
        info("nope")


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CODES["x"] = info("tool_ok")  # type: ignore[index]
