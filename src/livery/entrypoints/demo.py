"""`livery demo`, the main job: hire the analyst, digest your week, verify it offline, then try to cheat."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from livery.cli import alerts, look
from livery.cli.desk import desk_of
from livery.cli.digest import ingest, make
from livery.cli.digest.command import default_folder, save, show_digest
from livery.cli.proofs import load_keys, verify_file
from livery.cli.screen import Screen
from livery.cli.text import line
from livery.cli.verify import show_report
from livery.client import ApiProblem, LiveryClient, RunDenied
from livery.client.session_logs.sample import write_sample_week
from livery.entrypoints.analyst import ANALYST
from livery.entrypoints.local import kept_token, server_info
from livery.entrypoints.ports import api_port
from livery.entrypoints.settings import DEFAULT_PORT, Settings
from livery.entrypoints.updown import start_detached
from livery.manifest.errors import LiveryError
from livery.private import private_folder

DIGEST, PROBE = "weekly-digest", "capability-probe"
_STEPS = 6


def demo(
    ctx: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(callback=api_port, help="The API's port; a free one by default."),
    ] = None,
) -> None:
    """The main job: hire the analyst, digest your week, verify it, and try to cheat.

    Example: LIVERY_SESSION_LOGS=~/logs livery demo
    """
    desk = desk_of(ctx)
    started = time.monotonic()
    settings = Settings.read(port=port)
    if port is None and server_info(settings) is None:
        settings = Settings.read(port=_free_port(settings.port))
    show = Steps(desk.screen)
    show.step("Start the platform", "its own PostgreSQL, vault, API, portal and worker")
    with show.waiting("starting"):
        info = start_detached(settings, tell=desk.screen.note)
    try:
        show.done(f"API {info['url']}, portal {info['portal_url']}, data in {settings.home}")
        demonstration = _Demo(desk.screen, show, settings, info)
        asyncio.run(demonstration.run())
    except BaseException:
        desk.screen.note("The platform is still running; stop it with: livery down")
        raise
    _farewell(desk.screen, settings, info, demonstration, time.monotonic() - started)


class Steps:
    """What happens, numbered, on standard error; results go to standard output."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._count = 0

    def step(self, title: str, detail: str) -> None:
        """Begin a step."""
        self._count += 1
        self._screen.show(
            Text(),
            Rule(
                Text.assemble((f" {self._count}/{_STEPS}  {title} ", "bold"), (detail, look.SOFT)),
                align="left",
                style=look.SOFT,
            ),
        )

    def done(self, text: str) -> None:
        """Say that something is done."""
        self._screen.show(Text.assemble(look.sign(look.GOOD), "  ", line(text, limit=400)))

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something takes a while."""
        if self._screen.err.is_terminal:
            with self._screen.err.status(text):
                yield
        else:
            yield


class _Demo:
    def __init__(
        self, screen: Screen, show: Steps, settings: Settings, info: dict[str, Any]
    ) -> None:
        self._screen, self._show, self._settings = screen, show, settings
        self._url = str(info["url"])
        self.again = ""

    @asynccontextmanager
    async def _client(self, token: str) -> AsyncIterator[LiveryClient]:
        async with LiveryClient(self._url, token) as client:
            yield client

    async def run(self) -> None:
        async with self._client(kept_token(self._settings)) as operator:
            await self._certified(operator)
            logs, place, period = await self._logs(operator)
            agent = await self._hire(operator, place)
            self._show.step("Digest the week", "every number by a certified skill")
            await ingest.ingest(operator, self._screen, logs, place)
            async with self._client(agent["token"]) as hired:
                made = await make.make_digest(
                    hired,
                    workspace=None,
                    agent=None,
                    timezone=await make.timezone_of(operator, place),
                    period=period,
                )
                show_digest(self._screen, made)
                if not made.envelope["ok"]:
                    raise LiveryError("execution_error", "The digest did not succeed; see above.")
                folder = default_folder(self._settings.home, made)
                save(self._screen, made, folder, private=True)
                self._verify(folder)
                await self._cheat(operator, hired, str(made.envelope["digest"]))

    async def _certified(self, operator: LiveryClient) -> None:
        self._show.step("Certify the built-in packs", "static checks and fixtures, signed")
        # Here, because it brings the platform's own code along, which no other command needs.
        from livery.entrypoints.seed import built_in

        ours = {key for key, _ in built_in()}
        for skill in await operator.list_skills():
            if skill["skill_key"] not in ours:
                continue
            detail = await operator.get_skill(skill["skill_key"])
            held = detail["versions"][0]["certificate"]
            said = ", ".join(check.get("summary", "") for check in held["checks"]) if held else ""
            mark = look.mark(f"{skill['skill_key']}@{skill['version']}", skill["status"])
            self._screen.show(Text.assemble("   ", mark, "  ", line(said, look.SOFT, limit=90)))

    async def _logs(self, operator: LiveryClient) -> tuple[Any, str | None, Any]:
        logs = ingest.logs_of([])
        if logs:
            place = await make.workspace_for(operator, ingest.named_folders([]), None)
            return logs, place, (None, None)
        ingest.show_unread(self._screen, logs.unread)
        folder = self._settings.home / "sample-logs"
        monday = _last_monday(datetime.now(UTC).date())
        write_sample_week(private_folder(folder), monday)
        self._screen.show(
            Panel(
                line(
                    "No session logs of Claude Code or Codex were found on this machine, so this is "
                    f"a SAMPLE WEEK that Livery wrote itself, into {folder}. Name your own with "
                    "LIVERY_SESSION_LOGS.",
                    limit=600,
                ),
                border_style=look.WAIT,
            )
        )
        logs = ingest.logs_of([folder])
        self.again = f" --path {folder} --from {monday.isoformat()}"
        place = await make.workspace_for(operator, [folder], None)
        return logs, place, (monday.isoformat(), (monday + timedelta(days=7)).isoformat())

    async def _hire(self, operator: LiveryClient, place: str | None) -> dict[str, Any]:
        self._show.step("Hire the analyst", "entitled to its skills and nothing else")
        home = place or "default"
        try:
            agent = await operator.hire(ANALYST.ref, home, ANALYST.name)
        except ApiProblem as problem:
            if problem.code != "already_exists":
                raise
            agent = next(
                item
                for item in await operator.list_hired_agents()
                if item["workspace"] == home and item["name"] == ANALYST.name
            )
        skills = ", ".join(f"{s['skill_key']}@{s['version']}" for s in agent["skills"])
        self._show.done(f"{ANALYST.ref} works for {home}, entitled to: {skills}")
        made = await operator.create_token(
            "agent",
            workspace=home,
            hired_agent_id=agent["hired_agent_id"],
            name=ANALYST.name,
            expires_in_days=1,
        )
        return {**agent, "token": made["token"]}

    def _verify(self, folder: Path) -> None:
        self._show.step("Verify it offline", "from the files and the public key alone")
        report = verify_file(folder / "digest.json", load_keys([], self._settings.home))
        show_report(self._screen, report)
        if not report.ok:
            raise LiveryError("statement_invalid", "The digest does not verify.")

    async def _cheat(self, operator: LiveryClient, hired: LiveryClient, digest: str) -> None:
        self._show.step("Try to cheat", "each refusal is recorded, with its reason")
        self._screen.show(line("Change one byte of the skill's code, and call it:"))
        path = self._settings.home / "skills" / digest.removeprefix("sha256:") / "scripts/skill.py"
        with _one_byte_changed(path):
            await self._refused(hired, DIGEST, {}, "security_hash_mismatch")
        self._screen.show(line("Call a skill that the agent is not entitled to:"))
        await self._refused(hired, "add", {"a": 2, "b": 3}, "skill_not_allowed")
        self._screen.show(line("Use a capability that a skill did not declare:"))
        probe = {"kind": "network", "value": "https://example.com/"}
        await self._refused(operator, PROBE, probe, "skill_capability_denied")

    async def _refused(
        self, client: LiveryClient, skill: str, asked: dict[str, Any], code: str
    ) -> None:
        try:
            envelope: Any = await client.run(skill, asked)
        except RunDenied as denied:
            self._screen.show(alerts.error_panel(denied))
            found = denied.code
        else:
            self._screen.show(alerts.envelope_panel(envelope))
            found = str(envelope["code"])
        if found != code:
            raise LiveryError("internal_error", f"{skill} answered {found}, not {code}.")


@contextmanager
def _one_byte_changed(path: Path) -> Iterator[None]:
    before, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(mode | 0o200)
    try:
        path.write_bytes(bytes([before[0] ^ 1]) + before[1:])
        yield
    finally:
        path.write_bytes(before)
        path.chmod(mode)


def _last_monday(today: date) -> date:
    return today - timedelta(days=today.weekday() + 7)


def _free_port(port: int) -> int:
    """`port` if it and the next are free, else another pair: a demo must not fail on a busy port."""
    wanted = [port, *range(DEFAULT_PORT + 10, DEFAULT_PORT + 200, 10)]
    free = (first for first in wanted if all(_is_free(first + offset) for offset in (0, 1)))
    return next(free, port)


def _is_free(port: int) -> bool:
    from livery.entrypoints.portal import check_free

    try:
        check_free("127.0.0.1", port)
    except LiveryError:
        return False
    return True


def _farewell(
    screen: Screen, settings: Settings, info: dict[str, Any], done: _Demo, seconds: float
) -> None:
    from livery.entrypoints.portal import sign_in_url

    signed_in = sign_in_url(settings.home, str(info["portal_url"]), kept_token(settings))
    command = Path(sys.argv[0]).name if os.environ.get("VIRTUAL_ENV") else ".venv/bin/livery"
    rows = [
        ("Portal, signed in", signed_in),
        ("… another time", f"{command} token link"),
        ("Again", f"{command} digest{done.again}"),
        ("Your own skill", f"{command} new skill my-skill"),
        (
            "From a program",
            f"POST {info['url']}/v1/runs with the token of: {command} token new --role operator",
        ),
        ("From your agent", f"{command} agents mcp '{ANALYST.name}'"),
        ("The record", f"{command} audit tail"),
        ("Stop it", f"{command} down"),
    ]
    screen.show(
        Text(),
        Rule(
            Text(f" Done in {seconds:.0f} s; the platform is running "),
            align="left",
            style=look.GOOD,
        ),
    )
    for name, what in rows:
        # Never wrapped: an address or a command is copied as one line.
        screen.out.print(Text.assemble((f"{name:18}", look.SOFT), what), soft_wrap=True)
