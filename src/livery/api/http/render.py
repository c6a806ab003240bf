"""Values of the services as the documents of the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from livery.services.artifacts.artifacts import Provenance
from livery.services.artifacts.types import Artifact
from livery.services.audit.types import Recorded
from livery.services.catalog.types import Skill, Standing, Version
from livery.services.certification.drift import days_left
from livery.services.certification.types import Certificate, Certification
from livery.services.hiring.types import AgentType, HiredAgent
from livery.services.identity.types import TokenInfo, Workspace
from livery.services.runs.queries import envelope_of
from livery.services.runs.types import RunRecord


def time(value: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return value.isoformat().replace("+00:00", "Z") if value is not None else None


def skill(item: Skill) -> dict[str, Any]:
    """A skill as it is listed."""
    return {
        "skill_id": str(item.skill_id),
        "skill_key": item.skill_key,
        "workspace": item.workspace,
        "name": item.name,
        "description": item.description,
        "category": item.category,
        "owner": item.owner,
        "status": item.status,
        "version": item.version,
        "digest": item.digest,
        "created_at": time(item.created_at),
    }


def skill_detail(
    item: Skill,
    versions: list[Version],
    channels: Mapping[str, str],
    certificates: Mapping[str, Certificate],
    now: datetime,
) -> dict[str, Any]:
    """A skill with its contract, versions and channels."""
    contract = next((v.contract for v in versions if v.version == item.version), {})
    return {
        **skill(item),
        "contract": contract,
        "capabilities": contract.get("capabilities") or {},
        "versions": [
            {
                "version": known.version,
                "digest": known.digest,
                "status": known.status,
                "reason": known.reason,
                "channels": sorted(
                    name for name, held in channels.items() if held == known.version
                ),
                "created_by": known.created_by,
                "created_at": time(known.created_at),
                "certificate": certificate(certificates[known.version], now)
                if known.version in certificates
                else None,
            }
            for known in versions
        ],
        "channels": dict(channels),
        "diagnostics": [],
    }


def certificate(item: Certificate, now: datetime) -> dict[str, Any]:
    """A certificate with its evidence."""
    return {
        "certificate_id": str(item.certificate_id),
        "state": item.state_at(now),
        "drifted": list(item.drifted),
        "reason": item.reason,
        "key_id": item.key_id,
        "signed_at": time(item.signed_at),
        "expires_at": time(item.expires_at),
        "days_left": days_left(item, now),
        "checks": list(item.checks),
        "statement": item.statement,
    }


def worth(item: Certificate | None, now: datetime) -> dict[str, Any] | None:
    """What a certificate is worth now, without its evidence."""
    if item is None:
        return None
    return {
        "state": item.state_at(now),
        "drifted": list(item.drifted),
        "expires_at": time(item.expires_at),
        "days_left": days_left(item, now),
    }


def certification(item: Certification, now: datetime) -> dict[str, Any]:
    """The outcome of certifying."""
    return {
        "key": item.skill_key,
        "version": item.version,
        "digest": item.digest,
        "status": item.status,
        "checks": list(item.checks),
        "certificate": certificate(item.certificate, now) if item.certificate else None,
    }


def run(item: RunRecord) -> dict[str, Any]:
    """A run as it is listed."""
    error = (item.envelope or {}).get("error") or {}
    return {
        "run_id": str(item.run_id),
        "skill_key": item.skill_key,
        "skill_version": item.skill_version,
        "digest": item.digest,
        "status": item.status,
        "code": item.code or ("tool_ok" if item.status == "succeeded" else item.status),
        "ok": item.status == "succeeded",
        "workspace_id": str(item.workspace_id),
        "workspace": item.workspace,
        "hired_agent_id": str(item.hired_agent_id) if item.hired_agent_id else None,
        "principal": item.principal,
        "created_at": time(item.created_at),
        "finished_at": time(item.finished_at),
        "duration_ms": item.duration_us / 1000 if item.duration_us is not None else None,
        "cost_usd": item.cost / 1_000_000,
        "dry_run": item.dry_run,
        "approval_id": item.approval_id,
        "correlation_id": item.correlation_id,
        "reason": error.get("message"),
        "artifacts": list(item.artifacts),
    }


def run_detail(item: RunRecord) -> dict[str, Any]:
    """A run with its input and envelope."""
    envelope = envelope_of(item) if item.status != "running" else None
    shown = run(item)
    error = envelope.get("error") if envelope is not None else None
    if isinstance(error, dict):
        shown["reason"] = error["message"]
    return {**shown, "input": item.input, "envelope": envelope}


def artifact(item: Artifact) -> dict[str, Any]:
    """An artifact without its bytes."""
    return {
        "artifact_id": str(item.artifact_id),
        "run_id": str(item.run_id),
        "skill_key": item.skill_key,
        "skill_version": item.skill_version,
        "name": item.name,
        "media_type": item.media_type,
        "size": item.size,
        "sha256": item.sha256,
        "created_at": time(item.created_at),
        "badge": item.badge,
    }


def provenance(item: Provenance) -> dict[str, Any]:
    """All that is needed to verify an artifact offline."""
    return {
        "badge": item.artifact.badge,
        "state": "verified" if item.verified else "unverified",
        "artifact": artifact(item.artifact),
        "statement": item.artifact.statement,
        "predicate": item.predicate,
        "certificate": item.certificate or {},
        "keys": {key: pem.decode() for key, pem in item.keys.items()},
        "checks": [
            {"name": check.name, "ok": check.ok, "detail": check.detail} for check in item.checks
        ],
        "journal": {"chain_id": item.journal[0], "seq": item.journal[1]} if item.journal else {},
    }


def entry(item: Recorded) -> dict[str, Any]:
    """An entry of the record; `body` is parsed for reading."""
    return {
        "chain_id": item.chain_id,
        "seq": item.seq,
        "at": time(item.at),
        "at_us": item.at_us,
        "kind": item.kind,
        "workspace_id": str(item.workspace_id),
        "subject_id": item.subject_id,
        "code": item.code or None,
        "correlation_id": item.correlation_id or None,
        "body": orjson.loads(item.body),
    }


def token(item: TokenInfo) -> dict[str, Any]:
    """A token as it is listed: never its secret."""
    return {
        "token_id": str(item.token_id),
        "name": item.name,
        "role": item.role,
        "workspace": str(item.workspace_id) if item.workspace_id else None,
        "hired_agent_id": str(item.hired_agent_id) if item.hired_agent_id else None,
        "created_at": time(item.created_at),
        "expires_at": time(item.expires_at),
        "revoked_at": time(item.revoked_at),
    }


def workspace(item: Workspace) -> dict[str, Any]:
    """A tenant."""
    return {
        "workspace_id": str(item.workspace_id),
        "id": str(item.workspace_id),
        "slug": item.slug,
        "name": item.name,
        "timezone": item.timezone,
        "created_at": time(item.created_at),
        "four_eyes": item.four_eyes,
        "delegated_approval": item.delegated_approval,
    }


def agent_type(item: AgentType) -> dict[str, Any]:
    """An agent type on offer."""
    return {
        "agent_type": item.ref,
        "name": item.name,
        "version": str(item.version),
        "description": item.description,
        "status": item.status,
        "required_skill_keys": list(item.required_skill_keys),
    }


def hired_agent(item: HiredAgent) -> dict[str, Any]:
    """A hired agent."""
    return {
        "hired_agent_id": str(item.hired_agent_id),
        "agent_type": item.agent_type,
        "name": item.name,
        "workspace": item.workspace,
        "workspace_id": str(item.workspace_id),
        "status": item.status,
        "skills": [{"skill_key": s.skill_key, "version": s.version} for s in item.skills],
        "degraded_by": [standing(s) for s in item.degraded_by],
        "created_at": time(item.created_at),
    }


def standing(item: Standing) -> dict[str, Any]:
    """A pinned version and how it stands now."""
    return {
        "skill_id": str(item.skill_id),
        "skill_key": item.skill_key,
        "version": item.version,
        "status": item.status,
        "reason": item.reason,
    }
