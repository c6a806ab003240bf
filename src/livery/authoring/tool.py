"""A callable skill: what `@skill` makes of a function, and `BaseToolContract` of a class."""

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from livery.authoring.context import Context
from livery.authoring.interface import Interface
from livery.manifest.capabilities import Capabilities
from livery.manifest.contract_schema import API_VERSION
from livery.manifest.semver import parse_semver
from livery.manifest.slugs import is_slug


@dataclass(frozen=True, slots=True)
class About:
    """What a skill says of itself beside its interface.

    Args:
        name: key of the skill: 1 to 64 of ``a-z0-9`` and single hyphens.
        version: SemVer.
        description: what it does and when to use it; goes into SKILL.md.
        category: one lower-case word.
        owner: who answers for it; None leaves it open.
        capabilities: what it may touch; nothing by default.
        cost_usd: what one run is expected to cost, USD.
        timeout_s: longest run, seconds.
        entry: ``file.py:name`` inside the package.

    Raises:
        ValueError: a malformed name or version.
        LiveryError: a malformed or unknown capability.
    """

    name: str
    version: str
    description: str
    category: str
    owner: str | None
    capabilities: Capabilities
    cost_usd: float | Decimal
    timeout_s: float
    entry: str

    def __post_init__(self) -> None:
        if not is_slug(self.name):
            raise ValueError(f"{self.name!r} is no skill name: a-z, 0-9 and hyphens, 64 at most")
        parse_semver(self.version)


class Tool(ABC):
    """What execution and the test kit call. JSON goes in, JSON comes out."""

    about: About
    """Name, version, capabilities and the rest."""

    interface: Interface
    """The two schemas."""

    is_async: bool
    """Must it be awaited (`acall`, `ainvoke`)?"""

    @abstractmethod
    def execute(self, parsed: Any, ctx: Context) -> Any:
        """Run on parsed input; an awaitable where `is_async`."""

    def parse(self, payload: Any) -> Any:
        """Turn the JSON input into what `execute` takes."""
        return self.interface.parse(payload)

    def render(self, result: Any) -> Any:
        """Turn the result of `execute` into JSON."""
        return self.interface.render(result)

    @property
    def contract(self) -> dict[str, Any]:
        """The contract as ``contract.yaml`` holds it, without tests and release; a fresh dict."""
        return contract_mapping(self.about, self.interface)

    def call(self, input: Any, ctx: Context) -> Any:  # noqa: A002 - the word of the contract
        """Check the input, run, check the output.

        Raises:
            InputInvalid: the input does not fit.
            OutputInvalid: the skill returned what its contract does not allow.
            RuntimeError: an async skill inside a running event loop: await `acall`.
        """
        self.interface.check_input(input)
        result = self.invoke(input, ctx)
        self.interface.check_output(result)
        return result

    async def acall(self, input: Any, ctx: Context) -> Any:  # noqa: A002
        """`call` for async code; runs any skill."""
        self.interface.check_input(input)
        result = await self.ainvoke(input, ctx)
        self.interface.check_output(result)
        return result

    def invoke(self, input: Any, ctx: Context) -> Any:  # noqa: A002
        """Run without checking the schemas, for a caller that checks them itself."""
        if not self.is_async:
            return self.render(self.execute(self.parse(input), ctx))
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.ainvoke(input, ctx))
        raise RuntimeError(f"{self.about.name} is async: await acall() or ainvoke()")

    async def ainvoke(self, input: Any, ctx: Context) -> Any:  # noqa: A002
        """`invoke` for async code; runs any skill."""
        result = self.execute(self.parse(input), ctx)
        if inspect.isawaitable(result):
            result = await _awaited(result)
        return self.render(result)


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def entry_of(file: str, name: str) -> str:
    """The contract's entry of a global in a code file: ``scripts/skill.py:run``."""
    path = Path(file)
    folder = "scripts/" if path.parent.name == "scripts" else ""
    return f"{folder}{path.name}:{name}"


def contract_mapping(about: About, interface: Interface) -> dict[str, Any]:
    """The mapping that ``contract.yaml`` holds; every member is written, also where empty."""
    mapping: dict[str, Any] = {"apiVersion": API_VERSION, "version": about.version}
    if about.owner is not None:
        mapping["owner"] = about.owner
    mapping["category"] = about.category
    mapping["runtime"] = {
        "kind": "python",
        "entry": about.entry,
        "timeout_s": _plain(about.timeout_s),
    }
    mapping["interface"] = {
        "input": _copy(interface.input_schema),
        "output": _copy(interface.output_schema),
    }
    mapping["capabilities"] = about.capabilities.to_dict()
    mapping["cost"] = {"estimate_usd": _plain(about.cost_usd)}
    return mapping


def _plain(amount: float | Decimal) -> int | float:
    return int(amount) if amount == int(amount) else float(amount)


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(member) for key, member in value.items()}
    return [_copy(member) for member in value] if isinstance(value, list) else value
