"""`livery skills impact`, `deprecate`, `revoke`, `delete` and `restore`."""

from enum import StrEnum
from typing import Annotated

import typer

from livery.cli import look, release_views
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.refs import Ref, parse_ref
from livery.cli.text import line
from livery.client import LiveryClient
from livery.client.release_documents import Retired


class InFlight(StrEnum):
    """What becomes of calls that run."""

    FINISH = "finish"
    WITHHOLD = "withhold"


def show_impact(ctx: typer.Context, ref: Ref, as_json: JsonFlag = False) -> None:
    """Say who uses a skill, or one version of it: roles, agent types, hired agents, bindings.

    Example: livery skills impact my-skill@1.2.0
    """
    desk = desk_of(ctx)
    key, version = parse_ref(ref)
    found = desk.ask(lambda client: client.impact(key, version))
    if as_json:
        desk.screen.document(found)
        return
    desk.screen.show(*release_views.impact(found, ref))


def deprecate_skill(
    ctx: typer.Context,
    ref: Ref,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Why; it is kept.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Offer a version no longer: what holds it goes on, nothing new takes it up.

    Example: livery skills deprecate my-skill@1.1.0 --reason "use 1.2.0"
    """
    desk = desk_of(ctx)
    key, version = parse_ref(ref)

    async def work(client: LiveryClient) -> Retired:
        if not as_json:
            await _before(desk, client, key, version)
        return await client.deprecate_skill(key, version, reason)

    _show(desk, desk.ask(work), as_json=as_json)


def revoke_skill(
    ctx: typer.Context,
    ref: Ref,
    version: Annotated[
        str | None, typer.Argument(help="The version, where it is not in KEY@VERSION.")
    ] = None,
    *,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")],
    in_flight: Annotated[
        InFlight, typer.Option(help="Calls that run finish, or their answer is withheld.")
    ] = InFlight.FINISH,
    as_json: JsonFlag = False,
) -> None:
    """Revoke a version: its next call is refused, everywhere; says first who uses it.

    Example: livery skills revoke my-skill@1.0.0 --reason "wrong totals"
    """
    desk = desk_of(ctx)
    key, chosen = parse_ref(ref, version)

    async def work(client: LiveryClient) -> Retired:
        if not as_json:
            await _before(desk, client, key, chosen)
        return await client.revoke_skill(key, chosen, reason, in_flight=in_flight.value)

    _show(desk, desk.ask(work), as_json=as_json)


def delete_skill(ctx: typer.Context, ref: Ref, as_json: JsonFlag = False) -> None:
    """Delete a version, or a whole skill, if nothing ever used it.

    Example: livery skills delete my-skill@0.1.0
    """
    desk = desk_of(ctx)
    key, version = parse_ref(ref)
    found = desk.ask(lambda client: client.delete_skill(key, version))
    if as_json:
        desk.screen.document(found)
        return
    for gone in found["deleted"]:
        desk.screen.show(look.mark(f"{found['skill_key']}@{gone['version']}", "deleted"))


def restore_skill(ctx: typer.Context, ref: Ref, as_json: JsonFlag = False) -> None:
    """Put certified code back that was changed on the platform's machine: of one version, or of all.

    It comes from the package that was registered, verified by its digest. The next call runs; nothing is restarted.

    Example: livery skills restore my-skill
    """
    desk = desk_of(ctx)
    key, version = parse_ref(ref)
    found = desk.ask(lambda client: client.restore_skill(key, version))
    if as_json:
        desk.screen.document(found)
        return
    for item in found["versions"]:
        desk.screen.show(look.mark(f"{found['skill_key']}@{item['version']}", item["state"]))
        if item["found"]:
            desk.screen.show(look.indented(line(item["found"], look.SOFT)))


async def _before(desk: Desk, client: LiveryClient, key: str, version: str | None) -> None:
    """Say who uses the version, before anything is done to it."""
    chosen = version or (await client.get_skill(key))["version"]
    found = await client.impact(key, chosen)
    desk.screen.show(*release_views.impact(found, f"{key}@{chosen}"))


def _show(desk: Desk, done: Retired, *, as_json: bool) -> None:
    if as_json:
        desk.screen.document(done)
        return
    changed = done["changed"]
    desk.screen.show(look.mark(f"{done['skill_key']}@{changed['version']}", changed["status"]))


def register(app: typer.Typer) -> None:
    """Add the commands to `livery skills`."""
    app.command("impact")(show_impact)
    app.command("deprecate")(deprecate_skill)
    app.command("revoke")(revoke_skill)
    app.command("delete")(delete_skill)
    app.command("restore")(restore_skill)
