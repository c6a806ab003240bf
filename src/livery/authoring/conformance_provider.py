"""The suite that any provider passes; see `conformance`."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from livery.authoring.conformance_probes import CANARY
from livery.authoring.context import Context
from livery.authoring.kit_context import KitContext
from livery.authoring.kit_fixtures import FIXTURE_NOW, make_context
from livery.authoring.outcome import VOLATILE, stable
from livery.authoring.provider import FROZEN_CODES, PolicyDenied, Provider, Providers
from livery.authoring.tool import Tool
from livery.manifest.capabilities import Capabilities
from livery.manifest.codes import CODES
from livery.manifest.envelope import Envelope


class ProviderConformance:
    """Set `provider` and `examples`: an input that succeeds for each tool that can run."""

    provider: ClassVar[Provider]
    examples: ClassVar[Mapping[str, Any]]
    denied: ClassVar[tuple[str, Any] | None] = None
    """A tool and an input that the provider's policy refuses, where it has one."""

    volatile: ClassVar[tuple[str, ...]] = VOLATILE

    def context(self, tool: Tool) -> KitContext:
        """A fresh context for one call."""
        declared = tool.about.capabilities
        return make_context(declared, data=dict.fromkeys(declared.data, ()), now=FIXTURE_NOW)

    def test_it_has_a_name_and_tools(self) -> None:
        """Names that the capability `tools` can hold."""
        assert isinstance(self.provider, Provider)
        names = [f"{self.provider.provider_id}:{tool}" for tool in self.provider.tools()]
        assert names
        assert Capabilities.parse({"tools": names}).tools == tuple(sorted(names))

    def test_every_tool_that_can_run_runs(self) -> None:
        """And the envelope says who ran it; the same call gives the same envelope."""
        runnable = {name for name, tool in self.provider.tools().items() if tool is not None}
        assert set(self.examples) == runnable, "one example for each tool that can run"
        for name, value in self.examples.items():
            first, again = self._call(name, value), self._call(name, value)
            assert first.ok, f"{name}: {first.code} {first.error}"
            assert (first.provider_id, first.tool_id) == (self.provider.provider_id, name)
            assert stable(first, self.volatile) == stable(again, self.volatile), name

    def test_an_input_that_does_not_fit_is_refused(self) -> None:
        """`tool_input_invalid`, through the provider too."""
        for name in self.examples:
            assert self._call(name, None).code == "tool_input_invalid", name

    def test_a_command_that_names_no_tool(self) -> None:
        """`command_tool_missing`: malformed, or not declared by the caller."""
        name = next(iter(self.provider.tools()))
        for command in ("", ":", name, f"{self.provider.provider_id}:", f":{name}"):
            assert self._code(command) == "command_tool_missing", command
        command = f"{self.provider.provider_id}:{name}"
        assert self._code(command, declared=Capabilities()) == "command_tool_missing"

    def test_a_provider_that_is_not_bound(self) -> None:
        """`provider_unbound`."""
        name = next(iter(self.provider.tools()))
        assert self._code(f"{self.provider.provider_id}-other:{name}") == "provider_unbound"

    def test_a_tool_that_it_does_not_have(self) -> None:
        """`provider_tool_unregistered`."""
        command = f"{self.provider.provider_id}:livery-conformance"
        assert self._code(command) == "provider_tool_unregistered"

    def test_a_tool_that_nothing_executes(self) -> None:
        """`executor_unbound`: those that say so, and any that loses its executor."""
        for name in self.provider.tools():
            found = self._altered(name, tools=dict.fromkeys(self.provider.tools()))
            assert found.code == "executor_unbound", name
        for name, tool in self.provider.tools().items():
            if tool is None:
                assert self._call(name, {}).code == "executor_unbound", name

    def test_what_its_policy_refuses(self) -> None:
        """`provider_policy_denied`."""
        if self.denied is not None:
            assert self._call(*self.denied).code == "provider_policy_denied"
        for name in self.examples:
            found = self._altered(name, raises=PolicyDenied("Not on a Sunday."))
            assert found.code == "provider_policy_denied"

    def test_what_fails_in_it(self) -> None:
        """`provider_execution_failed`; what the exception said stays inside."""
        for name in self.examples:
            found = self._altered(name, raises=RuntimeError(CANARY))
            assert found.code == "provider_execution_failed"
            assert CANARY not in repr(found.to_dict())

    def test_the_codes_are_the_frozen_ones(self) -> None:
        """They are codes of the platform."""
        assert set(FROZEN_CODES) <= set(CODES)

    def _call(self, name: str, value: Any) -> Envelope:
        tool = self.provider.tools()[name]
        ctx = self.context(tool) if tool is not None else make_context()
        return Providers(self.provider).call(f"{self.provider.provider_id}:{name}", value, ctx)

    def _code(self, command: str, declared: Capabilities | None = None) -> str:
        return Providers(self.provider).call(command, {}, make_context(), declared=declared).code

    def _altered(
        self,
        name: str,
        *,
        tools: Mapping[str, Tool | None] | None = None,
        raises: Exception | None = None,
    ) -> Envelope:
        altered = _Altered(self.provider, tools, raises)
        command = f"{self.provider.provider_id}:{name}"
        return Providers(altered).call(command, self.examples.get(name, {}), make_context())


class _Altered:
    """The provider, with a fault in it."""

    def __init__(
        self,
        provider: Provider,
        tools: Mapping[str, Tool | None] | None,
        raises: Exception | None,
    ) -> None:
        self.provider_id = provider.provider_id
        self.tools: Callable[[], Mapping[str, Tool | None]] = provider.tools
        if tools is not None:
            self.tools = lambda: tools
        self._raises = raises

    def call(self, tool_id: str, input: Any, ctx: Context) -> Any:  # noqa: A002, ARG002
        assert self._raises is not None
        raise self._raises
