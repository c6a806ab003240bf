"""`BaseToolContract`: a skill in the form of a class, for those that want to override a step."""

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from livery.authoring.context import Context
from livery.authoring.interface import Interface
from livery.authoring.skill import first_paragraph
from livery.authoring.tool import About, Tool, entry_of
from livery.manifest.capabilities import Capabilities
from livery.manifest.slugs import slugify


class BaseToolContract(Tool):
    """A skill as a class: set `input_model` and `output_model`, write `run`.

    The rest has defaults: `parse` (JSON to the model), `render` (result to JSON), the name from
    the class, the description from its docstring. Raises TypeError for a model that has no JSON
    form, ValueError for a malformed name or version.
    """

    input_model: ClassVar[Any]
    output_model: ClassVar[Any]
    name: ClassVar[str | None] = None
    version: ClassVar[str] = "0.1.0"
    description: ClassVar[str | None] = None
    category: ClassVar[str] = "general"
    owner: ClassVar[str | None] = None
    capabilities: ClassVar[Mapping[str, Any]] = {}
    cost_usd: ClassVar[float | Decimal] = 0
    timeout_s: ClassVar[float] = 30

    def __init__(self) -> None:
        cls = type(self)
        for side in ("input_model", "output_model"):
            if not hasattr(cls, side):
                raise TypeError(f"{cls.__name__} needs {side}")
        self.interface = Interface(cls.input_model, cls.output_model)
        self.is_async = inspect.iscoroutinefunction(cls.run)
        self.about = About(
            name=cls.name or slugify(_words(cls.__name__)),
            version=cls.version,
            description=cls.description or first_paragraph(cls),
            category=cls.category,
            owner=cls.owner,
            capabilities=Capabilities.parse(cls.capabilities),
            cost_usd=cls.cost_usd,
            timeout_s=cls.timeout_s,
            entry=entry_of(cls.run.__code__.co_filename, cls.__name__),
        )

    @abstractmethod
    def run(self, input: Any, ctx: Context) -> Any:  # noqa: A002 - the word of the contract
        """Do the work: an `input_model` in, an `output_model` out; may be async."""

    def execute(self, parsed: Any, ctx: Context) -> Any:
        """Run on parsed input."""
        return self.run(parsed, ctx)


def _words(name: str) -> str:
    """``WeeklyDigest`` to ``Weekly Digest``."""
    return "".join(f" {char}" if char.isupper() else char for char in name)
