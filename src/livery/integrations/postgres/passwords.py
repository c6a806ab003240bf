"""The passwords of our database roles, kept in LIVERY_HOME/keys/database.json (0600)."""

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from livery.integrations.postgres.errors import DatabaseHomeRefused
from livery.integrations.postgres.layout import Layout, private_folder


def role_passwords(home: Path, roles: Iterable[str]) -> dict[str, str]:
    """The password of each role; those that are missing are made and kept.

    Raises:
        DatabaseHomeRefused: the file is not what this module wrote.
    """
    keys = Layout.of(home).superuser_key.parent
    keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private_folder(keys)
    path = keys / "database.json"
    try:
        known = json.loads(path.read_text())
    except FileNotFoundError:
        known = {}
    except ValueError:
        known = None
    if not isinstance(known, dict) or not all(isinstance(v, str) for v in known.values()):
        raise DatabaseHomeRefused(
            message=f"{path} is damaged", remedy="Restore it from a backup, or remove it."
        )
    missing = [role for role in roles if role not in known]
    if missing:
        known |= {role: secrets.token_urlsafe(32) for role in missing}
        _replace(path, json.dumps(known, indent=1) + "\n")
    return {role: known[role] for role in roles}


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
