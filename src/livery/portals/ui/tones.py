"""Which colour says what: green is certified, amber waits for a person, red was denied."""

_TONES = {
    "success": (
        "certified", "valid", "succeeded", "verified", "ready", "pass", "active", "ok", "low",
        "granted",
    ),
    "warning": (
        "pending_certification", "pending", "deprecated", "stale", "unknown", "awaiting_approval",
        "degraded", "warn", "paused", "medium", "requested",
    ),
    "error": (
        "revoked", "expired", "denied", "failed", "fail", "unverified", "deleted", "rejected",
        "high",
    ),
    "info": ("running", "queued", "production", "staging"),
}  # fmt: skip
_TONE_OF = {state: name for name, states in _TONES.items() for state in states}


def tone(state: object) -> str:
    """The tone of a state's chip: `success`, `warning`, `error`, `info`, or `plain`."""
    return _TONE_OF.get(str(state), "plain")
