"""Providers: where tools come from, and the codes of what can be wrong between a call and a tool.

A skill names a tool as ``provider:tool``. `Providers` finds it and answers with an envelope, always
with the same code for the same fault:

    command_tool_missing        the command names no tool, or none that the skill declares
    provider_unbound            no provider of that name is bound
    provider_tool_unregistered  the provider does not have the tool
    executor_unbound            the tool is there, and nothing can execute it
    provider_policy_denied      the provider's own policy refused
    provider_execution_failed   the provider's code failed
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from typing_extensions import override

from livery.authoring.context import Context
from livery.authoring.outcome import FAILED, NO_RUN, run_envelope
from livery.authoring.tool import Tool
from livery.manifest.capabilities import Capabilities
from livery.manifest.envelope import Envelope, error_envelope
from livery.manifest.errors import LiveryError

FROZEN_CODES = (
    "command_tool_missing",
    "provider_unbound",
    "provider_tool_unregistered",
    "executor_unbound",
    "provider_policy_denied",
    "provider_execution_failed",
)
"""The codes of a provider's faults; they never change, because others branch on them."""


class PolicyDenied(LiveryError):
    """For providers to raise: their own policy refuses the call, and says why."""

    code = "provider_policy_denied"

    def __init__(self, message: str) -> None:
        super().__init__(message=message)


@runtime_checkable
class Provider(Protocol):
    """Something that has tools."""

    @property
    def provider_id(self) -> str:
        """Its name, as it stands before the colon in the capability `tools`."""

    def tools(self) -> Mapping[str, Tool | None]:
        """Tool id -> the tool; None for one that nothing here can execute (instructions only)."""

    def call(self, tool_id: str, input: Any, ctx: Context) -> Any:  # noqa: A002 - its name
        """Result of a tool: JSON in, JSON out.

        Raises:
            InputInvalid, OutputInvalid: as `Tool.call`.
            PolicyDenied: the provider's policy refuses.
        """


class ToolProvider:
    """The plainest provider: a name and some tools."""

    def __init__(self, provider_id: str, tools: Mapping[str, Tool | None] | Iterable[Tool]) -> None:
        self._id = provider_id
        self._tools = (
            dict(tools) if isinstance(tools, Mapping) else {tool.about.name: tool for tool in tools}
        )

    @property
    def provider_id(self) -> str:
        """Its name."""
        return self._id

    def tools(self) -> Mapping[str, Tool | None]:
        """Tool id -> the tool."""
        return self._tools

    def call(self, tool_id: str, input: Any, ctx: Context) -> Any:  # noqa: A002
        """Call one of them."""
        tool = self._tools[tool_id]
        if tool is None:
            raise LiveryError("executor_unbound")
        return tool.call(input, ctx)


class Providers:
    """The bound providers: every call ends in an envelope, never in an exception."""

    def __init__(self, *providers: Provider) -> None:
        self._bound = {provider.provider_id: provider for provider in providers}

    def call(
        self,
        command: str,
        input: Any,  # noqa: A002
        ctx: Context,
        *,
        declared: Capabilities | None = None,
        timeout_s: float | None = None,
    ) -> Envelope:
        """Call the tool ``provider:tool``.

        Args:
            command: the tool.
            input: the JSON value.
            ctx: what the tool may touch.
            declared: what the caller declares; None leaves that to the caller.
            timeout_s: longest time, seconds; the tool's own by default.
        """
        provider_id, colon, tool_id = command.partition(":")
        if not (provider_id and colon and tool_id) or (
            declared is not None and not declared.allows("tools", command)
        ):
            said = f"{command!r} is no tool that this skill declares."
            return _refused("command_tool_missing", provider_id, tool_id, said)
        provider = self._bound.get(provider_id)
        if provider is None:
            said = f"No provider {provider_id!r} is bound."
            return _refused("provider_unbound", provider_id, tool_id, said)
        try:
            tools = dict(provider.tools())
        except Exception as error:
            said = f"The provider raised {type(error).__name__}."
            return _refused(FAILED, provider_id, tool_id, said, status="failed")
        if tool_id not in tools:
            said = f"The provider {provider_id!r} has no tool {tool_id!r}."
            return _refused("provider_tool_unregistered", provider_id, tool_id, said)
        tool = tools[tool_id]
        if tool is None:
            said = f"Nothing can execute {command}."
            return _refused("executor_unbound", provider_id, tool_id, said)
        envelope = run_envelope(
            _Provided(provider, tool_id, tool),
            input,
            ctx,
            timeout_s=timeout_s,
            provider_id=provider_id,
        )
        envelope.tool_id = tool_id
        return envelope


class _Provided(Tool):
    """A provider's tool, called through the provider."""

    def __init__(self, provider: Provider, tool_id: str, tool: Tool) -> None:
        self.about = tool.about
        self.interface = tool.interface
        self.is_async = False
        self._provider, self._tool_id = provider, tool_id

    @override
    def execute(self, parsed: Any, ctx: Context) -> Any:
        return self._provider.call(self._tool_id, parsed, ctx)

    @override
    def parse(self, payload: Any) -> Any:
        return payload  # the provider parses

    @override
    def render(self, result: Any) -> Any:
        return result


def _refused(
    code: str, provider_id: str, tool_id: str, message: str, status: str = "denied"
) -> Envelope:
    return error_envelope(
        code,
        run_id=NO_RUN,
        skill_key=tool_id or provider_id,
        skill_version=None,
        digest=None,
        correlation_id=NO_RUN,
        status=status,
        message=LiveryError(code, message).message,  # without secrets
        provider_id=provider_id,
        tool_id=tool_id,
    )
