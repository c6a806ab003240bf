"""Headers of the MCP messages that the client carries; the SDK reads them as the server does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import InboundModernRoute, classify_inbound_request, decode_header_value

from livery.client.mcp import VERSION_META, _routing, _value

META = {VERSION_META: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_survives_as_a_header(text: str) -> None:
    value = _value(text)
    assert value.isascii()
    assert not value or value.isprintable()
    assert decode_header_value(value) == text


@given(name=st.text(st.characters(exclude_categories=["Cs"])))
@pytest.mark.parametrize("method", ["tools/call", "tools/list", "server/discover"])
def test_headers_repeat_the_message(method: str, name: str) -> None:
    body: dict[str, Any] = {"method": method, "params": {"_meta": META, "name": name}}
    headers = {key.lower(): value for key, value in _routing(body, None).items()}
    assert isinstance(classify_inbound_request(body, headers=headers), InboundModernRoute)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"method": "ping"},
        {"method": 5, "params": 7},
        {"params": {"_meta": 3}},
        {"params": {"_meta": {VERSION_META: 9}}},
    ],
)
def test_a_message_without_version_has_the_one_agreed_on(body: dict[str, Any]) -> None:
    assert _routing(body, None) == {}
    assert _routing(body, "2025-06-18") == {"MCP-Protocol-Version": "2025-06-18"}
