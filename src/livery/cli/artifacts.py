"""`livery artifacts`: what runs made, and the proof."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from livery.cli import exits, look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.screen import Screen
from livery.cli.text import line, moment, number
from livery.client import LiveryClient
from livery.client.documents import Artifact, Provenance

Id = Annotated[str, typer.Argument(metavar="ARTIFACT", help="An id of `artifacts list`.")]


def list_all(
    ctx: typer.Context,
    run_id: Annotated[str | None, typer.Option("--run", help="Artifacts of one run.")] = None,
    kind: Annotated[str | None, typer.Option(help="A kind of artifact.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List artifacts.

    Example: livery artifacts list --run RUN
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_artifacts(run_id=run_id, kind=kind, limit=limit))
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note("No artifacts yet. Try: livery digest")
        return
    columns = ["When (UTC)", "Name", "Made by", "Size", "Artifact"]
    table = look.listing(columns, right=["Size"], keep=["Artifact"])
    for artifact in found:
        table.add_row(
            Text(moment(artifact["created_at"]), style=look.SOFT),
            line(artifact["name"], "bold"),
            line(artifact["badge"]),
            Text(number(artifact["size"])),
            line(artifact["artifact_id"], look.SOFT),
        )
    desk.screen.show(table)


def get(
    ctx: typer.Context,
    artifact_id: Id,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A file or folder; else stdout.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch an artifact; with --out also its provenance, ready for livery verify.

    Example: livery artifacts get ARTIFACT --out digest.md
    """
    desk = desk_of(ctx)

    async def work(client: LiveryClient) -> tuple[Artifact, bytes, Provenance | None]:
        artifact = await client.get_artifact(artifact_id)
        proof = await client.artifact_provenance(artifact_id) if out else None
        return artifact, await client.artifact_content(artifact_id), proof

    if as_json and out is None:
        desk.screen.document(desk.ask(lambda client: client.get_artifact(artifact_id)))
        return
    artifact, content, proof = desk.ask(work)
    if out is None:
        desk.screen.raw(content)
        return
    path, proof_path = save_artifact(out, artifact["name"], content, proof)
    if as_json:
        saved = {"path": str(path), "provenance_path": str(proof_path)}
        desk.screen.document({**artifact, **saved})
        return
    desk.screen.note(f"{number(len(content))} bytes in {path}.")
    desk.screen.note(f"Check it offline: livery verify {proof_path}")


def provenance(ctx: typer.Context, artifact_id: Id, as_json: JsonFlag = False) -> None:
    """Show what stands behind an artifact.

    Example: livery artifacts provenance ARTIFACT --json > proof.json
    """
    desk = desk_of(ctx)
    proof = desk.ask(lambda client: client.artifact_provenance(artifact_id))
    if as_json:
        desk.screen.document(proof)
    else:
        show_provenance(desk.screen, proof)
    raise typer.Exit(exits.DONE if proof["state"] == "verified" else exits.FAILED)


def save_artifact(
    out: Path, name: str, content: bytes, proof: Provenance | None
) -> tuple[Path, Path]:
    """Write an artifact and, beside it, `<file>.provenance.json`; return both paths.

    `name` comes from the server: only its last part is used, so it cannot leave the folder.
    """
    path = out / safe_name(name) if out.is_dir() else out
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    proof_path = path.with_name(path.name + ".provenance.json")
    if proof is not None:
        proof_path.write_text(json.dumps(proof, indent=2) + "\n", encoding="utf-8")
    return path, proof_path


def safe_name(name: str) -> str:
    """The last part of a name, without what a file system could take for something else."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in last).lstrip(".")
    return kept[:120] or "artifact"


def show_provenance(screen: Screen, proof: Provenance) -> None:
    """The mark, the checks, and what they rest on."""
    screen.show(look.mark(proof["badge"], proof["state"]))
    grid = look.facts([])
    grid.columns[0].style = ""
    for check in proof.get("checks") or []:
        sign = look.sign(look.GOOD if check["ok"] else look.BAD)
        grid.add_row(Text.assemble(sign, "  ", line(check["name"])), line(check["detail"]))
    journal = proof.get("journal") or {}
    artifact = proof["artifact"]
    screen.show(
        Text(),
        grid,
        Text(),
        look.facts(
            [
                ("Artifact", f"{artifact['name']}  sha256:{artifact['sha256']}"),
                ("Run", artifact["run_id"]),
                ("Journal", f"{journal.get('chain_id')} · entry {journal.get('seq')}"),
                ("Keys", ", ".join(proof.get("keys") or {}) or None),
            ]
        ),
    )


def commands() -> typer.Typer:
    """The group `livery artifacts`."""
    app = typer.Typer(help="What runs made, and the proof of it.", no_args_is_help=True)
    app.command("list")(list_all)
    app.command("get")(get)
    app.command("provenance")(provenance)
    return app
