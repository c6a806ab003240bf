import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest.semver import SemVer, parse_semver

# semver.org, item 11: the precedence chain, and the official list of valid and invalid versions.
CHAIN = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "2.0.0",
    "2.1.0",
    "2.1.1",
]
VALID = [
    "0.0.4",
    "1.2.3",
    "10.20.30",
    "1.1.2-prerelease+meta",
    "1.1.2+meta",
    "1.1.2+meta-valid",
    "1.0.0-alpha",
    "1.0.0-alpha.beta.1",
    "1.0.0-alpha0.valid",
    "1.0.0-alpha.0valid",
    "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay",
    "1.0.0-rc.1+build.1",
    "2.0.0+build.1848",
    "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
    "1.2.3----R-S.12.9.1--.12+meta",
    "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
    "1.0.0-0A.is.legal",
]
INVALID = [
    "1",
    "1.2",
    "1.2.3-0123",
    "1.2.3-0123.0123",
    "1.1.2+.123",
    "+invalid",
    "-invalid",
    "-invalid+invalid",
    "alpha",
    "alpha.beta",
    "1.0.0-alpha_beta",
    "1.0.0-alpha..",
    "1.0.0-alpha..1",
    "01.1.1",
    "1.01.1",
    "1.1.01",
    "1.2.3.DEV",
    "1.2-SNAPSHOT",
    "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788",
    "1.2-RC-SNAPSHOT",
    "-1.0.3-gamma+b7718",
    "+justmeta",
    "9.8.7+meta+meta",
    "9.8.7-whatever+meta+meta",
    "v1.0.0",
]


@pytest.mark.parametrize("text", VALID)
def test_valid_versions_round_trip(text: str) -> None:
    assert str(parse_semver(text)) == text


@pytest.mark.parametrize(
    "text", [*INVALID, "", "1.0.0\n", "١.0.0", "1" * 10 + ".0.0", "1.0.0-" + "a" * 200, None, 1.0]
)
def test_invalid_versions_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a semantic version"):
        parse_semver(text)


def test_precedence_of_item_11() -> None:
    versions = [parse_semver(text) for text in CHAIN]
    assert all(low < high for low, high in itertools.pairwise(versions))
    assert max(versions) == versions[-1]


def test_build_metadata_does_not_count() -> None:
    assert parse_semver("1.0.0+a") == parse_semver("1.0.0+b")
    assert len({parse_semver("1.0.0+a"), parse_semver("1.0.0")}) == 1
    assert parse_semver("1.0.0") != "1.0.0"


@given(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999))
def test_numbers_compare_as_numbers(major: int, minor: int, patch: int) -> None:
    version = parse_semver(f"{major}.{minor}.{patch}")
    assert version == SemVer(major, minor, patch)
    assert version < SemVer(major, minor, patch + 1) < SemVer(major, minor + 1, 0)
