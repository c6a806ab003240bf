"""`livery doctor`: is all well, and what to do where it is not."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import typer
from rich.text import Text

from livery.cli import exits, look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.findings import FAIL, INFO, OK, WARN, Address, Finding, address, machine
from livery.cli.text import line, text
from livery.client import LiveryClient
from livery.client.skills import ref_of
from livery.manifest.errors import LiveryError

SOON = timedelta(days=14)
MAX_SKEW = timedelta(seconds=60)
TIMEOUT_S = 5.0


def doctor(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Check this machine and the platform.

    Example: livery doctor
    """
    desk = desk_of(ctx)
    findings = machine(desk.home) + asyncio.run(platform(address(desk.home)))
    sick = any(finding.level == FAIL for finding in findings)
    if as_json:
        desk.screen.document({"ok": not sick, "checks": [f.to_dict() for f in findings]})
    else:
        desk.screen.show(_table(findings))
        verdict = "Something needs you." if sick else "All is well."
        desk.screen.show(Text(verdict, style=f"bold {look.BAD if sick else look.GOOD}"))
    raise typer.Exit(exits.FAILED if sick else exits.DONE)


async def platform(where: Address | None) -> list[Finding]:
    """What the running platform says of itself, where one runs."""
    if where is None:
        said = "none runs; `livery run` and `livery digest` start their own"
        return [Finding("Server", INFO, said, "livery up --detach")]
    try:
        async with LiveryClient(where.url, where.token, timeout=TIMEOUT_S) as client:
            return await _server(client)
    except LiveryError as failed:
        return [Finding("Server", FAIL, str(failed.message), failed.remedy or "livery up")]


async def _server(client: LiveryClient) -> list[Finding]:
    response = await client.request("GET", "/v1/health")
    version = (await client.health()).get("version")
    findings = [Finding("Server", OK, f"{client.base_url}, version {version}")]
    findings += skew(response.headers.get("date"), datetime.now(UTC))
    ready = await client.ready()
    for name, check in sorted(ready["checks"].items()):
        level = OK if check["ok"] else FAIL
        known = check.get("remedy") or "See LIVERY_HOME/logs, then: livery down; livery up"
        remedy = "" if check["ok"] else known
        findings.append(Finding(name.capitalize(), level, check.get("detail") or "", remedy))
    try:
        who = await client.whoami()
    except LiveryError as refused:
        remedy = "livery token new --role operator"
        return [*findings, Finding("Token", WARN, str(refused.message), remedy)]
    findings.append(Finding("Token", OK, f"{who['principal']}, role {who['role']}"))
    findings += await checkpoints(client)
    return [*findings, *await certificates(client, datetime.now(UTC))]


async def checkpoints(client: LiveryClient) -> list[Finding]:
    """Whether checkpoints of the record were removed, for those who may see it."""
    try:
        found = await client.audit_checkpoints()
    except LiveryError as refused:
        if refused.code != "forbidden":
            raise
        return [Finding("Record", INFO, "only operators and auditors see it")]
    if found["ok"]:
        return [Finding("Record", OK, f"checkpoints: {found['detail']}")]
    remedy = "livery audit verify --checkpoint OLD.json, with one that you kept elsewhere"
    return [Finding("Record", FAIL, f"checkpoints: {found['detail']}", remedy)]


def skew(date: str | None, now: datetime) -> list[Finding]:
    """A warning where the server's Date header and `now` are more than a minute apart."""
    try:
        skew = abs(parsedate_to_datetime(date or "") - now)
    except (ValueError, TypeError):
        return []
    if skew > MAX_SKEW:
        said = f"{skew.total_seconds():.0f} s from the server's"
        return [Finding("Clock of the server", WARN, said, "Synchronise both clocks.")]
    return []


async def certificates(client: LiveryClient, now: datetime) -> list[Finding]:
    """Which certificates ended, or end within two weeks of `now`."""
    findings: list[Finding] = []
    skills = await client.list_skills(status="certified", limit=200)
    for skill in skills:
        certificate = await client.get_certificate(ref_of(skill), skill["version"])
        left = datetime.fromisoformat(certificate["expires_at"]) - now
        if certificate["state"] == "valid" and left > SOON:
            continue
        badge = f"{skill['skill_key']}@{skill['version']}"
        ended = certificate["state"] != "valid" or left <= timedelta(0)
        state = (
            certificate["state"] if certificate["state"] != "valid" else f"{left.days} days left"
        )
        remedy = f"livery skills certify {skill['skill_key']}"
        findings.append(Finding(f"Certificate {badge}", FAIL if ended else WARN, state, remedy))
    if skills and not findings:
        findings.append(Finding("Certificates", OK, f"{len(skills)} valid for 14 days or more"))
    return findings


def _table(findings: list[Finding]) -> Text:
    signs = {OK: look.sign(look.GOOD), WARN: look.sign(look.WAIT), FAIL: look.sign(look.BAD)}
    width = max(len(finding.name) for finding in findings)
    rows = []
    for found in findings:
        sign = signs.get(found.level, Text("·", style=look.SOFT))
        name = Text(found.name.ljust(width + 2))
        rows.append(Text.assemble(sign, "  ", name, line(found.detail)))
        if found.remedy:
            rows.append(Text.assemble(" " * (width + 5), ("→ ", look.GOOD), text(found.remedy)))
    return Text("\n").join(rows)


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("doctor")(doctor)
