"""`livery runs`: what was executed, and what was denied."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.json import JSON
from rich.text import Text

from livery.cli import alerts, approvals, control, exits, look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.text import line, moment, money, number
from livery.client.documents import Run, RunDetail


def list_runs(
    ctx: typer.Context,
    *,
    status: Annotated[str | None, typer.Option(help="For example: denied, failed.")] = None,
    code: Annotated[str | None, typer.Option(help="A result code.")] = None,
    skill: Annotated[str | None, typer.Option(help="A skill key.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List the newest runs and denials.

    Example: livery runs list --status denied
    """
    desk = desk_of(ctx)
    runs = desk.ask(
        lambda client: client.list_runs(status=status, code=code, skill_key=skill, limit=limit)
    )
    if as_json:
        desk.screen.document({"items": runs})
        return
    if not runs:
        desk.screen.note("No runs yet. Try: livery run add -k a=2 -k b=3")
        return
    columns = ["When (UTC)", "Skill", "Status", "Code", "Took", "Run"]
    table = look.listing(columns, right=["Took"], keep=["Run"])
    for run in runs:
        table.add_row(*_row(run))
    desk.screen.show(table)


def show_run(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    as_json: JsonFlag = False,
) -> None:
    """Show one run: input, result, artifacts, or why it was refused.

    Example: livery runs show 0197f3a2-… --json
    """
    desk = desk_of(ctx)
    run = desk.ask(lambda client: client.get_run(run_id))
    if as_json:
        desk.screen.document(run)
        return
    desk.screen.show(*_detail(run))


def _row(run: Run) -> tuple[Text, ...]:
    # A denial is a red row: a reader who only skims must see it.
    row = f"bold {look.BAD}" if run["status"] == "denied" else ""
    took = run.get("duration_ms")
    badge = f"{run['skill_key']}@{run['skill_version'] or '?'}"
    return (
        Text(moment(run["created_at"]), style=row or look.SOFT),
        line(badge, row),
        line(run["status"], row or look.tone(run["status"])),
        line(run["code"], row),
        Text("–" if took is None else f"{number(round(took))} ms", style=row),
        line(run["run_id"], row or look.SOFT),
    )


def _detail(run: RunDetail) -> list[RenderableType]:
    badge = f"{run['skill_key']}@{run['skill_version'] or '?'}"
    parts: list[RenderableType] = [look.mark(badge, run["status"]), Text()]
    envelope = run.get("envelope")
    if envelope and exits.of_envelope(envelope) != exits.DONE:
        parts += [alerts.envelope_panel(envelope), Text()]
    parts.append(
        look.facts(
            [
                ("Run", run["run_id"]),
                ("Code", run["code"]),
                ("By", run["principal"]),
                ("Agent", run.get("hired_agent_id")),
                ("Workspace", run.get("workspace")),
                ("Created", moment(run["created_at"]) + " UTC"),
                ("Finished", moment(run.get("finished_at")) + " UTC"),
                ("Cost", money(run.get("cost_usd"))),
                ("Digest", run.get("digest") or None),
                ("Correlation", run["correlation_id"]),
                *[("Artifact", f"{a['name']}  {a['artifact_id']}") for a in run["artifacts"]],
            ]
        )
    )
    parts += _section("Input", run.get("input"))
    if envelope and envelope.get("ok"):
        parts += _section("Result", envelope.get("result"))
    return parts


def _section(title: str, content: object) -> list[RenderableType]:
    if content is None:
        return []
    body = JSON.from_data(content, ensure_ascii=True)
    return [Text(), Text(title, style="bold"), look.indented(body)]


def commands() -> typer.Typer:
    """The group `livery runs`."""
    app = typer.Typer(help="What was run, and what was refused.", no_args_is_help=True)
    app.command("list")(list_runs)
    app.command("show")(show_run)
    app.command("resolve")(control.resolve)
    app.command("cancel")(approvals.cancel)
    return app
