"""The operator's rules, as the environment says them."""

import pytest

from livery.execution.container.limits import DEFAULTS, AsksTooMuch, Limits, Rules
from livery.execution.container.settings import rules_of
from livery.manifest.errors import LiveryError


def test_silence_is_the_defaults_of_the_contract() -> None:
    assert rules_of({}) == Rules()
    assert Limits(timeout_s=15, memory_mb=256, cpus=0.5) == DEFAULTS == Rules().limits({})


def test_all_of_them() -> None:
    found = rules_of(
        {
            "LIVERY_SANDBOX_POLICY": "paranoid",
            "LIVERY_SANDBOX_RUNTIME": "runsc",
            "LIVERY_SANDBOX_ENV": "TZ, LANG,NOT_SET",
            "LIVERY_SANDBOX_IMAGE": "sha256:1",
            "LIVERY_SANDBOX_MAX_SECONDS": "60",
            "LIVERY_SANDBOX_MAX_MEMORY_MB": "1024",
            "LIVERY_SANDBOX_MAX_CPUS": "2",
            "LIVERY_SANDBOX_READY": "0",
            "LIVERY_SANDBOX_AT_ONCE": "3",
            "TZ": "UTC",
            "LANG": "C",
        }
    )
    assert found == Rules(
        Limits(60, 1024, 2), "paranoid", {"TZ": "UTC", "LANG": "C"}, "runsc", "sha256:1", 0, 3
    )


@pytest.mark.parametrize(
    "setting",
    [
        {"LIVERY_SANDBOX_POLICY": "none"},
        {"LIVERY_SANDBOX_ENV": "TZ,GITHUB_TOKEN"},
        {"LIVERY_SANDBOX_MAX_SECONDS": "soon"},
        {"LIVERY_SANDBOX_MAX_MEMORY_MB": "-1"},
        {"LIVERY_SANDBOX_MAX_CPUS": "nan"},
        {"LIVERY_SANDBOX_AT_ONCE": "0"},
    ],
)
def test_nonsense_is_refused(setting: dict[str, str]) -> None:
    with pytest.raises(LiveryError) as refused:
        rules_of(setting)
    assert refused.value.code == "configuration_error"


def test_a_contract_gets_what_it_asks_for_up_to_the_ceiling() -> None:
    rules = Rules(ceiling=Limits(60, 1024, 2))
    assert rules.limits({}) == DEFAULTS
    assert rules.limits({"timeout_s": 60, "memory_mb": 64, "cpus": 2}) == Limits(60, 64, 2)
    with pytest.raises(AsksTooMuch, match="1024 at most"):
        rules.limits({"memory_mb": 1025})


def test_a_low_ceiling_lowers_the_defaults() -> None:
    assert Rules(ceiling=Limits(5, 128, 0.25)).limits({}) == Limits(5, 128, 0.25)


def test_the_identity_says_what_a_grant_depends_on() -> None:
    found = Limits(1.5, 64, 0.5).identity("sha256:1")
    assert (found.image_digest, found.timeout_ms, found.memory_bytes, found.cpu_milli) == (
        "sha256:1",
        1500,
        64 * 1024 * 1024,
        500,
    )
    assert found.log_limit_bytes == 16384
