"""Skill keys: slugs that are valid Agent Skills names."""

from __future__ import annotations

import re
from typing import Final

MAX_SLUG: Final = 64
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def slugify(name: str) -> str:
    """Return the slug of a human name: lower-case, other runs as ``-``, 64 at most, else ``skill``.

    A cut never leaves a trailing hyphen, because an Agent Skills name must not end in one.
    """
    return _NOT_SLUG.sub("-", name.lower()).strip("-")[:MAX_SLUG].rstrip("-") or "skill"


def is_slug(text: str) -> bool:
    """Say whether ``text`` is a valid skill key: 1-64 of ``a-z0-9`` and single inner hyphens."""
    return len(text) <= MAX_SLUG and _SLUG.fullmatch(text) is not None


def resolve_alias(name: str) -> str:
    """Return the skill key that a seed's form names: ``kv_store``, ``kv.store`` -> ``kv-store``.

    Anything else is returned unchanged, so that an id or an unknown name stays what it was.
    """
    candidate = name.replace("_", "-").replace(".", "-")
    return candidate if is_slug(candidate) else name
