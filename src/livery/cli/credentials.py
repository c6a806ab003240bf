"""`livery credentials`: secrets go from here to the vault, and to nobody else."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from livery.cli import look
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import line, moment
from livery.vault.client import VaultClient
from livery.vault.secret import Secret
from livery.vault.tokens import read_token
from livery.vault.types import Grant

T = TypeVar("T")
Workspace = Annotated[
    str, typer.Option("--workspace", "-w", help="The workspace that it belongs to.")
]
Ref = Annotated[str, typer.Argument(metavar="REF", help="The credential_ref: cred_…")]


def add(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Such as webhook-signing.")],
    label: Annotated[str, typer.Option("--label", help="What you call it.")],
    field: Annotated[
        list[str] | None, typer.Option("--field", help="A field to ask for; may be repeated.")
    ] = None,
    workspace: Workspace = "default",
    as_json: JsonFlag = False,
) -> None:
    """Keep a secret in the vault. It is asked for, or read from stdin as a JSON object; never an argument.

    Example: livery credentials add webhook-signing --label hooks --field signing_secret
    """
    desk = desk_of(ctx)
    secret = _secret(field or [])
    home = _home(desk, workspace)
    kept = _vault(desk, lambda vault: vault.store(home, kind, label, secret))
    if as_json:
        desk.screen.document(kept.to_dict())
    else:
        desk.screen.note(f"Kept as {kept.credential_ref}. Pass that reference, never the secret.")


def list_credentials(
    ctx: typer.Context, workspace: Workspace = "default", as_json: JsonFlag = False
) -> None:
    """List what the vault keeps for a workspace; never the secrets.

    Example: livery credentials list
    """
    desk = desk_of(ctx)
    home = _home(desk, workspace)
    found, _ = _vault(desk, lambda vault: vault.list(home, limit=100))
    if as_json:
        desk.screen.document({"items": [item.to_dict() for item in found]})
        return
    if not found:
        desk.screen.note(
            "The vault keeps nothing for this workspace. Add: livery credentials add KIND"
        )
        return
    table = look.listing(["Reference", "Kind", "Label", "State", "Since (UTC)"], keep=["Reference"])
    for item in found:
        table.add_row(
            line(item.credential_ref, "bold"),
            line(item.kind),
            line(item.label),
            look.state(item.status),
            line(moment(item.created_at.isoformat())),
        )
    desk.screen.show(table)


def revoke(
    ctx: typer.Context, ref: Ref, workspace: Workspace = "default", as_json: JsonFlag = False
) -> None:
    """Destroy a secret for good.

    Example: livery credentials revoke cred_0123456789abcdef0123456789abcdef
    """
    desk = desk_of(ctx)
    home = _home(desk, workspace)
    gone = _vault(desk, lambda vault: vault.revoke(home, ref))
    if as_json:
        desk.screen.document(gone.to_dict())
    else:
        desk.screen.note(f"{gone.credential_ref} is destroyed.")


def _secret(fields: list[str]) -> Secret[Any]:
    if fields and sys.stdin.isatty():
        return Secret({name: typer.prompt(name, hide_input=True, err=True) for name in fields})
    try:
        found = json.loads(sys.stdin.read(65_536))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found:
        raise UsageError(
            "There is no secret on stdin.", "A JSON object on stdin, or --field NAME at a terminal."
        )
    return Secret(found)


def _home(desk: Desk, workspace: str) -> UUID:
    known = desk.ask(lambda client: client.list_workspaces())
    for item in known:
        if workspace in (item["slug"], item["workspace_id"]):
            return UUID(item["workspace_id"])
    raise UsageError(f"There is no workspace {workspace!r}.", "livery workspaces list")


def _vault(desk: Desk, work: Callable[[VaultClient], Awaitable[T]]) -> T:
    async def asked() -> T:
        token = read_token(desk.home / "keys", Grant.WRITE)
        url = os.environ.get("LIVERY_VAULT_URL")
        where = {"base_url": url} if url else {"uds": desk.home / "run" / "vault.sock"}
        async with VaultClient(token, **where) as client:
            return await work(client)

    return asyncio.run(asked())


def commands() -> typer.Typer:
    """The group `livery credentials`."""
    app = typer.Typer(help="Secrets of a workspace, in the vault.", no_args_is_help=True)
    app.command("add")(add)
    app.command("list")(list_credentials)
    app.command("revoke")(revoke)
    return app
