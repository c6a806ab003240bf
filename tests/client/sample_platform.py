"""A platform of a few lines that answers the documented shapes, over ASGI and over a socket.

It is no stand-in for the platform's rules: it answers documents, so that the doors' reading of them
is tested. The lead's end-to-end tests run the same doors against the real one.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from livery.manifest.codes import info

TOKEN = "liv_test-token-that-must-not-show"
WHEN = "2026-11-21T08:15:00+00:00"
DIGEST = "sha256:" + "ab" * 32
RUN_ID = "0197f3a2-0000-7000-8000-000000000001"
AGENT_ID = "0197f3a2-0000-7000-8000-00000000a9e7"
HOSTILE = "evil\x1b[31m\x9b2J[bold red]x[/]\u202e\r\x07"

Answer = tuple[int, dict[str, str], bytes]


def envelope(**changes: Any) -> dict[str, Any]:
    return {
        "envelope_version": "1",
        "run_id": RUN_ID,
        "skill_key": "add",
        "skill_version": "1.0.0",
        "digest": DIGEST,
        "provider_id": "builtin",
        "tool_id": "add",
        "status": "succeeded",
        "code": "tool_ok",
        "ok": True,
        "result": {"sum": 5},
        "artifacts": [],
        "approval_id": None,
        "error": None,
        "usage": {"duration_ms": 3, "tokens_in": 0, "tokens_out": 0, "cost_usd": 0.0},
        "side_effects": [],
        "provenance": {},
        "from_cache": False,
        "correlation_id": "cor-1",
    } | changes


def failed(code: str, status: str, message: str, **details: Any) -> dict[str, Any]:
    error = {
        "code": code,
        "category": str(info(code).category),
        "message": message,
        "retryable": False,
        "details": details,
    }
    return envelope(status=status, code=code, ok=False, result=None, error=error)


def problem(code: str, status: int, detail: str, **more: Any) -> Answer:
    document = {
        "type": f"https://livery.dev/problems/{code}",
        "title": "Refused.",
        "status": status,
        "detail": detail,
        "code": code,
        "correlation_id": "cor-1",
        "violations": [],
        "remedy": "Do the other thing.",
    } | more
    return status, {"content-type": "application/problem+json"}, json.dumps(document).encode()


def ok(document: Any, status: int = 200) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps(document).encode()


def skill(key: str = "add", **changes: Any) -> dict[str, Any]:
    return {
        "skill_id": "0197f3a2-0000-7000-8000-0000000000f1",
        "skill_key": key,
        "name": key.capitalize(),
        "description": "Adds two numbers.",
        "category": "basics",
        "owner": "platform",
        "status": "certified",
        "version": "1.0.0",
        "digest": DIGEST,
        "created_at": WHEN,
    } | changes


def run_document(**changes: Any) -> dict[str, Any]:
    return {
        "run_id": RUN_ID,
        "skill_key": "add",
        "skill_version": "1.0.0",
        "digest": DIGEST,
        "status": "succeeded",
        "code": "tool_ok",
        "ok": True,
        "workspace_id": "w",
        "workspace": "acme",
        "hired_agent_id": None,
        "principal": "token:1",
        "created_at": WHEN,
        "finished_at": WHEN,
        "duration_ms": 3,
        "cost_usd": 0.0,
        "correlation_id": "cor-1",
        "reason": None,
        "artifacts": [],
    } | changes


IMPACT: dict[str, Any] = {
    "skill_key": "add",
    "version": "1.0.0",
    "uses": [
        {
            "kind": "binding",
            "ref": "home.main",
            "name": HOSTILE,
            "workspace": "acme",
            "version": "1.0.0",
            "channel": "production",
        }
    ],
    "count": 1,
    "kinds": {"binding": 1},
}


class SamplePlatform:
    """`answer` is the whole server; `requests` is what it was asked."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.skills = [skill(), skill("subtract", description=HOSTILE)]
        self.artifacts: dict[str, tuple[dict[str, Any], bytes, dict[str, Any]]] = {}
        self.certificate: dict[str, Any] = {
            "certificate_id": "c",
            "state": "valid",
            "key_id": "k",
            "signed_at": WHEN,
            "expires_at": "2099-01-01T00:00:00+00:00",
            "checks": [],
            "statement": {},
        }

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        url = urlsplit(target)
        path, query = url.path, {k: v[0] for k, v in parse_qs(url.query).items()}
        seen = {"method": method, "path": path, "query": query, "headers": headers, "body": body}
        self.requests.append(seen)
        public = path in {"/v1/health", "/v1/ready", "/v1/keys"}
        if not public and headers.get("authorization") != f"Bearer {TOKEN}":
            return problem("unauthenticated", 401, "No or bad token.")
        parts = [unquote(part) for part in path.split("/")[2:]]
        handler = getattr(self, f"_{method.lower()}_{parts[0].replace('-', '_')}", None)
        if handler is None:
            return problem("not_found", 404, f"Nothing is at {path}.")
        return handler(parts[1:], query, headers, body)

    def _get_health(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return ok({"status": "ok", "version": "0.1.0"})

    def _get_ready(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        checks = {
            "database": {"ok": True, "detail": "17"},
            "vault": {"ok": False, "detail": "gone"},
        }
        return ok({"status": "degraded", "checks": checks}, 503)

    def _get_whoami(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        who = {"principal": "operator", "role": "operator", "workspace": None}
        return ok(who | {"hired_agent_id": None})

    def _get_metrics(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return 200, {"content-type": "text/plain"}, b"livery_runs 1\n"

    def _get_keys(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return ok({"keys": {"k": "-----BEGIN PUBLIC KEY-----"}})

    def _post_tokens(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        asked = json.loads(body)
        return ok({"token": "t", "token_id": "i", "expires_at": None, **asked}, 201)

    def _get_tokens(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return ok({"items": [{"token_id": "i", "role": "operator"}]})

    def _delete_tokens(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return 204, {}, b""

    def _get_workspaces(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return ok({"items": [{"workspace_id": "w", "slug": "acme", "name": "Acme Ltd"}]})

    def _post_workspaces(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return ok({"workspace_id": "w", "slug": "acme", **json.loads(body)}, 201)

    def _get_skills(self, parts: Any, query: dict[str, str], headers: Any, body: bytes) -> Answer:
        if not parts:
            return self._page(self.skills, query)
        found = next((s for s in self.skills if s["skill_key"] == parts[0]), None)
        if found is None:
            return problem("not_found", 404, f"There is no skill {parts[0]}.")
        if parts[-1] == "certificate":
            return ok(self.certificate)
        if parts[-1] == "impact":
            return ok(IMPACT)
        if parts[-1] == "package":
            return 200, {"content-type": "application/zip"}, b"PK-zip"
        version = {k: found[k] for k in ("version", "digest", "status", "created_at")}
        detail = {
            "contract": {},
            "capabilities": {"network": ["api.example.org"]},
            "versions": [{**version, "certificate": self.certificate}],
            "channels": {"production": "1.0.0"},
            "diagnostics": [],
        }
        return ok(found | detail)

    def _get_skill_diagnostics(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        said = {
            "code": "malformed_frontmatter",
            "message": f"the field {HOSTILE!r} is not allowed",
            "remedy": "Move it below metadata.",
            "file": "SKILL.md",
            "line": 4,
            "severity": "warning",
        }
        return self._page([{"key": "add", "version": "1.0.0", "diagnostics": [said]}], query)

    def _post_skills(self, parts: Any, query: Any, headers: dict[str, str], body: bytes) -> Answer:
        if parts == ["batch"]:
            status = "pending_certification"
            made = {"path": "0/packaged", "key": "packaged", "version": "1.0.0", "digest": DIGEST}
            return ok({"loaded": [made | {"status": status, "diagnostics": []}], "rejected": []})
        if parts and parts[-1] == "certify":
            bad = parts[0] == "broken"
            check = {
                "name": "fixtures",
                "verdict": "fail" if bad else "pass",
                "duration_ms": 1.0,
                "summary": "2 of 2",
                "findings": [],
            }
            return ok(
                {
                    "key": parts[0],
                    "version": "1.0.0",
                    "digest": DIGEST,
                    "status": "pending_certification" if bad else "certified",
                    "checks": [check],
                    "certificate": None if bad else self.certificate,
                }
            )
        if parts and parts[-1] == "revoke":
            changed = {"version": "1.0.0", "digest": DIGEST, "status": "revoked"}
            return ok(skill(parts[0], status="revoked", changed=changed, impact=IMPACT))
        if headers.get("content-type", "").startswith("multipart/"):
            return ok(skill("packaged", status="pending_certification"), 201)
        asked = json.loads(body)
        if asked.get("skill_key") == "add":
            return problem("already_exists", 409, "There is a skill add.")
        return ok(skill("made", **asked), 201)

    def _post_runs(self, parts: Any, query: Any, headers: dict[str, str], body: bytes) -> Answer:
        asked = json.loads(body)
        key = asked["skill_key"]
        if key == "revoked":
            denied = failed("skill_revoked", "denied", "add@1.0.0 was revoked: wrong totals.")
            more = {"envelope": denied, "run_id": RUN_ID}
            return problem("skill_revoked", 403, "add@1.0.0 was revoked.", **more)
        if key == "effect":
            waits = failed("approval_required", "denied", "send needs an approval.")
            more = {"envelope": waits, "run_id": RUN_ID, "approval_request_id": "APR-7"}
            return problem("approval_required", 403, "send needs an approval.", **more)
        if key == "waits":
            return ok(failed("approval_required", "awaiting_approval", "Waits."), 202)
        if key == "fails":
            return ok(failed("provider_execution_failed", "failed", "It broke."))
        if key == "hostile":
            return ok(envelope(skill_key="hostile", result=HOSTILE))
        if key == "new-code":
            return problem("code_of_next_year", 418, "Something new.")
        if key == "secret":
            violations = [{"pointer": "/api_key", "message": "a raw secret"}]
            return problem("secret_in_payload", 422, "A secret.", violations=violations)
        if key != "add":
            return problem("not_found", 404, f"There is no skill {key}.")
        given = asked["input"]
        again = bool(headers.get("idempotency-key") == "again")
        return ok(envelope(result={"sum": given["a"] + given["b"]}, from_cache=again))

    def _get_runs(self, parts: Any, query: dict[str, str], headers: Any, body: bytes) -> Answer:
        if parts:
            denied = failed("skill_revoked", "denied", "Revoked.")
            row = run_document(status="denied", code="skill_revoked", ok=False, skill_version=None)
            return ok(row | {"input": {"a": 1}, "envelope": denied})
        rows = [run_document(run_id=f"run-{n}") for n in range(250)]
        rows[0] |= {"status": "denied", "code": "skill_revoked", "reason": HOSTILE}
        return self._page(rows, query)

    def _get_artifacts(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        if not parts:
            return ok({"items": [artifact for artifact, _, _ in self.artifacts.values()]})
        if parts[0] not in self.artifacts:
            return problem("not_found", 404, "There is no such artifact.")
        artifact, content, proof = self.artifacts[parts[0]]
        if parts[-1] == "content":
            return 200, {"content-type": "application/octet-stream"}, content
        return ok(proof if parts[-1] == "provenance" else artifact)

    def _get_audit(self, parts: Any, query: dict[str, str], headers: Any, body: bytes) -> Answer:
        if parts == ["verify"]:
            chain = {"chain_id": "c1", "entries": 2, "head": "ff" * 32, "ok": True, "detail": ""}
            return ok({"ok": True, "chains": [chain]})
        if parts == ["checkpoints"]:
            return ok({"ok": True, "count": 2, "newest": "ff" * 32, "detail": "whole"})
        if parts == ["checkpoint"]:
            return ok({"payload": "", "payloadType": "t", "signatures": []})
        if parts == ["export"]:
            return 200, {"content-type": "application/x-ndjson"}, b'{"type": "entry"}\n' * 2
        row = {
            "chain_id": "c1",
            "seq": 1,
            "at": WHEN,
            "kind": "run.denied",
            "workspace_id": "w",
            "subject_id": "s",
            "code": "skill_revoked",
            "correlation_id": "cor-1",
            "body": {},
        }
        return self._page([row], query)

    def _get_agent_types(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        name = "analytics.weekly_digest.v1"
        row = {"agent_type": name, "status": "published", "required_skill_keys": ["weekly-digest"]}
        return ok({"items": [row]})

    def _get_hired_agents(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return ok({"items": [self._agent("Analyst"), self._agent("Twin"), self._agent("Twin")]})

    def _post_hired_agents(self, parts: Any, query: Any, headers: Any, body: bytes) -> Answer:
        return ok(self._agent(json.loads(body)["name"]), 201)

    def _agent(self, name: str) -> dict[str, Any]:
        return {
            "hired_agent_id": AGENT_ID,
            "agent_type": "analytics.weekly_digest.v1",
            "name": name,
            "workspace": {"id": "w", "slug": "acme"},
            "status": "active",
            "skills": [{"skill_key": "weekly-digest", "version": "1.0.0"}],
        }

    @staticmethod
    def _page(rows: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        begin, size = int(query.get("cursor", 0)), int(query.get("limit", 100))
        end = begin + size
        following = str(end) if end < len(rows) else None
        return ok({"items": rows[begin:end], "next_cursor": following})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The platform as an ASGI application."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        raw_path = scope.get("raw_path") or scope["path"].encode()
        target = (raw_path.split(b"?")[0] + b"?" + scope["query_string"]).decode()
        status, answer_headers, content = self.answer(scope["method"], target, headers, body)
        pairs = [(k.encode(), v.encode()) for k, v in answer_headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})

    @contextmanager
    def on_socket(self) -> Iterator[str]:
        """The platform behind a real socket on loopback; yields its address."""
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {k.lower(): v for k, v in self.headers.items()}
                status, more, content = platform.answer(self.command, self.path, headers, body)
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _do  # noqa: N815 - the names of http.server

            def log_message(self, *args: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
