"""`livery job-roles`: compose certified skills into roles."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from livery.cli import look
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import line, moment
from livery.client.documents import JobRole, JobRoleDetail, JobRoleVersion, Standing

Key = Annotated[str, typer.Argument(metavar="ROLE", help="The role's key.")]
KeyAt = Annotated[str, typer.Argument(metavar="ROLE[@N]", help="The role's key, and a version.")]
Skills = Annotated[
    list[str] | None,
    typer.Option("--skill", "-s", metavar="KEY[@VERSION]", help="A certified skill; repeat it."),
]


def list_roles(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="For example: certified.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the job roles.

    Example: livery job-roles list --status certified
    """
    desk = desk_of(ctx)
    roles = desk.ask(lambda client: client.list_job_roles(status=status))
    if as_json:
        desk.screen.document({"items": roles})
        return
    if not roles:
        desk.screen.note(
            'No job roles. Compose one: livery job-roles create "Weekly analyst"'
            ' -d "Reads the week." -s weekly-digest'
        )
        return
    table = look.listing(["Role", "Version", "Status", "In force", "Skills"], keep=["Role"])
    for role in roles:
        table.add_row(
            line(role["role_key"], "bold"),
            line(role["version"]),
            look.state("degraded" if role["degraded_by"] else role["status"]),
            line(role["certified_version"] or "–"),
            line(_skills(role["skills"])),
        )
    desk.screen.show(table)


def show_role(ctx: typer.Context, key: Key, as_json: JsonFlag = False) -> None:
    """Show a job role: its versions, and how their skills stand now.

    Example: livery job-roles show weekly-analyst
    """
    desk = desk_of(ctx)
    _answer(desk, desk.ask(lambda client: client.get_job_role(key)), as_json)


def create_role(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    description: Annotated[str, typer.Option("--description", "-d", help="What it does.")],
    skills: Skills = None,
    key: Annotated[str | None, typer.Option("--key", help="Its key; made from the name.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compose a job role of certified skills.

    Example: livery job-roles create "Weekly analyst" -d "Reads the week." -s weekly-digest
    """
    if not skills:
        raise UsageError("A job role needs skills.", "Name each with -s KEY or -s KEY@VERSION.")
    desk = desk_of(ctx)
    made = desk.ask(lambda client: client.create_job_role(name, description, skills, role_key=key))
    _answer(desk, made, as_json, f"Next: livery job-roles certify {made['role_key']}")


def edit_role(
    ctx: typer.Context,
    key: Key,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", "-d", help="Another description.")
    ] = None,
    skills: Skills = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a new version of a job role; with -s its skills are those and no others.

    Example: livery job-roles edit weekly-analyst -s weekly-digest@1.1.0 -s add
    """
    if name is None and description is None and not skills:
        raise UsageError("Nothing is changed.", "Give --name, --description or -s.")
    desk = desk_of(ctx)
    made = desk.ask(
        lambda client: client.edit_job_role(
            key, name=name, description=description, skills=skills or None
        )
    )
    _answer(desk, made, as_json, f"Next: livery job-roles certify {made['role_key']}")


def certify_role(ctx: typer.Context, key: KeyAt, as_json: JsonFlag = False) -> None:
    """Certify a job role, the newest version by default; repeating it answers the same.

    Example: livery job-roles certify weekly-analyst
    """
    desk = desk_of(ctx)
    role, version = _at(key)
    _answer(desk, desk.ask(lambda client: client.certify_job_role(role, version)), as_json)


def revoke_role(
    ctx: typer.Context,
    key: KeyAt,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")],
    as_json: JsonFlag = False,
) -> None:
    """Revoke a certified version of a job role, by default the one in force.

    Example: livery job-roles revoke weekly-analyst@1 --reason "replaced"
    """
    desk = desk_of(ctx)
    role, version = _at(key)
    _answer(desk, desk.ask(lambda client: client.revoke_job_role(role, reason, version)), as_json)


def _at(key: str) -> tuple[str, int | None]:
    role, separator, version = key.partition("@")
    if not separator:
        return role, None
    if not version.isascii() or not version.isdigit():
        raise UsageError(f"{version!r} is no version of a role.", "Versions are 1, 2, 3 …")
    return role, int(version)


def _answer(desk: Desk, role: JobRoleDetail, as_json: bool, following: str | None = None) -> None:
    if as_json:
        desk.screen.document(role)
        return
    desk.screen.show(*_detail(role))
    if following:
        desk.screen.note(following)


def _detail(role: JobRoleDetail) -> list[RenderableType]:
    parts: list[RenderableType] = [
        look.mark(_badge(role), "degraded" if role["degraded_by"] else role["status"]),
        Text(),
        look.facts(
            [
                ("Name", role["name"]),
                ("Does", role["description"]),
                ("In force", role["certified_version"] or "no version is certified"),
                *[("Degraded by", _stands(item)) for item in role["degraded_by"]],
                ("By", role["created_by"]),
                ("Certified by", role["certified_by"]),
                ("Reason", role["reason"]),
            ]
        ),
        Text(),
    ]
    table = look.listing(["Version", "Status", "Made (UTC)", "Skills"], keep=["Version"])
    for version in role["versions"]:
        table.add_row(*_row(version))
    return [*parts, table]


def _row(version: JobRoleVersion) -> tuple[Text, ...]:
    return (
        line(version["version"], "bold"),
        look.state("degraded" if version["degraded_by"] else version["status"]),
        Text(moment(version["created_at"]), style=look.SOFT),
        line(_skills(version["skills"])),
    )


def _badge(role: JobRole) -> str:
    return f"{role['role_key']}@{role['version']}"


def _skills(skills: list[Standing]) -> str:
    return ", ".join(
        f"{skill['skill_key']}@{skill['version']}"
        + ("" if skill["status"] == "certified" else f" ({skill['status']})")
        for skill in skills
    )


def _stands(skill: Standing) -> str:
    why = f": {skill['reason']}" if skill["reason"] else ""
    return f"{skill['skill_key']}@{skill['version']} is {skill['status']}{why}"


def commands() -> typer.Typer:
    """The group `livery job-roles`."""
    app = typer.Typer(help="Job roles, composed of certified skills.", no_args_is_help=True)
    app.command("list")(list_roles)
    app.command("show")(show_role)
    app.command("create")(create_role)
    app.command("edit")(edit_role)
    app.command("certify")(certify_role)
    app.command("revoke")(revoke_role)
    return app
