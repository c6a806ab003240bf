"""Refusals and failures as panels: what happened, why, and the way out."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from livery.cli import exits, look
from livery.cli.text import line, text
from livery.client import ApiProblem, RunDenied
from livery.client.endings import way_out
from livery.manifest.errors import LiveryError, Violation

MAX_VIOLATIONS = 10
_TITLES = {
    exits.DENIED: ("DENIED", look.BAD),
    exits.NEEDS_APPROVAL: ("NEEDS APPROVAL", look.WAIT),
    exits.USAGE: ("USAGE", look.WAIT),
}


def error_panel(error: LiveryError) -> Panel:
    """An error of ours, or a refusal of the platform."""
    run_id = error.run_id if isinstance(error, RunDenied) else None
    asked = error.approval_request_id if isinstance(error, RunDenied) else None
    return _panel(
        exits.of_error(error),
        code=error.code,
        reason=str(error.message),
        way_out=_approve(asked) if asked else error.remedy,
        violations=error.violations,
        run_id=run_id,
        correlation_id=error.correlation_id if isinstance(error, ApiProblem) else None,
        approval_id=asked,
    )


def _approve(approval_id: str) -> str:
    return (
        f"livery approvals grant {approval_id}\nthen repeat the call with --approval {approval_id}"
    )


def envelope_panel(envelope: Mapping[str, Any]) -> Panel:
    """A run that was denied, failed, or waits for approval, from its envelope."""
    error: Mapping[str, Any] = envelope.get("error") or {}
    details = error.get("details")
    details = details if isinstance(details, dict) else {}
    return _panel(
        exits.of_envelope(envelope),
        code=str(error.get("code") or envelope.get("code") or "internal_error"),
        reason=str(error.get("message") or "The run did not succeed."),
        way_out=way_out(envelope),
        violations=[
            Violation(str(v.get("pointer", "")), str(v.get("message", "")))
            for v in details.get("violations") or ()
            if isinstance(v, dict)
        ],
        run_id=envelope.get("run_id"),
        correlation_id=envelope.get("correlation_id"),
        approval_id=envelope.get("approval_id"),
    )


def crash_panel(error: BaseException) -> Panel:
    """Something nobody foresaw, in one sentence."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    parts = (line(said), None, _way_out("Run it again with --debug for the traceback."))
    return look.alert("FAILED · internal_error", look.BAD, parts)


def _panel(
    exit_code: int,
    *,
    code: str,
    reason: str,
    way_out: object,
    violations: Sequence[Violation],
    run_id: object,
    correlation_id: object,
    approval_id: object,
) -> Panel:
    title, colour = _TITLES.get(exit_code, ("FAILED", look.BAD))
    parts: list[RenderableType | None] = [text(reason, "bold")]
    unsaid = [v for v in violations if f"{v.pointer or '/'}: {v.message}" not in reason]
    parts += [_violation(v) for v in unsaid[:MAX_VIOLATIONS]]
    if len(unsaid) > MAX_VIOLATIONS:
        parts.append(Text(f"… and {len(unsaid) - MAX_VIOLATIONS} more"))
    parts.append(_way_out(way_out) if way_out else None)
    known = [
        ("Approval", approval_id or None),
        ("Run", run_id or None),
        ("Correlation", correlation_id or None),
    ]
    if any(value for _, value in known):
        parts += [Text(), look.facts(known)]
    return look.alert(f"{title} · {code}", colour, parts)


def _violation(violation: Violation) -> Text:
    where = violation.pointer or "(the whole input)"
    return Text.assemble("  ", line(where, "bold"), "  ", line(violation.message))


def _way_out(what: object) -> Text:
    return Text.assemble("\n", ("Way out  ", f"bold {look.GOOD}"), text(what))
