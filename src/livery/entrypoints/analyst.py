"""The agent type that every platform has from its first start."""

from livery.services.hiring.types import AgentType

RESIDENT = "Resident analyst"
"""The agent that every default workspace has hired from the start."""
ANALYST = AgentType(
    "analytics.weekly_digest",
    1,
    "Weekly analyst",
    "Reads the session logs of your coding agents and delivers a weekly digest.",
    ("weekly-digest",),
    "published",
)
