from __future__ import annotations

import json
import uuid
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livery.vault.tokens import read_token
from livery.vault.types import Grant

from .conftest import CANARY, Vault

WORKSPACE = str(uuid.UUID(int=7))
REF = "cred_" + "0" * 32
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from([WORKSPACE, REF, CANARY, "slack.bot", "\x00", "a" * 300]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
GOOD = {
    "workspace_id": WORKSPACE,
    "kind": "slack.bot",
    "label": "Team chat",
    "secret": {"key": CANARY},
    "credential_ref": REF,
    "run_id": "run-1",
    "skill_key": "slack-send",
}


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    body: dict[str, Any] = {
        key: draw(json_values) if draw(st.integers(0, 3)) == 0 else value
        for key, value in GOOD.items()
        if draw(st.integers(0, 3))
    }
    body |= draw(st.dictionaries(st.text(max_size=8), json_values, max_size=1))
    return json.dumps(body).encode()


def plain(size: int) -> st.SearchStrategy[str]:
    """Text that can be put into a query string."""
    return st.text(st.characters(codec="utf-8"), max_size=size)


segments = st.sampled_from(["", "vault", "v1", "credentials", "resolve", REF, "rotate"])
paths = st.lists(segments | st.text(max_size=10), max_size=6).map("/".join) | st.sampled_from(
    [
        "vault/v1/credentials",
        "vault/v1/resolve",
        f"vault/v1/credentials/{REF}",
        f"vault/v1/credentials/{REF}/rotate",
    ]
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    grant=st.sampled_from([Grant.WRITE, Grant.RESOLVE, None]),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]),
    path=paths,
    query=st.dictionaries(
        st.sampled_from(["workspace_id", "limit", "cursor"]) | plain(5),
        st.sampled_from([WORKSPACE, REF, "5"]) | plain(10),
        max_size=3,
    ),
    headers=st.dictionaries(
        st.sampled_from(["x-correlation-id", "x-livery-actor", "content-type", "authorization"]),
        st.binary(max_size=30),
        max_size=2,
    ),
    body=bodies(),
)
async def test_no_input_breaks_the_door(
    vault: Vault,
    grant: Grant | None,
    method: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, bytes],
    body: bytes,
) -> None:
    lines = dict(headers)
    if grant is not None:
        lines["authorization"] = b"Bearer " + read_token(vault.keys_dir, grant).reveal().encode()
    status, answered, text = await _ask(vault, method, "/" + path, urlencode(query), lines, body)
    assert status < 500
    assert CANARY.encode() not in text
    if status >= 400 and method != "HEAD":
        problem = json.loads(text)
        assert problem["correlation_id"].encode() == answered[b"x-correlation-id"]
        assert {"code", "remedy"} <= problem.keys()


async def _ask(
    vault: Vault, method: str, path: str, query: str, headers: dict[str, bytes], body: bytes
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Speak ASGI: an HTTP client would refuse to send half of what is tried here."""
    sent: list[MutableMapping[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": query.encode(),
        "headers": [(name.encode(), value) for name, value in headers.items()],
        "root_path": "",
        "client": None,
        "server": ("vault.localhost", None),
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await vault.transport.app(scope, receive, send)  # type: ignore[arg-type]
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]
