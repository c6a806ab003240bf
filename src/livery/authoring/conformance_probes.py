"""What the suites put in: inputs that do not fit, tools that misbehave, a world that is broken."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from livery.authoring.context import Context, HttpResponse
from livery.authoring.kit_context import KitContext, Row
from livery.authoring.kit_fixtures import FIXTURE_NOW, make_context
from livery.authoring.tool import Tool
from livery.manifest.capabilities import Capabilities

CANARY: Final = "canary-7f3d-that-nobody-may-see"
"""A secret in no form that a scanner knows: what lets it out, lets any secret out."""

UNDECLARED: Final = "livery-conformance"
_OTHER: Final[Mapping[str, Any]] = {
    "string": 7,
    "number": "seven",
    "integer": "seven",
    "boolean": "yes",
    "array": "none",
    "object": "none",
    "null": "none",
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """An input that the schema does not allow, and the JSON pointer of the fault."""

    name: str
    value: Any
    pointer: str


def misfits(schema: Mapping[str, Any], example: Any) -> Iterator[Misfit]:
    """Inputs that do not fit an object's schema, each made of one that does."""
    yield Misfit("no object", [], "")
    if not isinstance(example, dict):
        return
    for name in schema.get("required", ()):
        rest = {key: value for key, value in example.items() if key != name}
        yield Misfit(f"without {name}", rest, "")
    if schema.get("additionalProperties") is False:
        yield Misfit("a member more", {**example, UNDECLARED: 1}, "")
    for name, member in schema.get("properties", {}).items():
        kind = member.get("type") if isinstance(member, dict) else None
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        if isinstance(kind, str):
            yield Misfit(f"{name} of another type", {**example, name: _OTHER[kind]}, pointer)
        if kind == "string":
            yield Misfit(f"{name} with a NUL", {**example, name: "a\x00b"}, pointer)
        if kind in {"number", "integer"}:
            yield Misfit(f"{name} beyond 2^53", {**example, name: 2**53 + 1}, pointer)
            yield Misfit(f"{name} not a number", {**example, name: float("nan")}, pointer)


class Probe(Tool):
    """A tool with another's contract and a body of our own."""

    def __init__(self, tool: Tool, body: Callable[[Any, Context], Any]) -> None:
        self.about = tool.about
        self.interface = tool.interface
        self.is_async = False
        self._body = body

    @override
    def parse(self, payload: Any) -> Any:
        return payload

    @override
    def render(self, result: Any) -> Any:
        return result

    @override
    def execute(self, parsed: Any, ctx: Context) -> Any:
        return self._body(parsed, ctx)


REACHES: Final[Mapping[str, Callable[[Context], object]]] = {
    "data": lambda ctx: ctx.data.query(UNDECLARED, [], []),
    "network": lambda ctx: ctx.http.request("GET", f"https://{UNDECLARED}.example/"),
    "credentials": lambda ctx: ctx.credential(UNDECLARED),
    "storage": lambda ctx: ctx.storage.get(UNDECLARED, "key"),
    "tools": lambda ctx: ctx.call(UNDECLARED, {}),
}
"""One use of each capability that no tool declares."""


def broken_world(declared: Capabilities) -> KitContext:
    """A context in which all that was declared fails, and says the canary; secrets are canaries."""

    def broken(*_: Any) -> list[Row]:
        raise RuntimeError(CANARY)

    return make_context(
        declared,
        data=dict.fromkeys(declared.data, broken),
        credentials=dict.fromkeys(declared.credentials, CANARY),
        responses=_Broken(),
        now=FIXTURE_NOW,
    )


class _Broken(dict[str, HttpResponse]):
    @override
    def __getitem__(self, key: str) -> HttpResponse:
        raise ConnectionError(CANARY)
