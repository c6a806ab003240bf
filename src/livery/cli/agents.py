"""`livery agents`, `livery agent-types`: hire agents, see who is hired."""

from typing import Annotated

import typer
from rich.text import Text

from livery.cli import control, look, mcp
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.text import line
from livery.client.documents import HiredAgent


def list_types(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the agents that can be hired.

    Example: livery agent-types list
    """
    desk = desk_of(ctx)
    types = desk.ask(lambda client: client.agent_types())
    if as_json:
        desk.screen.document({"items": types})
        return
    table = look.listing(["Agent type", "Status", "Needs", "What it does"], keep=["Agent type"])
    for found in types:
        table.add_row(
            line(found["agent_type"], "bold"),
            look.state(found.get("status")),
            line(", ".join(map(str, found.get("required_skill_keys") or [])) or "–"),
            line(found.get("description") or found.get("name") or ""),
        )
    desk.screen.show(table)


def hire(
    ctx: typer.Context,
    agent_type: Annotated[str, typer.Argument(metavar="AGENT_TYPE")],
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Who hires: its slug.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Hire an agent for a workspace.

    Example: livery agents hire analytics.weekly_digest.v1 --workspace acme
    """
    desk = desk_of(ctx)
    agent = desk.ask(lambda client: client.hire(agent_type, workspace, name or agent_type))
    if as_json:
        desk.screen.document(agent)
        return
    desk.screen.show(
        look.mark(agent["name"], agent["status"]),
        Text(),
        look.facts([("Agent", agent["hired_agent_id"]), ("May run", _skills(agent))]),
    )


def list_agents(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the hired agents.

    Example: livery agents list
    """
    desk = desk_of(ctx)
    agents = desk.ask(lambda client: client.list_hired_agents())
    if as_json:
        desk.screen.document({"items": agents})
        return
    if not agents:
        desk.screen.note("Nobody is hired. See: livery agent-types list")
        return
    table = look.listing(["Agent", "Name", "Status", "Workspace", "May run"], keep=["Agent"])
    for agent in agents:
        table.add_row(
            line(agent["hired_agent_id"]),
            line(agent["name"], "bold"),
            look.state(agent["status"]),
            line(_workspace(agent)),
            line(_skills(agent)),
        )
    desk.screen.show(table)


def _skills(agent: HiredAgent) -> str:
    broken = {s["skill_key"]: f" ({s['status']})" for s in agent.get("degraded_by", [])}
    named = (
        f"{s['skill_key']}@{s['version']}{broken.get(s['skill_key'], '')}" for s in agent["skills"]
    )
    return ", ".join(named) or "nothing"


def _workspace(agent: HiredAgent) -> str:
    found = agent["workspace"]
    return str(found.get("slug") or found.get("id")) if isinstance(found, dict) else str(found)


def commands() -> typer.Typer:
    """The group `livery agents`."""
    app = typer.Typer(help="Hired agents.", no_args_is_help=True)
    app.command("hire")(hire)
    app.command("list")(list_agents)
    app.command("mcp")(mcp.mcp)
    app.command("pause")(control.pause)
    app.command("resume")(control.resume)
    return app


def type_commands() -> typer.Typer:
    """The group `livery agent-types`."""
    app = typer.Typer(help="The agents that can be hired.", no_args_is_help=True)
    app.command("list")(list_types)
    return app
