"""`livery approvals standing`: many sendings to one target, approved at once; and the targets themselves."""

from typing import Annotated

import typer

from livery.cli import look
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.text import line, moment
from livery.client.approval_documents import StandingApproval

Workspace = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its slug or id.")]
Target = Annotated[str, typer.Argument(metavar="HOST", help="host or host:port.")]


def list_targets(ctx: typer.Context, workspace: Workspace, as_json: JsonFlag = False) -> None:
    """List the targets that standing approvals of a workspace may send to.

    Example: livery workspaces targets list acme
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_targets(workspace))
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note(f"None. livery workspaces targets add {workspace} hooks.example.com")
        return
    table = look.listing(["Target", "By", "Since (UTC)", "Note"], keep=["Target"])
    for item in found:
        table.add_row(
            line(item["target"], "bold"),
            line(item["registered_by"]),
            line(moment(item["registered_at"])),
            line(item["note"] or "–"),
        )
    desk.screen.show(table)


def add_target(
    ctx: typer.Context,
    workspace: Workspace,
    target: Target,
    note: Annotated[str, typer.Option(help="What is there.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Register a target. It admits nothing by itself: a standing approval may name it.

    Example: livery workspaces targets add acme hooks.example.com --note "their orders"
    """
    desk = desk_of(ctx)
    made = desk.ask(lambda client: client.register_target(workspace, target, note))
    if as_json:
        desk.screen.document(made)
        return
    desk.screen.show(look.mark(made["target"], "registered"))
    desk.screen.note(f"Next: livery approvals standing grant SKILL {made['target']} --runs 10")


def remove_target(ctx: typer.Context, workspace: Workspace, target: Target) -> None:
    """Remove a target: the standing approvals for it are revoked in the same moment.

    Example: livery workspaces targets remove acme hooks.example.com
    """
    desk = desk_of(ctx)
    desk.ask(lambda client: client.remove_target(workspace, target))
    desk.screen.note("Removed. What was approved for it once for all is revoked.")


def list_standing(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the standing approvals, newest first.

    Example: livery approvals standing list
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_standing_approvals())
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note("None. livery approvals standing grant SKILL HOST --runs 10 makes one.")
        return
    columns = ["Approval", "Skill", "Where to", "For", "Used", "Until (UTC)", "State"]
    table = look.listing(columns, keep=["Approval", "State"])
    for item in found:
        table.add_row(
            line(item["approval_id"], "bold"),
            line(f"{item['skill_key']}@{item['version']}"),
            line(item["target"]),
            line(item["agent"] or item["workspace"]),
            line(f"{item['used']} of {item['runs']}"),
            line(moment(item["expires_at"])),
            look.state(item["state"]),
        )
    desk.screen.show(table)


def show_standing(
    ctx: typer.Context,
    approval: Annotated[str, typer.Argument(metavar="APPROVAL", help="STA-…")],
    as_json: JsonFlag = False,
) -> None:
    """Show a standing approval: what it admits, how much is left, until when.

    Example: livery approvals standing show STA-0123456789abcdef0123
    """
    desk = desk_of(ctx)
    _say(desk, desk.ask(lambda client: client.get_standing_approval(approval)), as_json)


def grant_standing(
    ctx: typer.Context,
    skill: Annotated[str, typer.Argument(metavar="SKILL", help="Its key; it only sends.")],
    target: Target,
    runs: Annotated[int, typer.Option("--runs", "-n", min=1, help="So many calls.")],
    days: Annotated[float, typer.Option(help="Within so many days.")] = 1.0,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="Its slug or id.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="The one that runs now by default.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="The id of a hired agent; else for callers that are none.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve so many sendings of a skill to one registered target at once, whatever they say.

    Example: livery approvals standing grant webhook-send hooks.example.com --runs 10 --days 7
    """
    desk = desk_of(ctx)
    made = desk.ask(
        lambda client: client.grant_standing_approval(
            skill,
            target,
            runs,
            workspace=workspace,
            version=version,
            hired_agent_id=agent,
            expires_in_days=days,
        )
    )
    _say(desk, made, as_json)


def revoke_standing(
    ctx: typer.Context,
    approval: Annotated[str, typer.Argument(metavar="APPROVAL", help="STA-…")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")],
    as_json: JsonFlag = False,
) -> None:
    """Take back what is left of a standing approval: the next call asks.

    Example: livery approvals standing revoke STA-0123456789abcdef0123 --reason "the season is over"
    """
    desk = desk_of(ctx)
    _say(desk, desk.ask(lambda client: client.revoke_standing_approval(approval, reason)), as_json)


def _say(desk: Desk, found: StandingApproval, as_json: bool) -> None:
    if as_json:
        desk.screen.document(found)
        return
    desk.screen.show(
        look.mark(found["approval_id"], found["state"]),
        look.facts(
            [
                ("Admits", f"{found['action']} by {found['skill_key']}@{found['version']}"),
                ("Where to", found["target"]),
                ("For", found["agent"] or "callers that are no agent"),
                ("Workspace", found["workspace"]),
                ("Used", f"{found['used']} of {found['runs']}"),
                ("Until", moment(found["expires_at"]) + " UTC"),
                ("Granted by", found["granted_by"]),
                ("Revoked by", found["revoked_by"]),
                ("Reason", found["reason"]),
                ("Digest", found["digest"]),
                ("Policy", found["policy_hash"]),
            ]
        ),
    )


def commands() -> typer.Typer:
    """The group `livery approvals standing`."""
    app = typer.Typer(
        help="Many sendings to one registered target, approved at once.", no_args_is_help=True
    )
    app.command("list")(list_standing)
    app.command("show")(show_standing)
    app.command("grant")(grant_standing)
    app.command("revoke")(revoke_standing)
    return app


def target_commands() -> typer.Typer:
    """The group `livery workspaces targets`."""
    app = typer.Typer(help="Where standing approvals may send to.", no_args_is_help=True)
    app.command("list")(list_targets)
    app.command("add")(add_target)
    app.command("remove")(remove_target)
    return app
