"""The suite for providers, on the plainest one and on one with a policy."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from livery.authoring import Context, skill
from livery.authoring.conformance import ProviderConformance
from livery.authoring.provider import PolicyDenied, Providers, ToolProvider
from livery.authoring.testkit import make_context
from livery.authoring.tool import Tool


@skill(description="Twice a number.")
def double(a: int) -> int:
    return 2 * a


@skill(description="Keep a number.", capabilities={"storage": ["numbers"]})
async def keep(a: int, ctx: Context) -> str:
    ctx.storage.set("numbers", "last", a)
    return "kept"


class TestPlain(ProviderConformance):
    provider = ToolProvider("plain", {"double": double, "keep": keep, "read-me": None})
    examples: ClassVar = {"double": {"a": 2}, "keep": {"a": 3}}


class Weekdays:
    """A provider of one's own: no base class, only the protocol."""

    provider_id = "weekdays"

    def tools(self) -> Mapping[str, Tool]:
        return {"double": double}

    def call(self, tool_id: str, input: Any, ctx: Context) -> Any:  # noqa: A002
        if input == {"a": 7}:
            raise PolicyDenied("Not on a Sunday.")
        return self.tools()[tool_id].call(input, ctx)


class TestPolicy(ProviderConformance):
    provider = Weekdays()
    examples: ClassVar = {"double": {"a": 2}}
    denied = ("double", {"a": 7})


def test_a_provider_that_cannot_say_what_it_has() -> None:
    class Broken(Weekdays):
        def tools(self) -> Mapping[str, Tool]:
            raise RuntimeError("hunter2")

    envelope = Providers(Broken()).call("weekdays:double", {"a": 1}, make_context())
    assert envelope.code == "provider_execution_failed"
    assert "hunter2" not in repr(envelope)


def bad_name() -> Any:
    return ToolProvider("no name", [double])


def leaking() -> Any:
    class Leaking(Weekdays):
        def call(self, tool_id: str, input: Any, ctx: Context) -> Any:  # noqa: A002
            return {"a": 1}

    return Leaking()


def drifting() -> Any:
    class Drifting(Weekdays):
        calls = 0

        def call(self, tool_id: str, input: Any, ctx: Context) -> Any:  # noqa: A002
            Drifting.calls += 1
            return self.calls

    return Drifting()


@pytest.mark.parametrize(
    ("made", "test"),
    [
        (bad_name, "test_it_has_a_name_and_tools"),
        (lambda: ToolProvider("empty", []), "test_it_has_a_name_and_tools"),
        (leaking, "test_every_tool_that_can_run_runs"),
        (drifting, "test_every_tool_that_can_run_runs"),
    ],
)
def test_a_provider_that_does_not_conform_is_found_out(made: Any, test: str) -> None:
    suite = type(
        "Suite", (ProviderConformance,), {"provider": made(), "examples": {"double": {"a": 2}}}
    )
    with pytest.raises(Exception):  # noqa: B017 - an AssertionError, or the contract's error
        getattr(suite(), test)()
