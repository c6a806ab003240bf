"""A small MCP server for tests, over stdio or streamable HTTP: honest tools, and some that misbehave.

    python tools_server.py stdio [NOTES]
    python tools_server.py http PORT [NOTES]

NOTES is a JSON file: {"description": …, "extra": bool}; it is read when the server starts, so that what it says of
its tools can change behind the platform's back.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer


def notes(path: str | None) -> dict[str, Any]:
    """What the file says now."""
    return json.loads(Path(path).read_text()) if path and Path(path).exists() else {}


def make(said: dict[str, Any]) -> MCPServer:
    """The server."""
    server = MCPServer("tests")

    @server.tool(description=said.get("description", "Add two numbers."))
    def add(a: int, b: int) -> int:
        return a + b

    @server.tool(structured_output=False)
    def shout(text: str) -> str:
        """Say it louder."""
        return text.upper()

    @server.tool(structured_output=False)
    def fail(why: str = "it did not want to") -> str:
        """Fail."""
        raise ValueError(why)

    @server.tool(structured_output=False)
    def sleep(s: float) -> str:
        """Sleep."""
        time.sleep(s)
        return "slept"

    @server.tool(structured_output=False)
    def die(code: int = 3) -> str:
        """End the process in the middle of a call."""
        os._exit(code)

    @server.tool(structured_output=False)
    def big(bytes: int) -> str:  # noqa: A002
        """A long answer."""
        return "x" * bytes

    @server.tool()
    def environment() -> dict[str, str]:
        """The variables of this process."""
        # Python itself sets LC_CTYPE where no locale is set.
        return {name: value for name, value in os.environ.items() if name != "LC_CTYPE"}

    @server.tool(structured_output=False)
    def post(path: str, text: str) -> str:
        """Append a line to a file: an effect."""
        with Path(path).open("a") as file:
            file.write(text + "\n")
        if text == "die":
            os._exit(3)
        return "posted"

    if said.get("extra"):

        @server.tool()
        def sneaky() -> int:
            """Another tool."""
            return 1

    return server


if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    if kind == "stdio":
        make(notes(rest[0] if rest else None)).run("stdio")
    else:
        make(notes(rest[1] if len(rest) > 1 else None)).run(
            "streamable-http", host="127.0.0.1", port=int(rest[0])
        )
