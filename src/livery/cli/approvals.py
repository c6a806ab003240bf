"""`livery approvals`: what waits for a person, and the person's word."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.json import JSON
from rich.text import Text

from livery.cli import look, standing
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import line, moment
from livery.client.approval_documents import Approval

Id = Annotated[str, typer.Argument(metavar="APPROVAL", help="APR-…")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded.")]


def list_all(
    ctx: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(help="requested, granted, denied, expired, consumed or revoked."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List approvals, newest first.

    Example: livery approvals list --state requested
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_approvals(state=state, limit=limit))
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note("No approvals. A skill with an effect asks for one when it is called.")
        return
    columns = ["Approval", "Skill", "Would", "Where to", "Asked by", "Until (UTC)", "State"]
    table = look.listing(columns, keep=["Approval", "State"])
    for item in found:
        table.add_row(
            line(item["approval_id"], "bold"),
            line(item["skill_key"]),
            line(item["action"]),
            line(item["target"] or "–"),
            line(item["agent"] or item["requested_by"]),
            line(moment(item["expires_at"])),
            look.state(item["state"]),
        )
    desk.screen.show(table)


def show(ctx: typer.Context, approval: Id, as_json: JsonFlag = False) -> None:
    """Show what would be done: skill, target, input, who asks, until when.

    Example: livery approvals show APR-0123456789abcdef0123
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.get_approval(approval))
    if as_json:
        desk.screen.document(found)
        return
    badge = f"{found['skill_key']}@{found['version'] or '?'}"
    desk.screen.show(look.mark(badge, found["state"]), Text(), *described(found))


def grant(
    ctx: typer.Context,
    approval: Id,
    always: Annotated[
        bool, typer.Option("--always-allow", help="Grant its code from now on besides.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Grant a request: the same call runs, once. An effect asks again each time, whatever was granted.

    Example: livery approvals grant APR-0123456789abcdef0123
    """
    desk = desk_of(ctx)
    decision = "always_allow" if always else "run_once"
    done = desk.ask(lambda client: client.grant_approval(approval, decision))
    _say(desk, done, "It may be used once, with --approval, until then:", as_json)


def deny(
    ctx: typer.Context,
    approval: Id,
    remember: Annotated[
        bool, typer.Option("--remember", help="Deny this code from now on, without asking.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", "-r", help="Why; it is recorded.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Deny a request.

    Example: livery approvals deny APR-0123456789abcdef0123 --reason "wrong receiver"
    """
    desk = desk_of(ctx)
    done = desk.ask(lambda client: client.deny_approval(approval, remember=remember, reason=reason))
    _say(desk, done, "What waited for it is denied.", as_json)


def revoke(ctx: typer.Context, approval: Id, reason: Reason, as_json: JsonFlag = False) -> None:
    """Take back what was granted and not used yet.

    Example: livery approvals revoke APR-0123456789abcdef0123 --reason "second thoughts"
    """
    desk = desk_of(ctx)
    done = desk.ask(lambda client: client.revoke_approval(approval, reason))
    _say(desk, done, "What waited for it is denied.", as_json)


def list_code(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the code that is allowed or denied once for all.

    Example: livery approvals code
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_code_grants())
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note("None. livery approvals grant APR-… --always-allow makes one.")
        return
    table = look.listing(
        ["Grant", "Skill", "Decision", "By", "Since (UTC)", "Code"], keep=["Grant"]
    )
    for item in found:
        table.add_row(
            line(item["grant_id"]),
            line(item["skill_key"], "bold"),
            line(item["decision"], look.BAD if item["decision"] == "deny" else look.GOOD),
            line(item["decided_by"]),
            line(moment(item["decided_at"])),
            line(item["security_hash"][:19], look.SOFT),
        )
    desk.screen.show(table)


def forget(ctx: typer.Context, grant_id: Annotated[str, typer.Argument(metavar="GRANT")]) -> None:
    """Forget a grant of code, or a denial that was remembered: the next call asks again.

    Example: livery approvals forget 0197f3a2-0000-7000-8000-000000000001
    """
    desk = desk_of(ctx)
    desk.ask(lambda client: client.revoke_code_grant(grant_id))
    desk.screen.note("Forgotten.")


def described(found: Approval) -> list[RenderableType]:
    """What would be done, for people."""
    facts = look.facts(
        [
            ("Would", found["action"]),
            ("Where to", found["target"] or None),
            ("For", found["agent"] or None),
            ("Workspace", found["workspace"]),
            ("Asked by", found["requested_by"]),
            ("Decided by", found["decided_by"]),
            ("Decision", found["decision"]),
            ("Reason", found["reason"]),
            ("Until", moment(found["expires_at"]) + " UTC"),
            ("Run", found["run_id"]),
            ("Digest", found["digest"]),
            ("Arguments", found["args_hash"]),
            ("Policy", found["policy_hash"]),
            ("Approval", found["approval_id"]),
        ]
    )
    parts: list[RenderableType] = [facts]
    if found["input"] is not None:
        shown = JSON.from_data(found["input"], ensure_ascii=True)
        parts += [Text(), Text("Input", style="bold"), look.indented(shown)]
    return parts


def set_workspace(
    ctx: typer.Context,
    workspace: Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its slug or id.")],
    four_eyes: Annotated[
        bool | None,
        typer.Option("--four-eyes/--no-four-eyes", help="Nobody approves what they started."),
    ] = None,
    delegated: Annotated[
        bool | None,
        typer.Option("--delegate/--no-delegate", help="Operators may approve; its admin says so."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say who may approve in a workspace.

    Example: livery workspaces set acme --four-eyes
    """
    if four_eyes is None and delegated is None:
        raise UsageError("Say what is to change.", "--four-eyes, --delegate")
    desk = desk_of(ctx)
    done = desk.ask(
        lambda client: client.set_workspace(
            workspace, four_eyes=four_eyes, delegated_approval=delegated
        )
    )
    if as_json:
        desk.screen.document(done)
        return
    desk.screen.show(
        look.facts(
            [
                ("Workspace", done["slug"]),
                ("Four eyes", "on" if done.get("four_eyes") else "off"),
                ("Operators approve", "yes" if done.get("delegated_approval") else "no"),
            ]
        )
    )


def cancel(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run that waits.")],
    as_json: JsonFlag = False,
) -> None:
    """Cancel a run that waits for its approval, or to be started.

    Example: livery runs cancel 0197f3a2-0000-7000-8000-000000000001
    """
    desk = desk_of(ctx)
    done = desk.ask(lambda client: client.cancel_run(run))
    if as_json:
        desk.screen.document(done)
    else:
        desk.screen.note(f"{done['run_id']} is {done['status']}.")


def _say(desk: Desk, done: Approval, text: str, as_json: bool) -> None:
    if as_json:
        desk.screen.document(done)
        return
    desk.screen.show(look.mark(done["approval_id"], done["state"]))
    until = f" {moment(done['expires_at'])} UTC" if done["state"] == "granted" else ""
    desk.screen.note(text + until)


def commands() -> typer.Typer:
    """The group `livery approvals`."""
    app = typer.Typer(help="What waits for a person, and their word.", no_args_is_help=True)
    app.command("list")(list_all)
    app.command("show")(show)
    app.command("grant")(grant)
    app.command("deny")(deny)
    app.command("revoke")(revoke)
    app.command("code")(list_code)
    app.command("forget")(forget)
    app.add_typer(standing.commands(), name="standing")
    return app
