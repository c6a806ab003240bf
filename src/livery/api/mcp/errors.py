"""Refusals of the agent's door."""

from livery.manifest.errors import LiveryError


class McpMissing(LiveryError):
    """The MCP SDK is not installed here."""

    code = "configuration_error"

    def __init__(self) -> None:
        super().__init__(
            self.code,
            "The MCP door needs the MCP SDK, which is not installed here.",
            remedy="Install it beside the platform: pip install 'livery[mcp]'; then start it again.",
        )
