"""Skills as MCP tools, envelopes as MCP results: documents on the wire, without the SDK."""

from __future__ import annotations

from typing import Any

import orjson

from livery.manifest.codes import info
from livery.manifest.contract import Contract
from livery.manifest.envelope import Envelope
from livery.manifest.errors import LiveryError

META = "io.livery/"
"""Prefix of our members of `_meta`: `badge` and `digest` of a tool; `approval-id` and
`idempotency-key` of a call."""
APPROVAL = "approval"
"""The key of the one thing that a client is asked for: a person's decision."""


def tool(contract: Contract, name: str, description: str, digest: str) -> dict[str, Any]:
    """A tool of `tools/list`: the skill's key, its description, and the contract's input schema."""
    effects = contract.capabilities.effects
    return {
        "name": contract.skill_key,
        "title": name,
        "description": description,
        "inputSchema": _object_schema(contract.input_schema),
        "annotations": {
            "readOnlyHint": not effects,
            "destructiveHint": bool(effects),
            "openWorldHint": bool(effects or contract.capabilities.network),
        },
        "_meta": {
            f"{META}badge": f"{contract.skill_key}@{contract.version}",
            f"{META}digest": digest,
        },
    }


def result(envelope: Envelope) -> dict[str, Any]:
    """The result of a run: its value as text for the model, the whole envelope as structured content."""
    if envelope.ok:
        return _answer(_text(envelope.result), envelope.to_dict(), failed=False)
    error = envelope.error
    message = error.message if error else envelope.status
    return _answer(
        _refusal(envelope.code, message, _remedy(envelope), run_id=envelope.run_id),
        envelope.to_dict(),
        failed=True,
    )


def ask(approval_id: str, message: str, url: str) -> dict[str, Any]:
    """The result that is none yet: a person must decide at `url`, then the call is repeated with the state."""
    return {
        "resultType": "input_required",
        "inputRequests": {
            APPROVAL: {
                "method": "elicitation/create",
                "params": {
                    "mode": "url",
                    "message": f"{message} Open the page, decide, and continue.",
                    "url": url,
                },
            }
        },
        "requestState": approval_id,
    }


def refusal(error: LiveryError, correlation_id: str, url: str = "") -> dict[str, Any]:
    """A refused call: code, reason and way out. The structured content is the envelope that the
    record holds of it, with `error.details.approval_request_id` where an approval was asked for;
    where nothing was recorded it is the problem document. At `url` a person may decide."""
    envelope: Envelope | None = getattr(error, "envelope", None)
    request_id: str | None = getattr(error, "approval_request_id", None)
    if envelope is None:
        document = error.problem(correlation_id)
        return _answer(_refusal(error.code, error.message, error.remedy), document, failed=True)
    document = envelope.to_dict()
    details: dict[str, Any] = {"remedy": error.remedy}
    if error.violations:
        details["violations"] = [item.to_dict() for item in error.violations]
    if request_id is not None:
        details["approval_request_id"] = request_id
        details["approval_url"] = url
    if document["error"] is not None:
        known = document["error"]["details"]
        document["error"] = {**document["error"], "details": {**known, **details}}
    places = [f"{item.pointer or '/'}: {item.message}" for item in error.violations]
    text = _refusal(
        error.code,
        error.message,
        error.remedy,
        *places,
        f"Approval request: {request_id}" if request_id is not None else "",
        f"A person decides at: {url}" if request_id is not None and url else "",
        run_id=envelope.run_id,
    )
    return _answer(text, document, failed=True)


def _answer(text: str, document: dict[str, Any], *, failed: bool) -> dict[str, Any]:
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": document,
        "isError": failed,
    }


def _refusal(code: str, message: str, remedy: str, *more: str, run_id: str = "") -> str:
    lines = [f"{code}: {message}", *more, f"Way out: {remedy}" if remedy else ""]
    if run_id:
        lines.append(f"Run: {run_id}")
    return "\n".join(line for line in lines if line)


def _remedy(envelope: Envelope) -> str:
    details = envelope.error.details if envelope.error else {}
    return str(details.get("remedy") or info(envelope.code).remedy)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _object_schema(schema: Any) -> dict[str, Any]:
    # MCP wants an object at the root; a tool's arguments are one in any case.
    if not isinstance(schema, dict):
        return {"type": "object"}
    return schema if schema.get("type") == "object" else {**schema, "type": "object"}
