"""Jinja2 as all portals use it: everything escaped, an undefined name is an error."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from livery.portals.ui.format import FILTERS
from livery.portals.ui.tones import tone

UI = Path(__file__).parent
STATIC = UI / "static"


def environment(portals: Mapping[str, Path]) -> Environment:
    """Templates of the look under `ui/`, and of each portal under its own name.

    There is no `safe` path: what a skill or a customer wrote reaches a page as text only.
    """
    folders = {"ui": UI / "templates", **portals}
    jinja = Environment(
        loader=PrefixLoader({name: FileSystemLoader(path) for name, path in folders.items()}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    jinja.filters.update(FILTERS)
    jinja.filters["tone"] = tone
    return jinja
