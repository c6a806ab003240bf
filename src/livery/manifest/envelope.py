"""The result envelope: what every run answers. Skills return outcomes, not exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from livery.manifest.codes import Category, info

ENVELOPE_VERSION: Final = "1"


@dataclass(slots=True)
class EnvelopeError:
    """Why a run did not succeed; ``category`` is a value of ``codes.Category``."""

    code: str
    category: str
    message: str
    retryable: bool
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the error as a JSON object with the fields in their order."""
        return {
            "code": self.code,
            "category": self.category,
            "message": self.message,
            "retryable": self.retryable,
            "details": self.details,
        }


@dataclass(slots=True)
class Usage:
    """What a run used: milliseconds, model tokens, and cost in whole micro-USD."""

    duration_ms: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd_micros: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the usage as a JSON object; ``cost_usd`` is in dollars (micro-USD / 10^6)."""
        return {
            "duration_ms": self.duration_ms,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost_usd": self.cost_usd_micros / 1_000_000,
        }


@dataclass(slots=True)
class Envelope:
    """One run's answer. ``status`` is the run's state, ``code`` is ``tool_ok`` or why not."""

    run_id: str
    skill_key: str
    skill_version: str | None
    digest: str | None
    status: str
    code: str
    ok: bool
    correlation_id: str
    result: Any = None
    provider_id: str | None = None
    tool_id: str | None = None
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    approval_id: str | None = None
    error: EnvelopeError | None = None
    usage: Usage = field(default_factory=Usage)
    side_effects: list[dict[str, Any]] = field(default_factory=list)
    provenance: dict[str, Any] | None = None
    from_cache: bool = False
    envelope_version: str = ENVELOPE_VERSION
    encoded: bytes | None = field(default=None, repr=False, compare=False)
    """The JSON of just this envelope, where somebody encoded it when it was complete; nobody changes it after that."""

    def to_dict(self) -> dict[str, Any]:
        """Return the envelope as a JSON object with the fields in the documented order.

        The nested ``result``, lists and ``provenance`` are shared with the envelope, not copied.
        """
        error = self.error
        return {
            "envelope_version": self.envelope_version,
            "run_id": self.run_id,
            "skill_key": self.skill_key,
            "skill_version": self.skill_version,
            "digest": self.digest,
            "provider_id": self.provider_id,
            "tool_id": self.tool_id,
            "status": self.status,
            "code": self.code,
            "ok": self.ok,
            "result": self.result,
            "artifacts": self.artifacts,
            "approval_id": self.approval_id,
            "error": None if error is None else error.to_dict(),
            "usage": self.usage.to_dict(),
            "side_effects": self.side_effects,
            "provenance": self.provenance,
            "from_cache": self.from_cache,
            "correlation_id": self.correlation_id,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Envelope:
        """Read an envelope; members that this version does not know are ignored.

        Raises ValueError when a required member is missing or has the wrong type.
        """
        try:
            error, usage = data.get("error"), data.get("usage") or {}
            return cls(
                run_id=_text(data["run_id"]),
                skill_key=_text(data["skill_key"]),
                skill_version=data.get("skill_version"),
                digest=data.get("digest"),
                status=_text(data["status"]),
                code=_text(data["code"]),
                ok=bool(data["ok"]),
                correlation_id=_text(data["correlation_id"]),
                result=data.get("result"),
                provider_id=data.get("provider_id"),
                tool_id=data.get("tool_id"),
                artifacts=list(data.get("artifacts") or ()),
                approval_id=data.get("approval_id"),
                error=None if error is None else _error(error),
                usage=_usage(usage),
                side_effects=list(data.get("side_effects") or ()),
                provenance=data.get("provenance"),
                from_cache=bool(data.get("from_cache", False)),
                envelope_version=_text(data.get("envelope_version", ENVELOPE_VERSION)),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as fault:
            raise ValueError(f"not a result envelope: {fault!r}") from fault


def ok_envelope(
    *,
    run_id: str,
    skill_key: str,
    skill_version: str | None,
    digest: str | None,
    correlation_id: str,
    result: Any,
    usage: Usage | None = None,
    artifacts: list[dict[str, Any]] | None = None,
    side_effects: list[dict[str, Any]] | None = None,
    provenance: dict[str, Any] | None = None,
    approval_id: str | None = None,
    provider_id: str | None = None,
    tool_id: str | None = None,
    from_cache: bool = False,
) -> Envelope:
    """Return the envelope of a run that succeeded (``succeeded``, ``tool_ok``)."""
    return Envelope(
        run_id,
        skill_key,
        skill_version,
        digest,
        "succeeded",
        "tool_ok",
        True,
        correlation_id,
        result,
        provider_id,
        tool_id,
        artifacts if artifacts is not None else [],
        approval_id,
        None,
        usage if usage is not None else Usage(),
        side_effects if side_effects is not None else [],
        provenance,
        from_cache,
    )


def error_envelope(
    code: str,
    *,
    run_id: str,
    skill_key: str,
    skill_version: str | None,
    digest: str | None,
    correlation_id: str,
    status: str = "failed",
    message: str | None = None,
    retryable: bool | None = None,
    details: dict[str, Any] | None = None,
    usage: Usage | None = None,
    side_effects: list[dict[str, Any]] | None = None,
    provenance: dict[str, Any] | None = None,
    approval_id: str | None = None,
    provider_id: str | None = None,
    tool_id: str | None = None,
    from_cache: bool = False,
) -> Envelope:
    """Return the envelope of a run that did not succeed; KeyError for an unknown code.

    ``status`` is the run's state (``failed``, ``denied``, ``canceled``, ``unknown``,
    ``awaiting_approval``). Message and retryable default to the code's own. The caller has
    redacted ``message`` and ``details``.
    """
    about = info(code)
    return Envelope(
        run_id,
        skill_key,
        skill_version,
        digest,
        status,
        code,
        False,
        correlation_id,
        None,
        provider_id,
        tool_id,
        [],
        approval_id,
        EnvelopeError(
            code,
            str(about.category or Category.INTERNAL),
            message or about.message,
            about.retryable if retryable is None else retryable,
            details if details is not None else {},
        ),
        usage if usage is not None else Usage(),
        side_effects if side_effects is not None else [],
        provenance,
        from_cache,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return value


def _error(data: Mapping[str, Any]) -> EnvelopeError:
    return EnvelopeError(
        _text(data["code"]),
        _text(data["category"]),
        _text(data["message"]),
        bool(data["retryable"]),
        dict(data.get("details") or {}),
    )


def _usage(data: Mapping[str, Any]) -> Usage:
    return Usage(
        int(data.get("duration_ms") or 0),
        int(data.get("tokens_in") or 0),
        int(data.get("tokens_out") or 0),
        round(float(data.get("cost_usd") or 0) * 1_000_000),
    )
