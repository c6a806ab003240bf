"""`livery agents mcp`: a hired agent for whatever speaks MCP."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.text import Text

from livery.cli import look
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import clean, line
from livery.client import LiveryClient
from livery.client.documents import HiredAgent
from livery.manifest.slugs import slugify

TOKEN = "<TOKEN OF THE AGENT>"  # noqa: S105 - a placeholder
_DEFAULT_URL = "http://127.0.0.1:8700"


def mcp(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="By id, name or agent type.")],
    workspace: Annotated[
        str | None, typer.Option("--workspace", "-w", help="The workspace that hired it.")
    ] = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Be the MCP server, on stdin and stdout.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print the set-up of a hired agent as MCP server, or be that server.

    Example: livery agents mcp "Weekly analyst"
    """
    desk = desk_of(ctx)
    if stdio:
        if as_json:
            raise UsageError("--stdio speaks MCP and nothing else.", "Leave out --json.")
        _serve(desk, agent, workspace)
        return

    async def work(client: LiveryClient) -> dict[str, Any]:
        return describe(desk, await find(client, agent, workspace), client.base_url)

    document = desk.ask(work)
    if as_json:
        desk.screen.document(document)
    else:
        _show(desk, document)


def _serve(desk: Desk, agent: str, workspace: str | None) -> None:
    from livery.cli.mcp_stdio import serve, wires

    with wires() as (source, sink):

        async def work(client: LiveryClient) -> None:
            await serve(client, await find(client, agent, workspace), source, sink)

        desk.ask(work)


async def find(client: LiveryClient, wanted: str, workspace: str | None) -> HiredAgent:
    """The one hired agent of this id, name or type (in this workspace). Raises `UsageError`."""
    hired = [
        item
        for item in await client.list_hired_agents()
        if workspace is None or workspace in {item["workspace"], item.get("workspace_id")}
    ]
    for member in ("hired_agent_id", "name", "agent_type"):
        found = [item for item in hired if item.get(member) == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"{len(found)} hired agents are called {wanted!r}.",
                "Say which: --workspace, or the id that `livery agents list` shows.",
            )
    if (await client.whoami())["role"] == "agent":  # which sees itself alone
        raise UsageError(
            f"The token is that of another agent than {wanted!r}.",
            "Use the token of this agent, or name the agent of the token.",
        )
    raise UsageError(f"No hired agent is called {wanted!r}.", "See `livery agents list`.")


def describe(desk: Desk, agent: HiredAgent, base_url: str) -> dict[str, Any]:
    """The set-up for known clients: `stdio`, `vscode`, `codex` and `http` are files for them, as they are."""
    agent_id = agent["hired_agent_id"]
    name = f"livery-{slugify(agent['name'])}"[:64]
    command = _command("agents", "mcp", agent_id, "--stdio")
    environ = _environ(desk)
    # An embedded platform ends with this command: what will be there is that of `livery up`.
    url = _DEFAULT_URL if (urlsplit(base_url).hostname or "").endswith(".embedded") else base_url
    settings = [word for item in environ.items() for word in ("--env", "=".join(item))]
    return {
        "hired_agent_id": agent_id,
        "name": agent["name"],
        "workspace": agent["workspace"],
        "tools": [skill["skill_key"] for skill in agent["skills"]],
        "stdio": {
            "mcpServers": {name: {"command": command[0], "args": command[1:], "env": environ}}
        },
        "vscode": {
            "servers": {
                name: {
                    "type": "stdio",
                    "command": command[0],
                    "args": command[1:],
                    "env": environ,
                }
            }
        },
        "codex": _toml(name, command, environ),
        "claude_code": shlex.join(["claude", "mcp", "add", name, *settings, "--", *command]),
        "http": {
            "mcpServers": {
                name: {
                    "type": "http",
                    "url": f"{url}/mcp",
                    "headers": {"Authorization": f"Bearer {TOKEN}"},
                }
            }
        },
        "token_command": shlex.join(
            _command(
                *("token", "new", "--role", "agent", "--agent", agent_id),
                *("--workspace", str(agent["workspace"])),
            )
        ),
    }


def _toml(name: str, command: list[str], environ: dict[str, str]) -> str:
    # Texts of JSON without escapes beyond ASCII are texts of TOML.
    lines = [
        f"[mcp_servers.{name}]",
        f"command = {json.dumps(command[0])}",
        f"args = {json.dumps(command[1:])}",
        f"[mcp_servers.{name}.env]",
        *(f"{key} = {json.dumps(value)}" for key, value in environ.items()),
    ]
    return "\n".join(lines)


def _command(*words: str) -> list[str]:
    # Absolute, since a desktop starts it from anywhere with a path of its own.
    program = Path(sys.executable).parent / "livery"
    start = [str(program)] if program.exists() else [sys.executable, "-m", "livery"]
    return [*start, *words]


def _environ(desk: Desk) -> dict[str, str]:
    url = os.environ.get("LIVERY_URL")
    home = {"LIVERY_HOME": str(desk.home.absolute())}
    return home if url is None else {"LIVERY_URL": url, "LIVERY_TOKEN": TOKEN}


def _show(desk: Desk, document: dict[str, Any]) -> None:
    tools = ", ".join(document["tools"]) or "none"
    desk.screen.show(
        line(f"{document['name']} of {document['workspace']}, as MCP server", "bold"),
        look.facts([("Tools", tools)]),
    )
    _part(desk, "Claude Code", document["claude_code"])
    known = "Claude Desktop (claude_desktop_config.json), Cursor (.cursor/mcp.json), .mcp.json"
    _part(desk, known, _pretty(document["stdio"]))
    _part(desk, "VS Code (.vscode/mcp.json)", _pretty(document["vscode"]))
    _part(desk, "Codex CLI (~/.codex/config.toml)", document["codex"])
    _part(desk, "Over HTTP, while the platform is up", _pretty(document["http"]))
    _part(desk, "Its token", document["token_command"])


def _pretty(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2)


def _part(desk: Desk, title: str, body: str) -> None:
    desk.screen.show(Text(), line(title, look.SOFT))
    desk.screen.out.print(Text(clean(body)), soft_wrap=True)  # never wrapped: it is to be copied
