"""Documents of the API as pages need them: every member that the contract names is there."""

from collections.abc import Iterable, Mapping
from typing import Any


def whole(shape: type, document: Mapping[str, Any]) -> Any:
    """`document` with None for each member that `shape` (a TypedDict) names and it lacks.

    An older or newer platform then shows a dash, not an error; a typing error in a template stays
    one, because templates are strict.
    """
    named: Iterable[str] = [*shape.__required_keys__, *shape.__optional_keys__]  # type: ignore[attr-defined]
    return {**dict.fromkeys(named), **document}


def wholes(shape: type, documents: Iterable[Mapping[str, Any]]) -> list[Any]:
    """`whole` for each."""
    return [whole(shape, document) for document in documents]
