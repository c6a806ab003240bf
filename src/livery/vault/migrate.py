"""The vault's migrations: numbered SQL files, forward and back, each in the same transaction."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from livery.vault import sql

_FILE = re.compile(r"(\d{4})_(\w+)\.up\.sql")


async def migrate(connection: Any, target: int | None = None) -> int:
    """Bring the vault's database to version `target` (default: the newest); return the version.

    `connection` is an asyncpg connection of a role that owns the database and is not
    `livery_vault`; that role must exist. All steps are one transaction: done whole or not at all.
    """
    queries = sql.load("migrate")
    async with connection.transaction():
        await connection.execute(queries["lock"])
        await connection.execute(queries["prepare"])
        applied = {row["version"] for row in await connection.fetch(queries["applied"])}
        steps = _steps()
        goal = max(steps) if target is None else target
        for version in sorted(v for v in steps if v <= goal and v not in applied):
            await connection.execute(_text(version, steps[version], "up"))
            await connection.execute(queries["add"], version, steps[version])
        for version in sorted((v for v in applied if v > goal), reverse=True):
            await connection.execute(_text(version, steps[version], "down"))
            await connection.execute(queries["remove"], version)
    return goal


def _folder() -> Any:
    return files("livery.vault").joinpath("migrations")


def _steps() -> dict[int, str]:
    found = (_FILE.fullmatch(entry.name) for entry in _folder().iterdir())
    return {int(match[1]): match[2] for match in found if match}


def _text(version: int, name: str, way: str) -> str:
    text: str = _folder().joinpath(f"{version:04d}_{name}.{way}.sql").read_text(encoding="utf-8")
    return text
