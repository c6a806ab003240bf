"""`livery skills sign-off`: a second person's yes to a version."""

from typing import Annotated

import typer

from livery.cli import look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.refs import Ref, parse_ref
from livery.cli.text import line, moment
from livery.client import LiveryClient
from livery.client.documents import SignOff


def sign_off(
    ctx: typer.Context,
    ref: Ref,
    note: Annotated[
        str | None, typer.Option("--note", "-n", help="What was looked at; without it, show.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign a version off, as somebody other than its author; without --note show its sign-offs.

    Example: livery skills sign-off post@1.2.0 --note "Read the code and the fixtures."
    """
    desk = desk_of(ctx)

    async def work(client: LiveryClient) -> list[SignOff]:
        key, version = parse_ref(ref)
        wanted = version or (await client.get_skill(key))["version"]
        if note is None:
            return await client.list_sign_offs(key, wanted)
        return [await client.sign_off(key, wanted, note)]

    found = desk.ask(work)
    if as_json:
        desk.screen.document(found[0] if note is not None else {"items": found})
        return
    if not found:
        desk.screen.note('Nobody has signed it off. With --note "…" you do.')
        return
    table = look.listing(["Version", "Approver", "At (UTC)", "Note"], keep=["Approver"])
    for item in found:
        table.add_row(
            line(f"{item['skill_key']}@{item['version']}", "bold"),
            line(item["approver"]),
            line(moment(item["signed_at"])),
            line(item["note"], limit=200),
        )
    desk.screen.show(table)
    if note is not None:
        desk.screen.note(f"Next: livery skills certify {found[0]['skill_key']}")
