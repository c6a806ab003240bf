"""`livery skills`: the catalog and certification."""

from typing import Annotated

import typer

from livery.cli import (
    load_notes,
    look,
    skill_views,
    skills_add,
    skills_certify,
    skills_export,
    skills_release,
    skills_retire,
    skills_sign_off,
    skills_suppress,
)
from livery.cli.desk import JsonFlag, desk_of

Key = Annotated[str, typer.Argument(metavar="KEY", help="The skill's key.")]


def list_skills(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="For example: certified.")] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this owner's.")] = None,
    query: Annotated[
        str | None, typer.Option("-q", "--query", help="Words to find, or how a key begins.")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Only what this workspace owns.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the skills; a workspace's own are named WORKSPACE:KEY.

    Example: livery skills list --status certified
    """
    desk = desk_of(ctx)
    skills, notes = desk.ask(
        lambda client: load_notes.beside(
            client,
            client.list_skills(
                status=status, category=category, owner=owner, q=query, workspace=workspace
            ),
        )
    )
    if as_json:
        desk.screen.document({"items": skills, **load_notes.document(notes, desk.home)})
        return
    if not skills:
        desk.screen.note("No skills. Write one: livery new skill my-skill")
        return
    columns = ["Skill", "Version", "Status", "Certificate", "Category", "What it does"]
    table = look.listing(columns, keep=["Skill"])
    for skill in skills:
        table.add_row(*skill_views.row(skill))
    desk.screen.show(table, *load_notes.shown(notes, skills, desk.home))


def show_skill(ctx: typer.Context, key: Key, as_json: JsonFlag = False) -> None:
    """Show a skill: contract, capabilities, versions, certificate.

    Example: livery skills show add
    """
    desk = desk_of(ctx)
    skill = desk.ask(lambda client: client.get_skill(key))
    if as_json:
        desk.screen.document(skill)
        return
    desk.screen.show(*skill_views.detail(skill))


def commands() -> typer.Typer:
    """The group `livery skills`."""
    app = typer.Typer(help="The catalog: add, certify, revoke skills.", no_args_is_help=True)
    app.command("list")(list_skills)
    app.command("show")(show_skill)
    app.command("add")(skills_add.add_skill)
    app.command("export")(skills_export.export_skill)
    skills_certify.register(app)
    app.command("sign-off")(skills_sign_off.sign_off)
    app.command("suppress")(skills_suppress.suppress)
    skills_release.register(app)
    skills_retire.register(app)
    return app
