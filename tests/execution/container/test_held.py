"""Which credentials a call of a plugin holds, and how much of them; with a vault of one line."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.docs.generated import DOCS
from tests.execution.container.test_runtime import invocation_of, reports
from tests.support.docker import NewSandbox, call, plugin

from livery.execution.container.policy.judge import LevelPolicy
from livery.execution.container.runtime import ContainerRuntime
from livery.execution.outside.credentials import refs_named
from livery.manifest.errors import LiveryError

READS = "{name: open('/credentials/' + name).read() for name in sorted(os.listdir('/credentials'))}"
SIZES = "{name: os.stat('/credentials/' + name).st_size for name in os.listdir('/credentials')}"


class OneLine:
    """Knows every ref; remembers who asked."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.asked: list[tuple[str, str, UUID, str, str]] = []

    async def resolve(
        self, ref: str, *, kind: str, workspace_id: UUID, run_id: str, skill_key: str
    ) -> Mapping[str, Any]:
        self.asked.append((ref, kind, workspace_id, run_id, skill_key))
        return {"n": 7, "of": "x" * self.size}


async def invoke(
    runtime: ContainerRuntime, vault: Any, body: str, kinds: list[str], args: Any
) -> Any:
    package = plugin(reports(body), capabilities={"credentials": kinds})
    runtime._store.put(package.digest, package.files)
    runtime._credentials = vault
    invocation = invocation_of(package, args)
    return invocation, await runtime.invoke(invocation)


async def test_each_kind_has_its_file_and_its_question(new_sandbox: NewSandbox) -> None:
    vault = OneLine()
    async with new_sandbox() as runtime:
        args = {"credential_refs": {"b.c": "cred_2", "a-1": "cred_1"}}
        run, done = await invoke(runtime, vault, READS, ["a-1", "b.c", "never"], args)
    assert done.code == "tool_ok", done
    said = '{"n": 7, "of": ""}'
    assert done.result["data"] == {"a-1.json": said, "b.c.json": said}
    home = run.contract.workspace_id
    assert sorted(vault.asked) == [
        ("cred_1", "a-1", home, str(run.run_id), "plugin-test"),
        ("cred_2", "b.c", home, str(run.run_id), "plugin-test"),
    ]


async def test_the_largest_credential_goes_through_and_more_than_the_door_takes_does_not(
    new_sandbox: NewSandbox,
) -> None:
    async with new_sandbox() as runtime:
        args = {"credential_refs": dict.fromkeys("abcdefg", "cred_1")}
        _, done = await invoke(runtime, OneLine(65_000), SIZES, list("abcdefg"), args)
        assert done.code == "tool_ok", done
        assert set(done.result["data"].values()) == {65_000 + len('{"n": 7, "of": ""}')}
        _, done = await invoke(runtime, OneLine(80_000), SIZES, list("abcdefg"), args)
        assert done.code == "plugin_contract_invalid", done
        assert "x" * 100 not in repr(done)


async def test_without_a_source_nothing_runs(new_sandbox: NewSandbox) -> None:
    async with new_sandbox() as runtime:
        _, done = await invoke(runtime, None, READS, ["a"], {"credential_ref": "cred_1"})
        assert (done.code, done.message) == (
            "provider_execution_failed",
            "No vault is connected to this process.",
        )
        _, done = await invoke(runtime, None, READS, ["a"], {})
        assert (done.code, done.result["data"]) == ("tool_ok", {})


REF = "cred_" + "0" * 32


@pytest.mark.parametrize(
    ("declared", "args", "found"),
    [
        ((), {"credential_ref": REF, "credential_refs": 7}, {}),
        (("a",), [REF], {}),
        (("a",), {}, {}),
        (("a",), {"credential_ref": None, "credential_refs": {"a": None}}, {}),
        (("a",), {"credential_ref": REF}, {"a": REF}),
        (("a", "b"), {"credential_refs": {"a": REF}}, {"a": REF}),
        (("a", "api_key"), {"credential_refs": {"api_key_ref": REF}}, {"api_key": REF}),
        (("a_ref",), {"credential_refs": {"a_ref": REF}}, {"a_ref": REF}),
    ],
)
def test_the_input_names_them(declared: Any, args: Any, found: Any) -> None:
    assert refs_named(declared, args) == found


@pytest.mark.parametrize(
    ("declared", "args", "code"),
    [
        (("a", "b"), {"credential_ref": REF}, "tool_input_invalid"),
        (("a",), {"credential_ref": REF, "credential_refs": {"a": REF}}, "tool_input_invalid"),
        (("a",), {"credential_refs": {"a": REF, "a_ref": REF}}, "tool_input_invalid"),
        (("a",), {"credential_ref": [REF]}, "tool_input_invalid"),
        (("a",), {"credential_refs": [REF]}, "tool_input_invalid"),
        (("a",), {"credential_refs": {"b": REF}}, "skill_capability_denied"),
        ((), {"credential_refs": {"tracker": REF}}, "skill_capability_denied"),
    ],
)
def test_what_names_none_is_refused_with_a_way_out(declared: Any, args: Any, code: str) -> None:
    with pytest.raises(LiveryError) as refused:
        refs_named(declared, args)
    assert refused.value.code == code
    assert refused.value.remedy
    assert REF not in refused.value.message


async def test_a_dry_run_asks_for_nothing(new_sandbox: NewSandbox) -> None:
    vault = OneLine()
    package = plugin(reports(READS), capabilities={"credentials": ["a"]})
    async with new_sandbox() as runtime:
        runtime._store.put(package.digest, package.files)
        runtime._credentials = vault
        run = replace(invocation_of(package, {"credential_ref": REF}), dry_run=True, run_id=uuid4())
        done = await runtime.invoke(run)
    assert (done.code, done.result["data"], vault.asked) == ("tool_ok", {}, [])


async def test_the_example_of_the_document_runs(new_sandbox: NewSandbox) -> None:
    document = (DOCS / "plugins.md").read_text("utf-8").partition("## Credentials")[2]
    code = document.partition("```python\n")[2].partition("```")[0]
    package = plugin(code, capabilities={"credentials": ["tracker"]})
    async with new_sandbox(policy=LevelPolicy("strict")) as runtime:
        done = await call(runtime, package)
    assert done.result == {"display": "Nothing was asked: no credential."}, done
