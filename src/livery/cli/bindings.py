"""`livery bindings`: what fills the slots of a workspace."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from livery.cli import look
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import line, moment
from livery.client.documents import Binding, BindingDetail, BindingMove

Slot = Annotated[str, typer.Argument(metavar="SLOT", help="Such as weekly_digest.main.")]
Workspace = Annotated[
    str | None, typer.Option("--workspace", "-w", help="The workspace; yours, or default.")
]


def list_bindings(
    ctx: typer.Context, workspace: Workspace = None, as_json: JsonFlag = False
) -> None:
    """List what is bound, in all workspaces that you see or in one.

    Example: livery bindings list --workspace acme
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_bindings(workspace))
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note(
            "Nothing is bound. Bind a slot: livery bindings set weekly_digest.main"
            " weekly-digest --channel production"
        )
        return
    table = look.listing(["Slot", "Workspace", "Bound to", "Now", "Status"], keep=["Slot"])
    for item in found:
        table.add_row(
            line(item["slot"], "bold"),
            line(item["workspace"]),
            line(_target(item)),
            line(item["resolved_version"] or "–"),
            look.state(item["status"]),
        )
    desk.screen.show(table)


def show_binding(
    ctx: typer.Context, slot: Slot, workspace: Workspace = None, as_json: JsonFlag = False
) -> None:
    """Show what fills a slot now, and its history.

    Example: livery bindings show weekly_digest.main
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.get_binding(slot, workspace))
    if as_json:
        desk.screen.document(found)
        return
    desk.screen.show(*_detail(found), Text(), _history(found))


def set_binding(
    ctx: typer.Context,
    slot: Slot,
    skill: Annotated[str, typer.Argument(metavar="SKILL[@VERSION]", help="A certified skill.")],
    channel: Annotated[
        str | None, typer.Option("--channel", help="Follow staging or production.")
    ] = None,
    workspace: Workspace = None,
    as_json: JsonFlag = False,
) -> None:
    """Fill a slot with a pinned version, or with what a channel names.

    Example: livery bindings set weekly_digest.main weekly-digest@1.1.0
    """
    key, _, version = skill.partition("@")
    if bool(version) == bool(channel):
        raise UsageError("Bind a version or a channel.", "SKILL@VERSION, or SKILL --channel NAME.")
    desk = desk_of(ctx)
    done = desk.ask(
        lambda client: client.set_binding(
            slot, key, version=version or None, channel=channel, workspace=workspace
        )
    )
    _answer(desk, done, as_json)


def roll_back(
    ctx: typer.Context, slot: Slot, workspace: Workspace = None, as_json: JsonFlag = False
) -> None:
    """Fill a slot with what it held before; again goes one step further back.

    Example: livery bindings rollback weekly_digest.main
    """
    desk = desk_of(ctx)
    _answer(desk, desk.ask(lambda client: client.roll_back_binding(slot, workspace)), as_json)


def remove(
    ctx: typer.Context, slot: Slot, workspace: Workspace = None, as_json: JsonFlag = False
) -> None:
    """Leave a slot empty.

    Example: livery bindings remove weekly_digest.main
    """
    desk = desk_of(ctx)
    desk.ask(lambda client: client.remove_binding(slot, workspace))
    if as_json:
        desk.screen.document({"slot": slot, "removed": True})
    else:
        desk.screen.note(f"{slot} is empty.")


def _answer(desk: Desk, found: Binding, as_json: bool) -> None:
    if as_json:
        desk.screen.document(found)
    else:
        desk.screen.show(*_detail(found))


def _detail(found: Binding) -> list[RenderableType]:
    now = f"{found['skill_key']}@{found['resolved_version'] or '?'}"
    return [
        look.mark(now, found["status"]),
        Text(),
        look.facts(
            [
                ("Slot", found["slot"]),
                ("Workspace", found["workspace"]),
                ("Bound to", _target(found)),
                ("Reason", found["reason"]),
                ("By", found["bound_by"]),
                ("Since", moment(found["bound_at"]) + " UTC"),
            ]
        ),
    ]


def _history(found: BindingDetail) -> RenderableType:
    table = look.listing(["When (UTC)", "Step", "Skill", "By"], keep=["When (UTC)"])
    for move in found["history"]:
        table.add_row(
            Text(moment(move["moved_at"]), style=look.SOFT),
            line(move["kind"].replace("_", " ")),
            line(_target(move), "bold"),
            line(move["moved_by"]),
        )
    return table


def _target(item: Binding | BindingMove) -> str:
    if item["channel"]:
        return f"{item['skill_key']}, channel {item['channel']}"
    return f"{item['skill_key']}@{item['version']}"


def commands() -> typer.Typer:
    """The group `livery bindings`."""
    app = typer.Typer(help="What fills the slots of a workspace.", no_args_is_help=True)
    app.command("list")(list_bindings)
    app.command("show")(show_binding)
    app.command("set")(set_binding)
    app.command("rollback")(roll_back)
    app.command("remove")(remove)
    return app
