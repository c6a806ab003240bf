"""`KEY@VERSION`, read in one place."""

from typing import Annotated

import typer

from livery.cli.exits import UsageError

Ref = Annotated[
    str, typer.Argument(metavar="KEY[@VERSION]", help="A skill; its newest version by default.")
]


def parse_ref(ref: str, version: str | None = None) -> tuple[str, str | None]:
    """The key and the version of `KEY` or `KEY@VERSION`; `version` is one that was named beside it.

    Raises `UsageError` for no key, `KEY@` without a version, and two versions that are not the same.
    """
    key, at, named = ref.partition("@")
    if not key or (at and not named) or "@" in named:
        raise UsageError(f"{ref!r} is not KEY or KEY@VERSION.", "For example: my-skill@1.2.0")
    if named and version and named != version:
        raise UsageError(f"{ref} and {version} name two versions.", "Name one.")
    return key, named or version
