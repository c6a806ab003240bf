import hashlib
import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.kernel.security_hash import RuntimeIdentity, SecurityManifest, security_hash
from livery.manifest.capabilities import Capabilities

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8)
SHA = st.binary(min_size=32, max_size=32).map(bytes.hex)
COUNT = st.integers(0, 2**40)
RUNTIME = st.builds(RuntimeIdentity, TEXT, COUNT, COUNT, COUNT, COUNT)
CAPABILITIES = st.builds(
    Capabilities,
    network=st.sampled_from([(), ("a.example",), ("a.example", "b.example")]),
    effects=st.sampled_from([(), ("send",), ("delete", "write")]),
)
INPUTS: dict[str, st.SearchStrategy[Any]] = {
    "skill": TEXT,
    "agent_scope": TEXT,
    "files": st.dictionaries(TEXT, SHA, min_size=1, max_size=4),
    "capabilities": CAPABILITIES,
    "write_access": st.booleans(),
    "env_allow_list": st.frozensets(TEXT, max_size=3),
    "policy_version": TEXT,
    "runtime": RUNTIME,
    "dependency_lock": st.just("") | SHA,
}
MANIFEST = st.builds(SecurityManifest, **INPUTS)


def example() -> SecurityManifest:
    return SecurityManifest(
        skill="add@1.0.0",
        agent_scope="analytics.weekly_digest.v1",
        files={"scripts/b.py": "b" * 64, "SKILL.md": "a" * 64},
        capabilities=Capabilities(effects=("send",)),
        write_access=False,
        env_allow_list=frozenset({"TZ", "LANG"}),
        policy_version="p1",
        runtime=RuntimeIdentity("sha256:i", 15_000, 268_435_456, 500, 16_384),
    )


def test_the_formula_by_hand() -> None:
    document = {
        "agent_scope": "analytics.weekly_digest.v1",
        "capabilities": {"effects": ["send"]},
        "dependency_lock": "",
        "env_allow_list": ["LANG", "TZ"],
        "files": [
            {"path": "SKILL.md", "sha256": "a" * 64},
            {"path": "scripts/b.py", "sha256": "b" * 64},
        ],
        "policy_version": "p1",
        "runtime": {
            "cpu_milli": 500,
            "image_digest": "sha256:i",
            "log_limit_bytes": 16384,
            "memory_bytes": 268435456,
            "timeout_ms": 15000,
        },
        "skill": "add@1.0.0",
        "write_access": False,
    }
    text = json.dumps(document, separators=(",", ":"))  # keys are written in order above
    assert security_hash(example()) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_every_input_is_covered_by_the_property() -> None:
    assert set(INPUTS) == {field.name for field in fields(SecurityManifest)}


@given(MANIFEST, st.sampled_from(sorted(INPUTS)), st.data())
def test_changing_any_one_input_changes_the_hash(
    manifest: SecurityManifest, name: str, data: st.DataObject
) -> None:
    old = getattr(manifest, name)
    new = data.draw(INPUTS[name].filter(lambda value: value != old))
    assert security_hash(replace(manifest, **{name: new})) != security_hash(manifest)


@given(MANIFEST, st.sampled_from([f.name for f in fields(RuntimeIdentity)]), st.data())
def test_changing_any_limit_changes_the_hash(
    manifest: SecurityManifest, name: str, data: st.DataObject
) -> None:
    old = getattr(manifest.runtime, name)
    new = data.draw((TEXT if name == "image_digest" else COUNT).filter(lambda v: v != old))
    changed = replace(manifest, runtime=replace(manifest.runtime, **{name: new}))
    assert security_hash(changed) != security_hash(manifest)


@given(MANIFEST)
def test_the_order_of_files_does_not_matter(manifest: SecurityManifest) -> None:
    turned = dict(reversed(list(manifest.files.items())))
    assert security_hash(replace(manifest, files=turned)) == security_hash(manifest)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "needs the files"),
        ({"a": "A" * 64}, "64 lower-case hex"),
        ({"a": "a" * 63}, "64 lower-case hex"),
        ({"a": "a" * 64 + "\n"}, "64 lower-case hex"),
        ({"é": "a" * 64, "e\u0301": "a" * 64}, "the same after Unicode"),
    ],
)
def test_bad_files_are_refused(files: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        security_hash(replace(example(), files=files))


def test_two_spellings_of_one_path_have_one_hash() -> None:
    composed, decomposed = {"é": "a" * 64}, {"e\u0301": "a" * 64}
    one, other = (replace(example(), files=files) for files in (composed, decomposed))
    assert security_hash(one) == security_hash(other)


def test_a_path_outside_i_json_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        security_hash(replace(example(), files={"\ud800": "a" * 64}))
