"""A server without the SDK that answers a call with messages that never end: long ones, or many."""

import json
import sys
from typing import Any

SCHEMA = {"type": "object"}
TOOLS = [{"name": name, "inputSchema": SCHEMA} for name in ("line", "notes", "garbage")]


def say(message: dict[str, Any]) -> None:
    """One message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def flood(name: str) -> None:
    """Until nobody reads any more."""
    note = {"method": "notifications/message", "params": {"level": "info", "data": "x" * 1000}}
    while True:
        if name == "line":
            sys.stdout.write("x" * 65536)
        elif name == "garbage":
            sys.stdout.write("no message\n" * 4096)
        else:
            say(note)


for line in sys.stdin:
    asked = json.loads(line)
    method, number = asked.get("method"), asked.get("id")
    if method == "initialize":
        version = asked["params"]["protocolVersion"]
        about = {"name": "flood", "version": "1"}
        say(
            {
                "id": number,
                "result": {
                    "protocolVersion": version,
                    "capabilities": {"tools": {}},
                    "serverInfo": about,
                },
            }
        )
    elif method == "tools/list":
        say({"id": number, "result": {"tools": TOOLS}})
    elif method == "tools/call":
        flood(asked["params"]["name"])
    elif number is not None:
        say({"id": number, "error": {"code": -32601, "message": "unknown"}})
