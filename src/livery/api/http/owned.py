"""Whose skills: the workspace of a request, and places in lists where two owners may have one key."""

from __future__ import annotations

from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Query

from livery.api.http.models import NO_NUL
from livery.manifest.errors import LiveryError, Violation
from livery.services import PLATFORM

Workspace = Annotated[
    str | None,
    Query(max_length=128, pattern=NO_NUL, description="Slug or id of the workspace that owns it."),
]


class Owned(Protocol):
    """Something listed by key and owner."""

    @property
    def skill_key(self) -> str:
        """Its key."""

    @property
    def workspace_id(self) -> UUID:
        """Its owner."""


def cursor_of(last: Owned) -> str:
    """Where the page after this one begins."""
    if last.workspace_id == PLATFORM:
        return last.skill_key
    return f"{last.skill_key}:{last.workspace_id}"


def after(cursor: str | None) -> tuple[str, UUID] | None:
    """Key and owner that a cursor names; a key alone is the platform's. Raises validation_error."""
    if cursor is None:
        return None
    key, _, home = cursor.partition(":")
    try:
        return key, UUID(home) if home else PLATFORM
    except ValueError:
        found = (Violation("/cursor", "the `next_cursor` of the page before"),)
        raise LiveryError("validation_error", "There is no such page.", violations=found) from None


def one_of(query: str | None, body: str | None) -> str | None:
    """The workspace of a request that may name it in its address or in its body. Raises validation_error."""
    if query is not None and body is not None and query != body:
        found = (Violation("/workspace", "one workspace"),)
        message = f"The address names the workspace {query!r}, the body {body!r}."
        raise LiveryError("validation_error", message, violations=found)
    return query if query is not None else body
