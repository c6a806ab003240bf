"""`livery kill-switch`, `livery agents pause|resume`, `livery effects`, `livery runs resolve`: stop, let go, settle."""

import json
from typing import Annotated, Any

import typer

from livery.cli import look
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import line, moment

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is recorded and shown.")]
Scope = Annotated[str, typer.Argument(metavar="SCOPE", help="all, workspace or agent.")]
Target = Annotated[str | None, typer.Argument(help="The workspace, or the agent's id or name.")]
Agent = Annotated[str, typer.Argument(metavar="AGENT", help="The hired agent's id or name.")]


def list_switches(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List what is stopped, and why.

    Example: livery kill-switch list
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_kill_switches())
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note("Nothing is stopped. To stop: livery kill-switch engage all --reason …")
        return
    table = look.listing(["Scope", "Target", "Reason", "By", "Since (UTC)"], keep=["Scope"])
    for item in found:
        table.add_row(
            line(item["scope"], "bold"),
            line(item["target"] or "everything"),
            line(item["reason"]),
            line(item["engaged_by"]),
            line(moment(item["engaged_at"])),
        )
    desk.screen.show(table)


def engage(
    ctx: typer.Context,
    scope: Scope,
    reason: Reason,
    target: Target = None,
    as_json: JsonFlag = False,
) -> None:
    """Stop an agent, a workspace or everything: the next call is refused, everywhere.

    Example: livery kill-switch engage agent "Resident analyst" --reason "wrong numbers"
    """
    desk = desk_of(ctx)
    _checked(scope, target)
    done = desk.ask(lambda client: client.engage_kill_switch(scope, reason, target))
    _say(desk, done, f"Stopped: {scope} {target or ''}".rstrip() + ".", as_json)


def release(
    ctx: typer.Context,
    scope: Scope,
    reason: Reason,
    target: Target = None,
    as_json: JsonFlag = False,
) -> None:
    """Let an agent, a workspace or everything run again.

    Example: livery kill-switch release all --reason "found and mended"
    """
    desk = desk_of(ctx)
    _checked(scope, target)
    done = desk.ask(lambda client: client.release_kill_switch(scope, reason, target))
    _say(desk, done, f"Runs again: {scope} {target or ''}".rstrip() + ".", as_json)


def pause(ctx: typer.Context, agent: Agent, reason: Reason, as_json: JsonFlag = False) -> None:
    """Pause a hired agent: its next call is refused.

    Example: livery agents pause "Resident analyst" --reason "holidays"
    """
    desk = desk_of(ctx)
    done = desk.ask(lambda client: client.pause_agent(agent, reason))
    _say(desk, done, f"{done['name']} is {done['status']}.", as_json)


def resume(ctx: typer.Context, agent: Agent, reason: Reason, as_json: JsonFlag = False) -> None:
    """Let a paused agent work again.

    Example: livery agents resume "Resident analyst" --reason "back"
    """
    desk = desk_of(ctx)
    done = desk.ask(lambda client: client.resume_agent(agent, reason))
    _say(desk, done, f"{done['name']} is {done['status']}.", as_json)


def list_effects(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Option("--run", help="Of one run.")] = None,
    state: Annotated[
        str | None, typer.Option(help="intended, sent, confirmed, failed or unknown.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List what runs did to the world outside.

    Example: livery effects --state unknown
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_effects(run_id=run, state=state))
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note("No effects.")
        return
    table = look.listing(["When (UTC)", "Action", "Target", "State", "Run"], keep=["When (UTC)"])
    for item in found:
        table.add_row(
            line(moment(item["at"])),
            line(item["action"]),
            line(item["target"]),
            look.state(item["state"]),
            line(item["run_id"]),
        )
    desk.screen.show(table)


def resolve(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The unknown run.")],
    outcome: Annotated[str, typer.Option(help="succeeded or failed.")],
    evidence: Annotated[str, typer.Option(help="What it is known from: words, or a JSON object.")],
    as_json: JsonFlag = False,
) -> None:
    """Settle an unknown run by what you found out; failed frees it to be made again.

    Example: livery runs resolve RUN --outcome succeeded --evidence "the receiver has order 7"
    """
    desk = desk_of(ctx)
    if outcome not in ("succeeded", "failed"):
        raise UsageError(f"{outcome} is no outcome.", "--outcome succeeded, or failed")
    known = _evidence(evidence)
    done = desk.ask(lambda client: client.resolve_run(run, outcome, known))
    _say(desk, done, f"{done['run_id']} is {done['status']}.", as_json)


def _evidence(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"note": text}


def _checked(scope: str, target: str | None) -> None:
    if scope not in ("all", "workspace", "agent"):
        raise UsageError(f"{scope} is no scope.", "all, workspace or agent")
    if scope == "agent" and not target:
        raise UsageError("Name the agent.", "livery kill-switch engage agent NAME --reason …")
    if scope == "all" and target:
        raise UsageError("`all` has no target.", "livery kill-switch engage all --reason …")


def _say(desk: Desk, done: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        desk.screen.document(done)
    else:
        desk.screen.note(text)


def commands() -> typer.Typer:
    """The group `livery kill-switch`."""
    app = typer.Typer(help="Stop an agent, a workspace or everything.", no_args_is_help=True)
    app.command("list")(list_switches)
    app.command("engage")(engage)
    app.command("release")(release)
    return app
