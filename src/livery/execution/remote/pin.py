"""What a certificate pins of a remote tool, and what of it is another now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livery.execution.remote.settings import Server
from livery.manifest.canonical import canonical_hash

PIN = "mcp_tool"
"""The member of a certificate's pins."""
_WORDS = {
    "server": "the server behind its name",
    "title": "its title",
    "description": "its description",
    "input_schema": "its input schema",
    "output_schema": "its output schema",
    "annotations": "its annotations",
}


def pin_of(server: Server, tool: Mapping[str, Any]) -> dict[str, str]:
    """Name and hashes (RFC 8785) of a tool as `tools/list` gives it. Raises NotIJson where it cannot be hashed."""
    parts = {
        "server": server.identity,
        "title": canonical_hash(tool.get("title")),
        "description": canonical_hash(tool.get("description")),
        "input_schema": canonical_hash(tool.get("inputSchema")),
        "output_schema": canonical_hash(tool.get("outputSchema")),
        "annotations": canonical_hash(tool.get("annotations")),
    }
    name = f"{server.name}:{tool['name']}"
    return {"tool": name, **parts, "sha256": canonical_hash({"tool": name, **parts})}


def changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a tool is not what was pinned, in words; nothing where all of it is."""
    if then.get("sha256") == now.get("sha256"):
        return ()
    found = tuple(words for part, words in _WORDS.items() if then.get(part) != now.get(part))
    return found or ("its name",)
