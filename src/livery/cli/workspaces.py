"""`livery workspaces`: the tenants."""

from typing import Annotated

import typer

from livery.cli import approvals, look, standing
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.text import line


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    slug: Annotated[str | None, typer.Option(help="Its short name; from NAME by default.")] = None,
    timezone: Annotated[str | None, typer.Option(help="An IANA name: Europe/Berlin.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a workspace.

    Example: livery workspaces create "Acme Ltd" --timezone Europe/Berlin
    """
    desk = desk_of(ctx)
    workspace = desk.ask(lambda client: client.create_workspace(name, slug=slug, timezone=timezone))
    if as_json:
        desk.screen.document(workspace)
    else:
        desk.screen.show(look.mark(workspace["slug"], "ready"))


def list_all(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the workspaces.

    Example: livery workspaces list
    """
    desk = desk_of(ctx)
    workspaces = desk.ask(lambda client: client.list_workspaces())
    if as_json:
        desk.screen.document({"items": workspaces})
        return
    if not workspaces:
        desk.screen.note('No workspaces. Make one: livery workspaces create "Acme Ltd"')
        return
    table = look.listing(["Workspace", "Name", "Timezone", "Id"], keep=["Id"])
    for found in workspaces:
        table.add_row(
            line(found["slug"], "bold"),
            line(found["name"]),
            line(found.get("timezone") or "UTC"),
            line(found.get("workspace_id") or found.get("id") or "–", look.SOFT),
        )
    desk.screen.show(table)


def commands() -> typer.Typer:
    """The group `livery workspaces`."""
    app = typer.Typer(help="Workspaces: the tenants.", no_args_is_help=True)
    app.command("create")(create)
    app.command("list")(list_all)
    app.command("set")(approvals.set_workspace)
    app.add_typer(standing.target_commands(), name="targets")
    return app
