"""The vault's named queries: every statement that it sends lives in a `.sql` file beside this."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def load(name: str) -> dict[str, str]:
    """Return the queries of `<name>.sql` by the name in the comment above each."""
    text = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return {key: body.strip() for key, body in zip(parts[1::2], parts[2::2], strict=True)}
