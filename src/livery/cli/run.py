"""`livery run`: execute a skill."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, cast

import typer
from rich.json import JSON
from rich.text import Text

from livery.cli import alerts, approval_prompt, exits, look
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.inputs import read_input
from livery.cli.screen import Screen
from livery.cli.text import money, text
from livery.client import LiveryClient, RunDenied
from livery.client.approval_documents import Approval
from livery.client.documents import Envelope

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def run(
    ctx: typer.Context,
    key: Annotated[str | None, typer.Argument(help="The skill to run.", metavar="[KEY]")] = None,
    *,
    binding: Annotated[
        str | None,
        typer.Option(
            "--binding", metavar="SLOT", help="Run what this slot is bound to, without KEY."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="JSON|@FILE", help="The input object; @- is stdin."),
    ] = None,
    pairs: Annotated[
        list[str] | None,
        typer.Option("-k", metavar="NAME=VALUE", help="One member of the input; repeat it."),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--as", metavar="AGENT", help="The hired agent to run as.")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="The workspace to run in.")
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="A version, pinned.")] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", help="A channel: staging or production.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop before any effect.")] = False,
    approval: Annotated[
        str | None, typer.Option("--approval", metavar="ID", help="An approval that was granted.")
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait-for-approval", help="Keep the run until its approval is decided."),
    ] = False,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", help="The same key answers the same, once done."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a skill under its contract and print the result.

    Example: livery run add --input '{"a": 2, "b": 3}'
    """
    if (key is None) == (binding is None):
        raise UsageError("Name a skill, or a slot with --binding.")
    desk = desk_of(ctx)
    given = read_input(source, pairs or [])

    async def work(client: LiveryClient, approval: str | None = approval) -> Envelope:
        return await client.run(
            key,
            given,
            binding=binding,
            version=version,
            channel=channel,
            hired_agent_id=await find_agent(client, agent) if agent else None,
            workspace=workspace,
            dry_run=dry_run,
            approval_id=approval,
            idempotency_key=idempotency_key,
            wait_for_approval=wait,
        )

    envelope = _decided(desk, work, prompt=not as_json and approval is None)
    if as_json:
        desk.screen.document(envelope)
    else:
        show_envelope(desk.screen, envelope)
    raise typer.Exit(exits.of_envelope(envelope))


def _decided(desk: Desk, work: Callable[..., Awaitable[Envelope]], *, prompt: bool) -> Envelope:
    """The envelope; where an approval is missing and a person is there, they are asked for it."""

    async def first(client: LiveryClient) -> Envelope | Approval:
        try:
            return await work(client)
        except RunDenied as denied:
            asked = denied.approval_request_id
            if asked is None or not prompt or not approval_prompt.interactive():
                raise
            return await client.get_approval(asked)

    found = desk.ask(first)
    if "envelope_version" in found:
        return cast(Envelope, found)
    known = found
    asked, decision = known["approval_id"], approval_prompt.decide(desk.screen, known)
    if decision is None:
        desk.screen.note(f"Left open. To grant it: livery approvals grant {asked}")
        raise typer.Exit(exits.NEEDS_APPROVAL)

    async def second(client: LiveryClient) -> Envelope | None:
        if decision == approval_prompt.DENY:
            await client.deny_approval(asked)
            return None
        await client.grant_approval(asked, decision)
        return await work(client, asked)

    envelope = desk.ask(second)
    if envelope is None:
        desk.screen.note(f"Denied: {asked}. Nothing was run.")
        raise typer.Exit(exits.DENIED)
    return envelope


async def find_agent(client: LiveryClient, agent: str) -> str:
    """The id of a hired agent given by id, name or agent type. Raises `UsageError`."""
    if _UUID.fullmatch(agent):
        return agent
    hired = await client.list_hired_agents()
    named = [a for a in hired if agent in {a["hired_agent_id"], a.get("name")}]
    found = named or [a for a in hired if a.get("agent_type") == agent]
    if len(found) == 1:
        return found[0]["hired_agent_id"]
    what = "No hired agent is" if not found else f"{len(found)} hired agents are"
    raise UsageError(f"{what} called {agent!r}.", "See `livery agents list`, and use the id.")


def show_envelope(screen: Screen, envelope: Envelope) -> None:
    """A result for people: what it is, whether it is all right, what to do."""
    if not envelope["ok"] and envelope["status"] not in {"queued", "running", "waiting"}:
        screen.show(alerts.envelope_panel(envelope))
        return
    badge = f"{envelope['skill_key']}@{envelope['skill_version']}"
    screen.show(look.mark(badge, envelope["status"]), Text())
    screen.show(look.indented(_result(envelope.get("result"))), Text())
    usage = envelope.get("usage") or {}
    duration = usage.get("duration_ms")
    artifacts = ", ".join(str(a.get("name")) for a in envelope.get("artifacts") or [])
    screen.show(
        look.facts(
            [
                ("Run", envelope["run_id"]),
                ("Took", None if duration is None else f"{duration:,.0f} ms"),
                ("Cost", money(usage.get("cost_usd")) if usage.get("cost_usd") else None),
                ("Replayed", "the stored result of this key" if envelope["from_cache"] else None),
                ("Artifacts", artifacts or None),
            ]
        )
    )


def _result(result: object) -> JSON | Text:
    if isinstance(result, str):
        return text(result)
    if result is None:
        return Text("no result", style=look.SOFT)
    return JSON.from_data(result, ensure_ascii=True)


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("run")(run)
