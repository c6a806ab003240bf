"""The answer of a remote tool as a skill's output."""

from __future__ import annotations

import json
from typing import Any

from mcp_types import CallToolResult, TextContent

from livery.manifest.schema import compile_schema
from livery.services.runs.types import Invoked

_MAX_MESSAGE = 2000


def answered(result: CallToolResult, output_schema: Any) -> Invoked:
    """Structured content as it is; else the text, or the JSON that it is where the contract wants that."""
    texts = [item.text for item in result.content if isinstance(item, TextContent)]
    if result.is_error:
        said = "\n".join(texts)[:_MAX_MESSAGE] or "The tool reports an error and says nothing."
        return Invoked(code="provider_execution_failed", message=said)
    if result.structured_content is not None:
        return Invoked(_unwrapped(result.structured_content, output_schema))
    if len(texts) < len(result.content):
        said = "The tool answers with more than text, which this platform does not take."
        return Invoked(code="tool_output_invalid", message=said)
    text = "\n".join(texts)
    accepts = compile_schema(output_schema).is_valid
    if not accepts(text):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return Invoked(text)
        return Invoked(value)
    return Invoked(text)


def _unwrapped(value: Any, output_schema: Any) -> Any:
    # Servers wrap what is no object as {"result": …}; the contract says which of the two it promises.
    if isinstance(value, dict) and value.keys() == {"result"}:
        accepts = compile_schema(output_schema).is_valid
        if not accepts(value) and accepts(value["result"]):
            return value["result"]
    return value
