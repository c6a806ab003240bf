"""The suite finds out who breaks a promise: each tool here breaks one, and that test alone fails."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from livery.authoring import BaseToolContract, Context, SkillFailed, Tool, skill
from livery.authoring.conformance import ToolConformance
from livery.authoring.testkit import make_context

_count = itertools.count()


@skill()
def sound(text: str, times: int = 1) -> str:
    return text * times


@skill()
def counting(text: str) -> int:
    return next(_count)


@skill()
def failing(text: str) -> str:
    raise SkillFailed("Not today.")


@skill(capabilities={"credentials": ["mail"]})
def telling(text: str, ctx: Context) -> str:
    ctx.log.info(ctx.credential("mail"))
    return text


@skill(capabilities={"data": ["sales"]})
def quoting(text: str, ctx: Context) -> str:
    try:
        ctx.data.query("sales", [], ["revenue"])
    except RuntimeError as error:
        raise SkillFailed(f"The service said: {error}") from None
    return text


@skill(capabilities={"storage": ["notes"]})
def grabbing(text: str, ctx: Context) -> str:
    """Hides that it was refused behind an error of its own."""
    try:
        ctx.storage.get("notes", "a")
    except Exception:
        raise RuntimeError from None
    return text


class Lenient(BaseToolContract):
    """Lets everything in: its interface is not what its contract says."""

    input_model = dict[str, Any]
    output_model = str

    def __init__(self) -> None:
        super().__init__()
        self.interface.input_schema.update(
            required=["text"], properties={"text": {"type": "string"}}
        )
        self.interface.check_input = lambda value: None  # type: ignore[method-assign]

    def run(self, input: Any, ctx: Context) -> str:  # noqa: A002
        return str(input)


TESTS = sorted(name for name in dir(ToolConformance) if name.startswith("test_"))


def broken(tool: Tool | type[Tool], **more: Any) -> list[str]:
    members = {"skill": tool, "examples": {"one": {"text": "a"}}, **more}
    failed = []
    for name in TESTS:
        suite = type("Suite", (ToolConformance,), members)()
        try:
            getattr(suite, name)()
        except AssertionError:
            failed.append(name)
    return failed


def test_a_sound_tool_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(sound) == []
    monkeypatch.setenv("LIVERY_WRITE_SNAPSHOTS", "1")
    assert broken(sound, snapshots=tmp_path) == []
    monkeypatch.delenv("LIVERY_WRITE_SNAPSHOTS")
    assert broken(sound, snapshots=tmp_path) == []


@pytest.mark.parametrize(
    ("tool", "found"),
    [
        (counting, {"test_the_same_call_gives_the_same_envelope"}),
        (failing, {"test_the_examples_succeed", "test_what_is_not_declared_is_denied"}),
        (telling, {"test_no_secret_gets_out"}),
        (quoting, {"test_no_secret_gets_out"}),
        (grabbing, {"test_what_is_not_declared_is_denied"}),
        (Lenient, {"test_an_input_that_does_not_fit_never_reaches_the_code"}),
    ],
)
def test_each_broken_promise_is_found(tool: Any, found: set[str]) -> None:
    class World(ToolConformance):
        def context(self) -> Any:
            declared = self.tool.about.capabilities
            return make_context(declared, credentials={"mail": "x"}, data={"sales": []})

    context = World.context
    assert set(broken(tool, context=context)) == found


def test_a_member_that_is_declared_volatile_may_differ() -> None:
    assert broken(counting, volatile=("result",)) == []


def test_a_changed_envelope_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVERY_WRITE_SNAPSHOTS", raising=False)
    assert broken(sound, snapshots=tmp_path) == ["test_the_envelopes_are_the_recorded_ones"]
    monkeypatch.setenv("LIVERY_WRITE_SNAPSHOTS", "1")
    broken(sound, snapshots=tmp_path)
    monkeypatch.delenv("LIVERY_WRITE_SNAPSHOTS")
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace('"result": "a"', '"result": "b"'))
    suite = type(
        "Suite",
        (ToolConformance,),
        {"skill": sound, "examples": {"one": {"text": "a"}}, "snapshots": tmp_path},
    )
    with pytest.raises(AssertionError, match=r'(?s)-    "result": "b".*\+    "result": "a"'):
        suite().test_the_envelopes_are_the_recorded_ones()


def test_without_examples_nothing_is_proven() -> None:
    suite = type("Suite", (ToolConformance,), {"skill": sound})
    with pytest.raises(AssertionError, match="examples"):
        suite().test_the_examples_succeed()
