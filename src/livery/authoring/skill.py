"""`@skill`: a typed function becomes a skill."""

import functools
import inspect
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Generic, ParamSpec, TypeVar

from livery.authoring.context import Context
from livery.authoring.interface import function_interface
from livery.authoring.tool import About, Tool, entry_of
from livery.manifest.capabilities import Capabilities
from livery.manifest.slugs import slugify

P = ParamSpec("P")
R = TypeVar("R")


class Skill(Tool, Generic[P, R]):
    """A function that is a skill; calling it is calling the function."""

    def __init__(self, fn: Callable[P, R], about: About) -> None:
        self.interface, self._whole, self._context = function_interface(fn)
        self.about = about
        self.is_async = inspect.iscoroutinefunction(fn)
        self.function = fn
        functools.update_wrapper(self, fn)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function, without any check."""
        return self.function(*args, **kwargs)

    def execute(self, parsed: Any, ctx: Context) -> Any:
        """Run the function on parsed input."""
        arguments = {self._whole: parsed} if self._whole is not None else dict(parsed)
        if self._context is not None:
            arguments[self._context] = ctx
        return self.function(**arguments)  # type: ignore[call-arg]


def skill(
    name: str | None = None,
    *,
    version: str = "0.1.0",
    description: str | None = None,
    category: str = "general",
    owner: str | None = None,
    capabilities: Mapping[str, Any] | None = None,
    cost_usd: float | Decimal = 0,
    timeout_s: float = 30,
) -> Callable[[Callable[P, R]], Skill[P, R]]:
    """Make a skill of a typed function, sync or async.

    Input and output schemas come from its annotations; a parameter annotated `Context` receives
    the run's context and is no part of the input. A single pydantic model as the only other
    parameter is the whole input.

    Args:
        name: key of the skill; the function's name as a slug by default.
        version: SemVer.
        description: what it does and when to use it; the docstring's first paragraph by default.
        category: one lower-case word.
        owner: who answers for it.
        capabilities: what it may touch, as in ``contract.yaml``; nothing by default.
        cost_usd: what one run is expected to cost, USD.
        timeout_s: longest run, seconds.

    Raises:
        TypeError: a parameter or the result has no usable annotation.
        ValueError: a malformed name or version.
        LiveryError: a malformed or unknown capability.
    """
    if callable(name):
        raise TypeError("write @skill(), with parentheses")

    def make(fn: Callable[P, R]) -> Skill[P, R]:
        text = description if description is not None else first_paragraph(fn)
        about = About(
            name=name or slugify(fn.__name__),
            version=version,
            description=text,
            category=category,
            owner=owner,
            capabilities=Capabilities.parse(capabilities or {}),
            cost_usd=cost_usd,
            timeout_s=timeout_s,
            entry=entry_of(fn.__code__.co_filename, fn.__name__),
        )
        return Skill(fn, about)

    return make


def first_paragraph(documented: Any) -> str:
    """First paragraph of a docstring on one line; empty where there is none."""
    paragraph = (inspect.getdoc(documented) or "").partition("\n\n")[0]
    return " ".join(paragraph.split())
