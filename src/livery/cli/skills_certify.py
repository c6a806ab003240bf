"""`livery skills certify` and `jobs`: evidence, while one watches."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, cast

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from livery.cli import exits, look, skill_views
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.refs import parse_ref
from livery.cli.screen import Screen
from livery.cli.text import line, moment, number
from livery.client import LiveryClient
from livery.client.documents import CertificationJob, Certified, JsonObject, Skill
from livery.client.jobs import Watch
from livery.client.skills import ref_of
from livery.manifest.errors import LiveryError

PENDING = "pending_certification"
AT_ONCE = 4
"""Certifications that `--all` asks for at a time; the platform runs fewer."""
_COLOURS = {"pass": look.GOOD, "fail": look.BAD}


def certify_skill(
    ctx: typer.Context,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY[@VERSION]", help="The newest version by default.")
    ] = None,
    *,
    version: Annotated[str | None, typer.Option(help="A version; the same as KEY@VERSION.")] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Every skill that waits for it, or whose certificate lapsed."),
    ] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Return at once, with the job that does it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Certify a version on evidence; repeating it answers the same.

    Example: livery skills certify my-skill@1.2.0
    """
    if every == (key is not None) or (every and (version or no_wait)):
        raise UsageError("Name a skill, or say --all.")
    desk = desk_of(ctx)
    if key is None:
        raise typer.Exit(_certify_all(ctx, as_json=as_json))
    name, chosen = parse_ref(key, version)
    if no_wait:
        asked = desk.ask(lambda client: client.request_certification(name, chosen, wait_s=0))
        _show_asked(desk.screen, asked, as_json=as_json)
        return

    async def work(client: LiveryClient) -> Certified:
        with _checklist(desk.screen, quiet=as_json) as watch:
            return await client.certify_skill(name, chosen, watch=watch)

    certified = desk.ask(work)
    if as_json:
        desk.screen.document(document(certified))
    else:
        desk.screen.show(*skill_views.certification(certified))
    raise typer.Exit(exits.DONE if issued(certified) else exits.FAILED)


def issued(certified: Certified) -> bool:
    """Whether there is a certificate that counts: a new one, or the valid one that was there."""
    broken = any(check["verdict"] == "fail" for check in certified["checks"])
    return certified["certificate"] is not None and not broken


def document(certified: Certified) -> JsonObject:
    """The stable form for scripts."""
    members = ("key", "version", "digest", "status")
    checks = [
        {name: check.get(name) for name in ("name", "verdict", "duration_ms", "findings")}
        for check in certified["checks"]
    ]
    head = {name: value for name, value in certified.items() if name in members}
    return {**head, "checks": checks, "certificate": certified["certificate"]}


def _show_asked(screen: Screen, asked: Certified | CertificationJob, *, as_json: bool) -> None:
    if "job_id" in asked:
        job = cast(CertificationJob, asked)
        if as_json:
            screen.document(job)
            return
        screen.show(look.mark(f"{job['key']}@{job['version']}", job["state"]))
        screen.note(f"Job {job['job_id']}. See how far it is: livery skills jobs")
    elif as_json:
        screen.document(document(asked))
    else:
        screen.show(*skill_views.certification(asked))


def _certify_all(ctx: typer.Context, *, as_json: bool) -> int:
    desk = desk_of(ctx)
    done: list[Certified] = []
    failed: list[JsonObject] = []

    async def work(client: LiveryClient) -> None:
        waiting = await _waiting(client)
        turns = asyncio.Semaphore(AT_ONCE)
        with _bar(desk.screen) as progress:
            task = progress.add_task("Certifying", total=len(waiting))

            async def one(key: str, version: str) -> None:
                async with turns:
                    try:
                        done.append(await client.certify_skill(key, version))
                    except LiveryError as error:
                        failed.append({"key": key, "version": version, **_problem(error)})
                progress.advance(task)

            await asyncio.gather(*(one(ref_of(item), item["version"]) for item in waiting))

    desk.ask(work)
    done.sort(key=lambda item: item["key"])
    failed.sort(key=lambda item: str(item["key"]))
    good = [item for item in done if issued(item)]
    if as_json:
        desk.screen.document({"items": [document(item) for item in done], "failed": failed})
    else:
        _show_all(desk.screen, [item for item in done if item not in good], failed)
        desk.screen.note(f"{number(len(good))} of {number(len(done) + len(failed))} certified.")
    return exits.DONE if len(good) == len(done) + len(failed) else exits.FAILED


async def _waiting(client: LiveryClient) -> list[Skill]:
    """The skills whose newest version was never certified, or whose certificate is not valid now."""
    pending = await client.list_skills(status=PENDING)
    held = await client.list_skills(status="certified")
    lapsed = [item for item in held if (item.get("certificate") or {}).get("state") != "valid"]
    return pending + lapsed


def _problem(error: LiveryError) -> JsonObject:
    return {"code": error.code, "message": error.message, "remedy": error.remedy}


def _show_all(screen: Screen, uncertified: list[Certified], failed: list[JsonObject]) -> None:
    if not uncertified and not failed:
        return
    table = look.listing(["Skill", "Version", "Why it is not certified"], keep=["Skill"])
    for item in uncertified:
        broken = [c for c in item["checks"] if c["verdict"] == "fail"]
        said = "; ".join(f"{c['name']}: {c.get('summary') or 'failed'}" for c in broken)
        table.add_row(line(item["key"], "bold"), line(item["version"]), line(said, look.BAD))
    for problem in failed:
        said = f"{problem['code']}: {problem['message']}"
        table.add_row(line(problem["key"], "bold"), line(problem["version"]), line(said, look.BAD))
    screen.show(table)


@contextmanager
def _checklist(screen: Screen, *, quiet: bool) -> Iterator[Watch | None]:
    """Something that watches a job: a list of its checks on stderr, None where nobody looks."""
    if quiet or not screen.err.is_terminal:
        yield None
        return
    with Live(console=screen.err, transient=True, refresh_per_second=12) as live:
        yield lambda job: live.update(checklist(job))


def checklist(job: CertificationJob) -> RenderableType:
    """The checks of a job so far, and the one that runs."""
    grid = Table.grid(padding=(0, 2))
    for check in job["checks"]:
        sign = look.sign(_COLOURS.get(check["verdict"], look.WAIT))
        took = f"{number(check.get('duration_ms'))} ms"
        grid.add_row(
            sign, line(check["name"]), line(check.get("summary") or ""), line(took, look.SOFT)
        )
    progress = job["progress"]
    current = progress["current"] or (
        "waits for a worker" if job["state"] == "queued" else "signing"
    )
    count = f"{progress['done']} of {progress['total']}" if progress["total"] else ""
    grid.add_row(Spinner("dots"), line(current, look.SOFT), Text(count, style=look.SOFT), Text())
    return grid


def _bar(screen: Screen) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(complete_style="green", finished_style="green"),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=screen.err,
        transient=True,
        disable=not screen.err.is_terminal,
    )


def list_jobs(
    ctx: typer.Context,
    *,
    state: Annotated[str | None, typer.Option(help="queued, running, done or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List certification jobs and how far they are.

    Example: livery skills jobs --state running
    """
    desk = desk_of(ctx)
    jobs = desk.ask(lambda client: client.list_certification_jobs(state=state, limit=limit))
    if as_json:
        desk.screen.document({"items": jobs})
        return
    if not jobs:
        desk.screen.note("No certification jobs. Start one: livery skills certify KEY")
        return
    columns = ["Asked (UTC)", "Skill", "State", "Checks", "What happens", "Job"]
    table = look.listing(columns, right=["Checks"], keep=["Job"])
    for job in jobs:
        progress, error = job["progress"], job["error"] or {}
        table.add_row(
            Text(moment(job["created_at"])),
            line(f"{ref_of(job)}@{job['version']}", "bold"),
            look.state(job["state"]),
            f"{progress['done']}/{progress['total']}",
            line(error.get("message") or progress["current"] or "", look.SOFT, limit=160),
            line(job["job_id"], look.SOFT),
        )
    desk.screen.show(table)


def register(app: typer.Typer) -> None:
    """Mount the commands below `livery skills`."""
    app.command("certify")(certify_skill)
    app.command("jobs")(list_jobs)
