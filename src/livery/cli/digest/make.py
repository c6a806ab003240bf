"""Run `weekly-digest` over ingested facts and fetch what it made, each with its proof."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livery.client import ApiProblem, LiveryClient
from livery.client.documents import Artifact, Envelope, Provenance
from livery.client.session_logs.reader import Pending
from livery.client.session_logs.report import digest_report
from livery.client.verdicts import Report
from livery.client.verify import trusted_keys, verify_provenance

SKILL = "weekly-digest"


@dataclass(frozen=True, slots=True)
class Made:
    """One artifact: what it is, its bytes, its proof, and what verifying the proof found."""

    artifact: Artifact
    content: bytes
    proof: Provenance
    report: Report

    @property
    def name(self) -> str:
        """The artifact's name."""
        return self.artifact["name"]


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest: the run's envelope and its artifacts."""

    envelope: Envelope
    made: tuple[Made, ...]

    @property
    def result(self) -> Mapping[str, Any]:
        """What the skill returned."""
        found: Mapping[str, Any] = self.envelope["result"]
        return found

    @property
    def badge(self) -> str:
        """The mark: skill@version."""
        return f"{self.envelope['skill_key']}@{self.envelope['skill_version']}"

    @property
    def verified(self) -> bool:
        """Whether every artifact was verified, and there is one."""
        return bool(self.made) and all(made.report.ok for made in self.made)

    def document(self, pending: Iterable[Pending] = ()) -> dict[str, Any]:
        """The documented report (`livery digest --json`)."""
        return digest_report(self.result, self._provenance(), pending)

    def _provenance(self) -> dict[str, Any]:
        envelope = self.envelope
        return {
            **(envelope["provenance"] or {}),
            "badge": self.badge,
            "state": "verified" if self.verified else "unverified",
            "skill_key": envelope["skill_key"],
            "skill_version": envelope["skill_version"],
            "digest": envelope["digest"],
            "run_id": envelope["run_id"],
            "correlation_id": envelope["correlation_id"],
            "artifacts": [
                {name: made.artifact[name] for name in ("artifact_id", "name", "sha256")}
                for made in self.made
            ],
        }


async def workspace_for(client: LiveryClient, paths: list[Path], named: str | None) -> str | None:
    """The workspace whose facts the digest counts: the one named; for named folders one of their
    own, so that they are never mixed with other logs; else None, the caller's own.
    """
    if named is not None or not paths:
        return named
    places = "\0".join(sorted(str(path.expanduser().absolute()) for path in paths))
    slug = f"logs-{hashlib.sha256(places.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"
    if (await client.whoami())["workspace"] is not None:
        return None  # a token bound to a workspace stays in it
    try:
        await client.create_workspace(f"Session logs {slug[5:]}", slug=slug)
    except ApiProblem as refused:
        if refused.code != "already_exists":
            raise
    return slug


async def timezone_of(client: LiveryClient, workspace: str | None) -> str:
    """The timezone of a workspace; UTC where it says none."""
    for found in await client.list_workspaces():
        names = {found["slug"], found.get("workspace_id"), found.get("id")}
        if (workspace or "default") in names:
            return found.get("timezone") or "UTC"
    return "UTC"


async def make_digest(
    client: LiveryClient,
    *,
    workspace: str | None,
    agent: str | None,
    timezone: str,
    period: tuple[str | None, str | None] = (None, None),
    title: str | None = None,
) -> Digest:
    """Run the skill for a period, half-open, and verify what it made.

    A day that is None is chosen by the skill: seven days, to the newest log. `title` is whose
    digest it is. Raises `RunDenied` where the run is refused. A failed run has no artifacts.
    """
    asked = {"from": period[0], "to": period[1], "timezone": timezone, "workspace": title}
    envelope = await client.run(
        SKILL,
        {name: value for name, value in asked.items() if value is not None},
        workspace=workspace,
        hired_agent_id=agent,
    )
    if not envelope["ok"]:
        return Digest(envelope, ())
    keys = trusted_keys(pem.encode() for pem in (await client.keys()).values())
    made = []
    for item in envelope["artifacts"]:
        artifact_id = str(item["artifact_id"])
        content = await client.artifact_content(artifact_id)
        proof = await client.artifact_provenance(artifact_id)
        report = verify_provenance(proof, keys, content)
        made.append(Made(proof["artifact"], content, proof, report))
    return Digest(envelope, tuple(made))
