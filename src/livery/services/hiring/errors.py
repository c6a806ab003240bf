"""Refusals of hiring."""

from livery.manifest.errors import LiveryError


class AgentTypeNotFound(LiveryError):
    """There is no such agent type."""

    code = "agent_type_not_found"


class AgentExists(LiveryError):
    """The workspace has a hired agent of this name."""

    code = "already_exists"
