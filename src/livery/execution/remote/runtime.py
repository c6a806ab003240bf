"""The `mcp` runtime: a remote tool, held to what was certified of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from livery.execution.outside.run import Outside
from livery.execution.remote.answer import answered
from livery.execution.remote.effect import RemoteEffect
from livery.execution.remote.pin import PIN, changed, pin_of
from livery.execution.remote.session import BrokeOff, RemoteServer
from livery.execution.remote.settings import Server
from livery.manifest.canonical import NotIJson
from livery.manifest.capabilities import Capabilities
from livery.manifest.contract import Contract, Fixture
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, PackageFile
from livery.services import PLATFORM
from livery.services.certification.types import Finding
from livery.services.runs.types import ExecutionContract, Inner, Invocation, Invoked

FILE = "contract.yaml"
CREDENTIAL_KIND = "mcp"
Refusal = tuple[str, str]


class RemoteRuntime:
    """See services.runs.ports.Provider. `environ` is where listed variables come from; use `close` in the end."""

    provider_id: Final = "mcp"
    runtimes: Final = frozenset({"mcp"})

    def __init__(
        self, servers: Mapping[str, Server], outside: Outside, environ: Mapping[str, str]
    ) -> None:
        self._servers, self._outside, self._environ = servers, outside, environ
        self._open: dict[tuple[str, UUID | None], RemoteServer] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def close(self) -> None:
        """End all sessions and their processes."""
        await asyncio.gather(*(remote.close() for remote in self._open.values()))
        self._open.clear()
        if self._folder is not None:
            await asyncio.to_thread(self._folder.cleanup)
            self._folder = None

    def unavailable(self, contract: ExecutionContract) -> Refusal | None:
        """A server that is not set up, a tool that is not declared."""
        return self._refused(contract.entry, contract.capabilities)

    async def ready(self, contract: ExecutionContract) -> Refusal | None:
        """Asks the server: the tool must be there, and be the one that was certified."""
        refused = self.unavailable(contract)
        if refused is not None:
            return refused
        certificate = contract.facts.certificate
        pinned = (certificate.pins if certificate is not None else {}).get(PIN)
        if not isinstance(pinned, Mapping):
            return "provider_policy_denied", f"No certificate pins the tool {contract.entry}."
        try:
            now = await self._pin(contract.entry, contract.workspace_id)
        except LiveryError as error:
            return error.code, error.message
        different = changed(pinned, now)
        if different:
            said = f"The tool {contract.entry} is not the one that was certified: {' and '.join(different)} changed."
            return "provider_policy_denied", f"{said} Certify {contract.skill_key} again."
        return None

    async def prepare(self, contract: ExecutionContract, files: Sequence[PackageFile]) -> None:
        """Nothing: a server is started by the first call."""

    async def invoke(self, invocation: Invocation) -> Invoked:
        """Call the tool; whatever happens becomes a code."""
        contract = invocation.contract
        refused = await self.ready(contract)
        if refused is not None:
            return Invoked(code=refused[0], message=refused[1])
        effect = RemoteEffect(invocation, self._outside.ledger, self._outside.probe)
        return await self._call(
            contract.contract,
            invocation.args,
            contract.workspace_id,
            effect,
            dry=invocation.dry_run,
        )

    async def run_fixture(
        self,
        package: Package,
        fixture: Fixture,
        inner: Inner | None = None,  # noqa: ARG002 - a remote tool calls no skills
    ) -> Invoked:
        """Call the tool with a fixture's input; one with effects is not called."""
        contract = package.contract
        refused = self._refused(contract.runtime.entry or "", contract.capabilities)
        if refused is not None:
            return Invoked(code=refused[0], message=refused[1])
        return await self._call(contract, fixture.input, PLATFORM, None, dry=True)

    async def look(self, package: Package) -> tuple[Sequence[Finding], Mapping[str, Any]]:
        """See services.certification.ports.RuntimeScan: the tool is there, and this is what is pinned of it."""
        contract = package.contract
        entry, capabilities = contract.runtime.entry or "", contract.capabilities
        refused = self._refused(entry, capabilities)
        if refused is not None:
            return (_finding(*refused),), {}
        try:
            tool = await self._tool(entry, PLATFORM)
            pin = pin_of(self._servers[entry.partition(":")[0]], tool)
        except LiveryError as error:
            return (_finding(error.code, error.message),), {}
        except NotIJson as error:
            said = f"What {entry} says of itself cannot be hashed: {error.reason}."
            return (_finding("contract_invalid", said),), {}
        found = []
        if len(capabilities.effects) > 1:
            found.append(_finding("contract_invalid", "A remote tool has one effect, or none."))
        hints = tool.get("annotations") or {}
        if hints.get("destructiveHint") is True and not capabilities.effects:
            said = f"{entry} says that it changes things, and the contract declares no effect."
            found.append(_finding("underdeclared_capability", said))
        return tuple(found), {PIN: pin}

    def _refused(self, entry: str, capabilities: Capabilities) -> Refusal | None:
        name = entry.partition(":")[0]
        if name not in self._servers:
            said = f"No MCP server {name!r} is set up here (LIVERY_MCP_SERVERS)."
            return "provider_unbound", said
        if not capabilities.allows("tools", entry):
            return "skill_capability_denied", f"This skill did not declare tools {entry!r}."
        return None

    async def _call(
        self,
        contract: Contract,
        args: Any,
        workspace_id: UUID,
        effect: RemoteEffect | None,
        *,
        dry: bool,
    ) -> Invoked:
        entry, timeout_s = contract.runtime.entry or "", contract.runtime.timeout_s
        if not isinstance(args, Mapping):
            return Invoked(code="tool_input_invalid", message="A tool takes an object.")
        acts = bool(contract.capabilities.effects)
        if dry and acts:
            draft = {"action": contract.capabilities.effects[0], "target": entry}
            return Invoked({"dry_run": True, "withheld": [draft]}, draft=True)
        try:
            await self._tool(entry, workspace_id)
            remote = await self._remote(entry, workspace_id)
            if not acts or effect is None:
                invoked = await _answer(remote, entry, args, contract, timeout_s)
                invoked.unknown = False  # it changes nothing: asking again does no harm
                return invoked
            return await effect.perform(
                entry, args, lambda: _answer(remote, entry, args, contract, timeout_s)
            )
        except LiveryError as error:
            return Invoked(code=error.code, message=error.message, retryable=error.retryable)

    async def _pin(self, entry: str, workspace_id: UUID) -> dict[str, str]:
        tool = await self._tool(entry, workspace_id)
        try:
            return pin_of(self._servers[entry.partition(":")[0]], tool)
        except NotIJson as error:
            said = f"What {entry} says of itself cannot be hashed: {error.reason}."
            raise LiveryError("provider_policy_denied", said) from error

    async def _tool(self, entry: str, workspace_id: UUID) -> Mapping[str, Any]:
        remote = await self._remote(entry, workspace_id)
        name = entry.partition(":")[2]
        tools = await remote.tools()
        if name not in tools:
            said = f"The MCP server {remote.server.name} has no tool {name!r}."
            raise LiveryError("provider_tool_unregistered", said)
        return tools[name]

    async def _remote(self, entry: str, workspace_id: UUID) -> RemoteServer:
        server = self._servers[entry.partition(":")[0]]
        # A credential belongs to one workspace, and so does a session that was opened with it.
        key = (server.name, workspace_id if server.credential_ref else None)
        if key not in self._open:
            token = await self._token(server, workspace_id)
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="livery-mcp-")
            folder = Path(self._folder.name) / server.name
            folder.mkdir(exist_ok=True)
            self._open.setdefault(
                key,
                RemoteServer(server, self._outside.policy, self._environ, str(folder), token),
            )
        return self._open[key]

    async def _token(self, server: Server, workspace_id: UUID) -> str | None:
        if server.credential_ref is None:
            return None
        source = self._outside.credentials
        if source is None:
            said = f"The MCP server {server.name} needs a credential, and no vault is connected."
            raise LiveryError("provider_unbound", said)
        try:
            secret = await source.resolve(
                server.credential_ref,
                kind=CREDENTIAL_KIND,
                workspace_id=workspace_id,
                run_id="mcp",
                skill_key=f"mcp:{server.name}",
            )
        except LiveryError as error:
            said = f"The MCP server {server.name} needs a credential: {error.message}"
            raise LiveryError("provider_unbound", said) from error
        return str(secret.get("token", ""))


async def _answer(
    remote: RemoteServer, entry: str, args: Mapping[str, Any], contract: Contract, timeout_s: float
) -> Invoked:
    try:
        result = await remote.call(entry.partition(":")[2], args, timeout_s)
    except TimeoutError:
        said = f"The tool {entry} took longer than {timeout_s:g} s."
        return Invoked(code="timeout", message=said, unknown=True)
    except BrokeOff as error:
        return Invoked(code=error.code, message=error.message, unknown=True, retryable=True)
    except LiveryError as error:
        return Invoked(code=error.code, message=error.message, retryable=error.retryable)
    return answered(result, contract.output_schema)


def _finding(code: str, message: str) -> Finding:
    return Finding(code, message, FILE, rule="mcp", severity="critical")
