"""The short way of POST /v1/runs answers as the long way does."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.support.platform import URL, Running

ADD: dict[str, Any] = {"skill_key": "add", "input": {"a": 2, "b": 3}}
CASES: dict[str, dict[str, Any]] = {
    "a result": {"json": ADD, "headers": {"X-Correlation-ID": "c-1"}},
    "a minted correlation id": {"json": ADD},
    "a correlation id that is a secret": {
        "json": ADD,
        "headers": {"X-Correlation-ID": "ghp_0123456789abcdefghij"},
    },
    "a denial": {"json": {**ADD, "input": {"a": "x", "b": 3}}},
    "no token": {"json": ADD, "headers": {"Authorization": ""}},
    "an unknown skill": {"json": {**ADD, "skill_key": "nothing"}},
    "an unknown member": {"json": {**ADD, "more": 1}},
    "no JSON": {"content": b"{", "headers": {"Content-Type": "application/json"}},
    "another type": {"content": b"a=1", "headers": {"Content-Type": "text/plain"}},
    "nothing": {"content": b""},
    "too large": {"content": b" " * (8 * 1024 * 1024 + 1)},
    "a secret as a key": {
        "json": ADD,
        "headers": {"Idempotency-Key": "ghp_0123456789abcdefghij"},
    },
}
_FRESH = {"run_id", "correlation_id", "duration_ms", "date", "content-length", "x-correlation-id"}


def long_way(platform: Running) -> httpx.AsyncClient:
    app = platform.platform.app

    async def call(scope: Any, receive: Any, send: Any) -> None:
        await FastAPI.__call__(app, scope, receive, send)

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=call, raise_app_exceptions=False),
        base_url=URL,
        headers={"Authorization": f"Bearer {platform.token}"},
    )


@pytest.mark.parametrize("name", CASES)
async def test_as_the_long_way(platform: Running, name: str) -> None:
    async with platform.http() as short, long_way(platform) as long:
        one = await short.post("/v1/runs", **CASES[name])
        other = await long.post("/v1/runs", **CASES[name])
    assert one.status_code == other.status_code
    assert _stable(dict(one.headers)) == _stable(dict(other.headers))
    assert _stable(one.json()) == _stable(other.json())
    for answer in (one, other):
        assert answer.headers["x-correlation-id"] == answer.json()["correlation_id"]
    given = CASES[name].get("headers", {}).get("X-Correlation-ID")
    assert (one.headers["x-correlation-id"] == given) == (given == "c-1")


async def test_a_fault_of_ours_is_an_answer(
    platform: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fall(_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(platform.platform.runner, "run", fall, raising=True)
    async with platform.http() as short, long_way(platform) as long:
        one = await short.post("/v1/runs", json=ADD)
        other = await long.post("/v1/runs", json=ADD)
    assert one.status_code == other.status_code == 500
    assert "secret detail" not in one.text
    assert _stable(one.json()) == _stable(other.json())


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_go_the_long_way(platform: Running, method: str) -> None:
    async with platform.http() as short, long_way(platform) as long:
        one = await short.request(method, "/v1/runs")
        other = await long.request(method, "/v1/runs")
    assert one.status_code == other.status_code
    assert one.headers.get("allow") == other.headers.get("allow")


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: "…" if k in _FRESH else _stable(v) for k, v in value.items()}
    return [_stable(item) for item in value] if isinstance(value, list) else value
