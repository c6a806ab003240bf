"""Reach for a capability that was not declared: the platform must refuse it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from livery.authoring import Context, skill

Kind = Literal["data", "network", "credentials", "storage", "tools", "filesystem", "none"]
REACH: dict[str, Callable[[Context, str], object]] = {
    "data": lambda ctx, value: ctx.data.query(value, [], ["count"]),
    "network": lambda ctx, value: ctx.http.request("GET", value),
    "credentials": lambda ctx, value: ctx.credential(value, value),
    "storage": lambda ctx, value: ctx.storage.get(value, "probe"),
    "tools": lambda ctx, value: ctx.call(value, {}),
    "filesystem": lambda _, value: _content(Path(value)),
}


@skill(
    "capability-probe",
    version="1.0.0",
    description=(
        "Reach for one capability that the contract does not declare, to see the platform refuse "
        "it. Use to check that enforcement works, never as a step of real work."
    ),
    category="diagnostics",
    owner="livery",
    timeout_s=5,
)
def run(kind: Kind, value: Annotated[str, Field(max_length=200)], ctx: Context) -> str:
    """Return `reached` where a use that must be refused got through."""
    if kind == "none":
        return "nothing asked"
    REACH[kind](ctx, value)
    return "reached"


def _content(path: Path) -> bytes:
    return path.read_bytes()
