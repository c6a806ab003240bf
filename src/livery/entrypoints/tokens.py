"""`livery token`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from livery.cli import look, mcp
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.screen import Screen
from livery.cli.text import line
from livery.client import LiveryClient
from livery.client.documents import TokenCreated
from livery.entrypoints.local import kept_token, server_info
from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError
from livery.services.identity.types import ROLES


def new(
    ctx: typer.Context,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}.")],
    workspace: Annotated[str | None, typer.Option(help="The workspace, by slug or id.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="The hired agent, by name or id, for role agent.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="How the record names the caller.")] = None,
    days: Annotated[int | None, typer.Option(help="Days until it expires.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a token. It is shown this once.

    Example: livery token new --role auditor --days 30
    """
    if role not in ROLES:
        raise UsageError(f"There is no role {role!r}.", f"The roles are {', '.join(ROLES)}.")
    desk = desk_of(ctx)

    async def make(client: LiveryClient) -> TokenCreated:
        hired = agent
        if role == "agent" and hired is None:
            hired = await _first_agent(client, workspace or "default", desk.screen)
        elif hired is not None:
            hired = (await mcp.find(client, hired, workspace))["hired_agent_id"]
        return await client.create_token(
            role, workspace=workspace, hired_agent_id=hired, name=name, expires_in_days=days
        )

    made = desk.ask(make)
    if workspace is not None and made.get("workspace") is None:
        desk.screen.note(f"A token of role {role} is for all workspaces.")
    if as_json:
        desk.screen.document(made)
    else:
        desk.screen.show(line(made["token"]))
        desk.screen.note("Keep it now: it is not shown again.")


async def _first_agent(client: LiveryClient, workspace: str, screen: Screen) -> str:
    """The hired agent that a workspace has had the longest; says which one that is."""
    for item in await client.list_hired_agents():
        if workspace in (item["workspace"], item.get("workspace_id")):
            screen.note(f"For {item['name']} of {item['workspace']}; --agent names another.")
            return item["hired_agent_id"]
    raise UsageError(
        f"{workspace} has hired no agent.",
        f"livery agents hire analytics.weekly_digest.v1 --workspace {workspace}",
    )


def list_all(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the tokens, without their secrets.

    Example: livery token list
    """
    desk = desk_of(ctx)
    tokens = desk.ask(lambda client: client.list_tokens())
    if as_json:
        desk.screen.document({"items": tokens})
        return
    table = look.listing(["Name", "Role", "State", "Id"], keep=["Id"])
    for found in tokens:
        state = "revoked" if found.get("revoked_at") else "live"
        table.add_row(
            line(found.get("name") or "–"),
            line(found["role"]),
            line(state),
            line(found["token_id"]),
        )
    desk.screen.show(table)


def revoke(
    ctx: typer.Context, token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID")]
) -> None:
    """Revoke a token: its next call is refused.

    Example: livery token revoke 0190…
    """
    desk = desk_of(ctx)
    desk.ask(lambda client: client.revoke_token(token_id))
    desk.screen.note("Revoked.")


def link(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Print an address that signs a browser in to the operator's portal, as this home's operator; it works once.

    Example: livery token link
    """
    settings = Settings.read()
    info = server_info(settings)
    if info is None:
        raise LiveryError(
            "unavailable",
            f"Nothing is running in {settings.home}.",
            remedy="Start it, then repeat this: livery up --detach",
        )
    token = kept_token(settings)
    # The portal's server is imported only where a link is made.
    from livery.entrypoints.portal import CODE_S, sign_in_url

    url = sign_in_url(settings.home, str(info["portal_url"]), token)
    screen = desk_of(ctx).screen
    if as_json:
        screen.document({"url": url, "expires_in_s": CODE_S})
        return
    screen.out.print(Text(url), soft_wrap=True)  # an address is copied as one line
    screen.note(f"It signs one browser in, once, within {CODE_S // 60} minutes.")


def commands() -> typer.Typer:
    """The group `livery token`."""
    app = typer.Typer(help="Tokens of callers.", no_args_is_help=True)
    app.command("new")(new)
    app.command("list")(list_all)
    app.command("revoke")(revoke)
    app.command("link")(link)
    return app
