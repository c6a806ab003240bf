"""A platform made of invented documents: the shapes of the HTTP API, and nothing behind them.

The pages are tested over it through the real client; the browser test runs on the real platform
where one is given. As a program it serves the API and the portal together: `fake_platform.py PORT`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
from typing import Any

import httpx
from cryptography.fernet import Fernet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livery.client.livery_client import LiveryClient
from livery.portals.operator.app import create_app
from livery.portals.operator.settings import PortalSettings

NOW = 1_795_251_600.0  # 2026-11-21 09:00 UTC
TOKENS = {
    "operator-token-1": "operator",
    "auditor-token-1": "auditor",
    "customer-token-1": "customer_admin",
}
CHECKS = [
    ("contract_and_capabilities", "pass", 96, "declared: data usage, sessions; nothing else"),
    ("14 of 14 fixtures", "pass", 1900, "largest difference 0"),
    ("regression against 1.1.0", "pass", 1800, "equal on 14, no field changed"),
    ("security_scan", "warn", 412, "1 finding accepted"),
    ("budgets", "pass", 2210, "p95 41 ms of 200 ms, no model cost"),
]
CHART = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "title": {"text": "Sessions by day", "color": "#1c1b18"},
    "background": "#ffffff",
    "width": 560,
    "height": 180,
    "data": {
        "values": [
            {"label": label, "sessions": count, "weekend": label.startswith("S")}
            for label, count in {
                "Mon 9": 6, "Tue 10": 9, "Wed 11": 7, "Thu 12": 10, "Fri 13": 6, "Sat 14": 2,
                "Sun 15": 1,
            }.items()
        ]
    },
    "mark": {"type": "bar", "color": "#14532d", "cornerRadiusEnd": 3},
    "encoding": {
        "x": {"field": "label", "type": "ordinal", "sort": None, "title": None,
              "axis": {"labelColor": "#6b665b", "domainColor": "#e3dfd4", "ticks": False}},
        "y": {"field": "sessions", "type": "quantitative", "title": None,
              "axis": {"grid": False, "labelColor": "#6b665b"}},
        "opacity": {"condition": {"test": "datum.weekend", "value": 0.45}, "value": 1},
    },
}  # fmt: skip
DIGEST = {
    "workspace": None,
    "period": {"from": "2026-11-09", "to": "2026-11-16", "timezone": "Europe/Berlin", "days": 7},
    "overview": {
        "sessions": {"total": 41, "success": 27, "failed": 6, "unknown": 8, "known": 33,
                     "success_rate": 0.818182, "sub_agents": 5, "outcome_rule": "outcome.v1"},
        "projects": 3,
        "messages": 1064,
        "tokens": {"input": 2391706, "output": 195794, "cache_read": 77328535,
                   "cache_creation": 2000000},
        "cost_usd": 38.2,
        "cache_ratio": 0.97,
        "errors": 9,
    },
    "by_model": [
        {"model": "opus-4.6", "messages": 812, "input": 8120, "output": 171204,
         "cache_read": 61004118, "cost_usd": 36.9},
        {"model": "haiku-4.5", "messages": 240, "input": 1021, "output": 24590,
         "cache_read": 16324417, "cost_usd": 1.3},
        {"model": "local-coder-1", "messages": 12, "input": None, "output": None,
         "cache_read": None, "cost_usd": "unpriced"},
    ],
    "tools": [{"tool": "Bash", "calls": 412}, {"tool": "Edit", "calls": 240}],
    "projects": [{"project": "shop", "total": 22}, {"project": "importer", "total": 14}],
    "wins": [{"project": "shop", "success": 18}],
    "blockers": [{"error": "ModuleNotFoundError", "errors": 7, "sessions": 3}],
    "quality": {"bad_lines": [{"file": "a.jsonl", "line": 7, "reason": "not JSON"}]},
    "risk": [
        {"id": "risk.failed-sessions.v1", "title": "Sessions that failed", "level": "medium",
         "value": 0.181818, "formula": "failed / known"},
        {"id": "risk.hot-files.v1", "title": "Files that many sessions edit", "level": "high",
         "value": 14, "formula": "most sessions that edited one file"},
        {"id": "risk.unpriced.v1", "title": "Tokens without a price", "level": None,
         "value": None, "formula": "unpriced tokens / all tokens"},
    ],
    "velocity": [
        {"id": "velocity.sessions.v1", "title": "Sessions", "value": 41, "change": 0.171429},
        {"id": "velocity.lines.v1", "title": "Lines added", "value": 5120, "change": -0.25},
        {"id": "velocity.files.v1", "title": "Files changed", "value": 88, "change": None},
    ],
    "actions": [
        {"id": "action.top-error.v1", "title": "Add an integration test for the CSV importer",
         "detail": "7 of 9 tool failures this week were there"},
        {"id": "action.hot-file.v1", "title": "Split storage/api.py",
         "detail": "edited in 14 sessions by 3 people"},
        {"id": "action.tool-failing.v1", "title": "Pin the linter version",
         "detail": "caused 4 retries"},
    ],
    "change": {"sessions_total": {"now": 41, "before": 35, "difference": 6}},
}  # fmt: skip


def dsse(kind: str, predicate: Any) -> dict[str, Any]:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": "ab" * 32}}],
        "predicateType": kind,
        "predicate": predicate,
    }
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    return {
        "payload": payload,
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"keyid": "ops-2026", "sig": "AA=="}],
    }


def certificate(state: str = "valid") -> dict[str, Any]:
    return {
        "certificate_id": "crt-7f1a0c2d9e",
        "state": state,
        "key_id": "ops-2026",
        "signed_at": "2026-11-12T10:00:00Z",
        "expires_at": "2027-02-10T10:00:00Z",
        "checks": [
            {"name": n, "verdict": v, "duration_ms": ms, "summary": s,
             "findings": ["outbound network: declared"] if v == "warn" else []}
            for n, v, ms, s in CHECKS
        ],
        "statement": dsse("https://in-toto.io/attestation/test-result/v0.1", {"result": "PASSED"}),
    }  # fmt: skip


def skill(key: str, status: str = "certified", **more: Any) -> dict[str, Any]:
    return {
        "skill_id": f"id-{key}"[:40],
        "skill_key": key,
        "name": key,
        "description": f"What {key} does, in one sentence that says it all.",
        "category": "analytics",
        "owner": "platform-messaging",
        "status": status,
        "version": "1.2.0",
        "digest": "sha256:" + hashlib.sha256(key.encode()).hexdigest(),
        "created_at": "2026-11-12T09:00:00Z",
        **more,
    }


def detail(one: dict[str, Any]) -> dict[str, Any]:
    certified = one["status"] == "certified"
    version = {k: one[k] for k in ("version", "digest", "status", "created_at")}
    older = {**version, "version": "1.1.0", "status": "revoked", "certificate": None}
    return {
        **one,
        "contract": {"apiVersion": "livery/v1", "version": "1.2.0", "runtime": {"kind": "python"}},
        "capabilities": {"data": ["sessions", "usage"], "network": [], "llm": None},
        "versions": [{**version, "certificate": certificate() if certified else None}, older],
        "channels": {"production": "1.2.0"} if certified else {},
        "diagnostics": [],
    }


def run(
    number: int, status: str = "succeeded", code: str = "tool_ok", **more: Any
) -> dict[str, Any]:
    return {
        "run_id": f"0199aa00-0000-7000-8000-{number:012d}",
        "skill_key": "weekly-digest",
        "skill_version": "1.2.0",
        "digest": "sha256:" + "8f41" * 16,
        "status": status,
        "code": code,
        "ok": status == "succeeded",
        "workspace_id": "w-1",
        "workspace": "clinic-a",
        "hired_agent_id": "agent-0001-0002-0003",
        "principal": "agent:analytics-1",
        "created_at": "2026-11-21T08:41:07Z",
        "finished_at": "2026-11-21T08:41:08Z",
        "duration_ms": 212,
        "cost_usd": 0.0,
        "correlation_id": "c-7f1a93bd00112233",
        "reason": None,
        "artifacts": [],
        "input": {"from": "2026-11-09", "to": "2026-11-16"},
        **more,
    }


def artifact(artifact_id: str, name: str, media_type: str, content: bytes) -> dict[str, Any]:
    return {
        "artifact_id": artifact_id,
        "run_id": run(1)["run_id"],
        "skill_key": "weekly-digest",
        "skill_version": "1.2.0",
        "name": name,
        "media_type": media_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "created_at": "2026-11-21T08:41:08Z",
        "badge": "weekly-digest@1.2.0",
    }


def use(kind: str, name: str, workspace: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "ref": f"ref-{name}", "name": name, "workspace": workspace,
            "version": "1.2.0", "channel": None, **more}  # fmt: skip


def approval(number: int, state: str, **more: Any) -> dict[str, Any]:
    return {
        "approval_id": f"apr_{number}",
        "state": state,
        "decision": None,
        "skill_key": "webhook-send",
        "version": "1.0.0",
        "digest": "sha256:" + "8f41" * 16,
        "action": "send",
        "target": "hooks.example.com",
        "input": {"url": "https://hooks.example.com/in", "body": {"n": number}},
        "workspace": "acme",
        "requested_by": "customer_member:ana",
        "reason": None,
        "created_at": f"2026-11-21T08:4{number}:00Z",
        "expires_at": "2026-11-22T08:40:00Z",
        **more,
    }


class FakePlatform:
    """The documents, to be changed by a test, and the ASGI application that answers them."""

    def __init__(self) -> None:
        self.tokens = dict(TOKENS)
        self.skills = [
            skill("weekly-digest"),
            skill("slack-send", category="messaging"),
            skill("add", category="basics"),
            skill("campaign-pack", "pending_certification", category="marketing"),
            skill("old-export", "revoked", category="storage"),
        ]
        denied = {
            "ok": False,
            "result": None,
            "error": {"code": "skill_capability_denied", "category": "policy", "retryable": False,
                      "message": "weekly-digest called network api.example.net, not declared.",
                      "details": {"capability": "network", "value": "api.example.net"}},
        }  # fmt: skip
        files = [{"artifact_id": a, "name": n} for a, n in (("art-digest", "digest.json"),
                 ("art-chart", "chart.vl.json"), ("art-text", "digest.md"))]  # fmt: skip
        self.runs = [
            run(1, artifacts=files, envelope={"ok": True, "result": DIGEST, "error": None}),
            run(2, "denied", "skill_capability_denied", envelope=denied, duration_ms=1,
                reason=denied["error"]["message"]),
            run(3, "denied", "skill_revoked", skill_key="old-export", duration_ms=0.4,
                envelope=None, reason="old-export@1.2.0 was revoked on 20 November: leaked rows."),
            run(4, "unknown", "execution_error", duration_ms=None, envelope=None),
            run(5, "failed", "plugin_timeout", duration_ms=15000, envelope=None),
            run(6, "running", "", duration_ms=None, envelope=None, ok=False),
        ]  # fmt: skip
        self.content = {
            "art-digest": ("digest.json", "application/json", json.dumps(DIGEST).encode()),
            "art-chart": ("chart.vl.json", "application/json", json.dumps(CHART).encode()),
            "art-text": ("digest.md", "text/markdown", b"# Weekly digest\n\n41 sessions\n"),
        }
        self.approvals = [
            approval(5, "consumed"),
            approval(4, "requested", skill_key="crm-write", target="crm.example.com"),
            approval(3, "denied", reason="Not on a Friday."),
            approval(2, "requested"),
            approval(1, "expired"),
        ]
        self.uses = [
            use("agent_type", "Weekly analyst", "platform"),
            *(use("hired_agent", name, place) for name, place in
              (("Ana", "clinic-a"), ("Ben", "clinic-a"), ("Resident", "default"))),
            use("hired_agent", "Old hand", "default", version="1.1.0"),
        ]  # fmt: skip
        self.state = "verified"
        self.remedies: dict[str, str] = {}
        self.ready = {"database": True, "vault": True, "signing_key": True, "worker": True}
        self.fault: tuple[int, str] | None = None
        self.seen_headers: list[dict[str, str]] = []
        self.asgi = Starlette(routes=[Route("/v1/{path:path}", self._answer)])

    def artifact(self, artifact_id: str) -> dict[str, Any]:
        return artifact(artifact_id, *self.content[artifact_id])

    def client(self, token: str | None, correlation_id: str) -> LiveryClient:
        return LiveryClient(
            "http://platform.test",
            token,
            transport=httpx.ASGITransport(self.asgi),
            correlation_id=correlation_id,
        )

    async def _answer(self, request: Request) -> Response:
        self.seen_headers.append(dict(request.headers))
        if self.fault:
            return self._problem(request, *self.fault)
        path = request.path_params["path"].split("/")
        if path == ["ready"]:
            checks = {n: {"ok": ok, "detail": "answers" if ok else "connection refused"}
                      for n, ok in self.ready.items()}  # fmt: skip
            for name, remedy in self.remedies.items():
                checks[name]["remedy"] = remedy
            ok = all(self.ready.values())
            return JSONResponse(
                {"status": "ready" if ok else "degraded", "checks": checks}, 200 if ok else 503
            )
        role = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if role is None:
            return self._problem(request, 401, "unauthenticated")
        if path == ["whoami"]:
            return JSONResponse({"principal": f"{role}-1", "role": role, "workspace": None,
                                 "hired_agent_id": None})  # fmt: skip
        return self._documents(request, path)

    def _documents(self, request: Request, path: list[str]) -> Response:
        asked = request.query_params
        match path:
            case ["skills"]:
                found = [
                    s for s in self.skills
                    if asked.get("q", "") in s["skill_key"]
                    and asked.get("status", s["status"]) == s["status"]
                ]  # fmt: skip
                return self._page(found, asked)
            case ["skills", key] if any(s["skill_key"] == key for s in self.skills):
                return JSONResponse(detail(next(s for s in self.skills if s["skill_key"] == key)))
            case ["skills", key, "versions", *version, "impact"]:
                return JSONResponse(self._impact(key, "/".join(version)))
            case ["skills", _, "versions", _, "certificate"]:
                return JSONResponse(certificate())
            case ["runs"]:
                found = [
                    r for r in self.runs
                    if asked.get("status", r["status"]) == r["status"]
                    and asked.get("skill_key", r["skill_key"]) == r["skill_key"]
                ]  # fmt: skip
                return self._page(found, asked)
            case ["runs", run_id] if any(r["run_id"] == run_id for r in self.runs):
                return JSONResponse(next(r for r in self.runs if r["run_id"] == run_id))
            case ["approvals"]:
                found = [a for a in self.approvals if asked.get("state", a["state"]) == a["state"]]
                return self._page(found, asked)
            case ["approvals", one] if any(a["approval_id"] == one for a in self.approvals):
                return JSONResponse(next(a for a in self.approvals if a["approval_id"] == one))
            case ["artifacts"]:
                every = [self.artifact(a) for a in self.content]
                found = [a for a in every if asked.get("kind", a["name"]) == a["name"]]
                return JSONResponse({"items": found})
            case ["artifacts", one] if one in self.content:
                return JSONResponse(self.artifact(one))
            case ["artifacts", one, "content"] if one in self.content:
                _, media_type, content = self.content[one]
                return Response(content, media_type=media_type)
            case ["artifacts", one, "provenance"] if one in self.content:
                return JSONResponse(self._provenance(one))
        return self._problem(request, 404, "not_found")

    def _impact(self, key: str, version: str) -> dict[str, Any]:
        uses = [u for u in self.uses if u["version"] == version]
        kinds = [u["kind"] for u in uses]
        return {"skill_key": key, "version": version, "uses": uses, "count": len(uses),
                "kinds": {kind: kinds.count(kind) for kind in sorted(set(kinds))}}  # fmt: skip

    def _page(self, found: list[Any], asked: Any) -> Response:
        start, limit = int(asked.get("cursor", 0)), int(asked.get("limit", 100))
        rest = found[start + limit :]
        cursor = str(start + limit) if rest else None
        return JSONResponse({"items": found[start : start + limit], "next_cursor": cursor})

    def _provenance(self, artifact_id: str) -> dict[str, Any]:
        predicate = {
            "badge": "weekly-digest@1.2.0",
            "digest": "sha256:" + "8f41" * 16,
            "certificate_id": "crt-7f1a0c2d9e",
            "policy": "sha256:" + "3e" * 32,
            "input": "sha256:" + "4f" * 32,
            "output": "sha256:" + "5a" * 32,
            "data": [
                {
                    "window": "sha256:" + "9b" * 32,
                    "queries": {
                        "sessions": "sha256:" + "1c" * 32,
                        "usage": "sha256:" + "2d" * 32,
                    },
                }
            ],
            "run_id": run(1)["run_id"],
        }
        good = self.state == "verified"
        names = ["artifact digest", "statement signature", "certificate signature",
                 "certificate valid at the run", "journal entry"]  # fmt: skip
        return {
            "badge": "weekly-digest@1.2.0",
            "state": self.state,
            "artifact": self.artifact(artifact_id),
            "statement": dsse("https://livery.dev/attestation/run/v1", predicate),
            "predicate": predicate,
            "certificate": certificate()["statement"],
            "keys": {"ops-2026": "-----BEGIN PUBLIC KEY-----\n"},
            "checks": [{"name": n, "ok": good or i > 0, "detail": "as signed"}
                       for i, n in enumerate(names)],
            "journal": {"chain_id": "chain-0001-0002", "seq": 48112},
        }  # fmt: skip

    def _problem(self, request: Request, status: int, code: str) -> Response:
        body = {
            "type": "about:blank", "title": code, "status": status, "code": code,
            "detail": f"Refused: {code}.", "remedy": f"Do something about {code}.",
            "violations": [], "correlation_id": request.headers.get("x-correlation-id", ""),
        }  # fmt: skip
        return JSONResponse(body, status, media_type="application/problem+json")


def settings(**more: Any) -> PortalSettings:
    return PortalSettings(**{"session_keys": (Fernet.generate_key(),), "version": "0.1.0", **more})


async def _serve(port: int) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    platform = FakePlatform()
    app = create_app(platform.client, settings())
    await Server(app, port=port, interface=Interfaces.ASGI, log_enabled=False).serve()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
