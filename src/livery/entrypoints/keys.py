"""`livery keys`: the keys that sign. They lie in this home, so this is no matter of the API."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from uuid_utils.compat import uuid7

from livery.cli import look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.screen import Screen
from livery.cli.text import line, moment
from livery.entrypoints.settings import Settings
from livery.integrations.signing import SigningKeys
from livery.manifest.errors import LiveryError
from livery.services import PLATFORM
from livery.services.audit.types import Entry


def list_keys(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the signing keys of this home: the one that signs, those that verify, those that were retired.

    Example: livery keys list
    """
    _show(desk_of(ctx).screen, _keys(), as_json=as_json)


def rotate(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Sign with a new key from now on. What the old one signed stays valid; its private half is deleted.

    Example: livery keys rotate
    """
    keys = _keys()
    former = keys.active()[0]

    def change() -> Entry:
        made = keys.rotate()
        return Entry("key.rotated", PLATFORM, made, {"former": former, "by": _me()})

    keyid = _apply(change)
    screen = desk_of(ctx).screen
    if as_json:
        screen.document({"active": keyid, "former": former})
        return
    screen.note(f"{keyid[:16]} signs from now on, in every process; {former[:16]} still verifies.")


def retire(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEYID", help="Its first characters are enough.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")],
    as_json: JsonFlag = False,
) -> None:
    """Let the certificates of a former key count no more: what it certified is refused until certified again.

    Example: livery keys retire 3f9c --reason "It was on a stolen disk."
    """
    keys = _keys()
    if not reason.strip():
        raise LiveryError("validation_error", "A retirement states its reason.")
    keyid = _named(keys, key)

    def change() -> Entry:
        keys.retire(keyid, reason.strip(), _me(), datetime.now(UTC))
        # Recorded also where it was so before: an earlier try may have broken off in between.
        return Entry("key.retired", PLATFORM, keyid, {"reason": reason.strip(), "by": _me()})

    _apply(change)
    screen = desk_of(ctx).screen
    if as_json:
        screen.document({"key_id": keyid, "state": "retired", "reason": keys.retired()[keyid]})
        return
    screen.note(
        f"Certificates of {keyid[:16]} count no more. Next: livery skills list, and certify what is to run."
    )


def _keys() -> SigningKeys:
    settings = Settings.read()
    settings.prepare()
    return SigningKeys.load_or_create(settings.keys_dir / "signing")


def _named(keys: SigningKeys, key: str) -> str:
    found = [keyid for keyid in keys.public_keys() if key and keyid.startswith(key.lower())]
    if len(found) != 1:
        many = f"{len(found)} keys begin" if found else "No key begins"
        raise LiveryError("not_found", f"{many} with {key[:64]!r}.", remedy="livery keys list")
    return found[0]


def _me() -> str:
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):  # no such user in this container
        return f"local:{os.getuid()}"


def _apply(change: Callable[[], Entry]) -> str:
    from livery.entrypoints.databases import open_databases

    async def work() -> str:
        async with open_databases(Settings.read()) as urls:
            return await apply(urls.api, change)

    return asyncio.run(work())


async def apply(dsn: str, change: Callable[[], Entry]) -> str:
    """Change the keys, put it on the record and end the epoch; returns the key that it is about.

    Every process compiles its decisions anew, by the keys of now. Nothing is changed where the record is not reached.
    """
    from livery.storage.database import Database

    database = await Database.open(dsn, uuid7(), size=1)
    try:
        async with database.write([]) as tx:
            entry = change()
            await tx.bump()
            await tx.append(entry)
    finally:
        await database.close()
    return entry.subject_id


def _show(screen: Screen, keys: SigningKeys, *, as_json: bool) -> None:
    items: list[dict[str, Any]] = [
        {name: value for name, value in found.items() if value is not None}
        for found in keys.overview()
    ]
    if as_json:
        screen.document({"items": items})
        return
    table = look.listing(["Key", "State", "Since (UTC)", "Reason"], keep=["Key"])
    for item in items:
        table.add_row(
            line(item["key_id"]),
            look.state(item["state"]),
            line(moment(item["created_at"])),
            line(item.get("reason") or "–", look.SOFT, limit=120),
        )
    screen.show(table)


def commands() -> typer.Typer:
    """The group `livery keys`."""
    app = typer.Typer(help="The keys that sign certificates and proofs.", no_args_is_help=True)
    app.command("list")(list_keys)
    app.command("rotate")(rotate)
    app.command("retire")(retire)
    return app
