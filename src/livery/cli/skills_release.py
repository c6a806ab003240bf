"""`livery skills promote`, `rollback`, `channels`, `versions` and `diff`."""

from typing import Annotated

import typer

from livery.cli import look, release_views
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.refs import Ref, parse_ref
from livery.client import LiveryClient
from livery.client.release_documents import Moved

Key = Annotated[str, typer.Argument(metavar="KEY", help="The skill's key.")]
Reason = Annotated[str | None, typer.Option("--reason", "-r", help="Why; it is recorded.")]
Channel = Annotated[str, typer.Option(help="staging or production.")]


def promote_skill(
    ctx: typer.Context,
    ref: Ref,
    to: Annotated[str, typer.Option("--to", help="staging or production.")],
    reason: Reason = None,
    as_json: JsonFlag = False,
) -> None:
    """Point a channel at a certified version; says first who follows the channel.

    Example: livery skills promote my-skill@1.2.0 --to production
    """
    desk = desk_of(ctx)
    key, version = parse_ref(ref)

    async def work(client: LiveryClient) -> Moved:
        if not as_json:
            found = await client.impact(key, channel=to)
            desk.screen.show(*release_views.impact(found, f"{key} in {to}"))
        return await client.promote(key, version, to, reason)

    _show(ctx, desk.ask(work), as_json=as_json)


def roll_back_skill(
    ctx: typer.Context,
    key: Key,
    channel: Channel = "production",
    reason: Reason = None,
    as_json: JsonFlag = False,
) -> None:
    """Point a channel at the version before the present one that may still run.

    Example: livery skills rollback my-skill --channel production
    """
    desk = desk_of(ctx)
    _show(ctx, desk.ask(lambda client: client.roll_back(key, channel, reason)), as_json=as_json)


def _show(ctx: typer.Context, moved: Moved, *, as_json: bool) -> None:
    screen = desk_of(ctx).screen
    if as_json:
        screen.document(moved)
        return
    screen.show(look.mark(f"{moved['skill_key']}@{moved['version']}", moved["channel"]))
    if not moved["moved"]:
        screen.note("It was there already.")
    elif moved["previous"]:
        screen.note(
            f"Before: {moved['previous']}. Back: livery skills promote"
            f" {moved['skill_key']}@{moved['previous']} --to {moved['channel']}"
        )


def list_channels(
    ctx: typer.Context,
    key: Key,
    channel: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what the channels of a skill name, and every move of them.

    Example: livery skills channels my-skill
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_channels(key, channel=channel))
    if as_json:
        desk.screen.document(found)
        return
    if not found["items"]:
        desk.screen.note(f"No channel names a version: livery skills promote {key} --to staging")
        return
    desk.screen.show(look.facts(sorted(found["channels"].items())))
    desk.screen.show(release_views.moves(found["items"]))


def list_versions(ctx: typer.Context, key: Key, as_json: JsonFlag = False) -> None:
    """List the versions of a skill, newest first, with their channels and certificates.

    Example: livery skills versions my-skill
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_versions(key))
    if as_json:
        desk.screen.document({"items": found})
        return
    desk.screen.show(release_views.versions(found))


def show_difference(
    ctx: typer.Context,
    key: Key,
    old: Annotated[
        str | None, typer.Argument(help="From: production's by default, or the one before.")
    ] = None,
    new: Annotated[str | None, typer.Argument(help="To: the newest by default.")] = None,
    files: Annotated[bool, typer.Option("--files", help="Show text files line by line.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Say what differs between two versions, before you promote one.

    Example: livery skills diff my-skill 1.1.0 1.2.0 --files
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.difference(key, old, new, files=files))
    if as_json:
        desk.screen.document(found)
        return
    desk.screen.show(*release_views.difference(found))


def register(app: typer.Typer) -> None:
    """Add the commands to `livery skills`."""
    app.command("versions")(list_versions)
    app.command("diff")(show_difference)
    app.command("promote")(promote_skill)
    app.command("rollback")(roll_back_skill)
    app.command("channels")(list_channels)
