"""`livery skills suppress`: somebody answers for a finding."""

from typing import Annotated

import typer

from livery.cli import look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.refs import Ref, parse_ref
from livery.cli.text import line
from livery.client import LiveryClient
from livery.client.documents import Suppression


def suppress(
    ctx: typer.Context,
    ref: Ref,
    fingerprint: Annotated[
        str | None, typer.Argument(help="Of the finding; without it, show what is suppressed.")
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why it does not count: evidence, 10 or more.")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Answer for a finding of a version, as somebody other than its author; the reason becomes evidence.

    Example: livery skills suppress post@1.2.0 6ec74950795d914a3ba8127b --reason "Quoted as a warning."
    """
    desk = desk_of(ctx)

    async def work(client: LiveryClient) -> list[Suppression]:
        key, version = parse_ref(ref)
        wanted = version or (await client.get_skill(key))["version"]
        if fingerprint is None:
            return await client.list_suppressions(key, wanted)
        return [await client.suppress(key, wanted, fingerprint, reason)]

    found = desk.ask(work)
    if as_json:
        desk.screen.document(found[0] if fingerprint is not None else {"items": found})
        return
    if not found:
        desk.screen.note("Nothing is suppressed.")
        return
    table = look.listing(["Version", "Finding", "By", "Reason"], keep=["Finding"])
    for item in found:
        table.add_row(
            line(f"{item['skill_key']}@{item['version']}", "bold"),
            line(item["fingerprint"]),
            line(item["by"]),
            line(item["reason"], limit=200),
        )
    desk.screen.show(table)
    if fingerprint is not None:
        desk.screen.note(f"Next: livery skills certify {found[0]['skill_key']}")
