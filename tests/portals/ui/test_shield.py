"""The outermost layer: hosts, headers in, headers out."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from livery.portals.ui.shield import POLICY, Shield, hostname


async def echo(request: Request) -> JSONResponse:
    found = dict(request.headers)
    return JSONResponse({"headers": found, "id": request.state.correlation_id})


async def broken(_request: Request) -> JSONResponse:
    raise RuntimeError


def browser(base: str = "http://localhost:8701") -> httpx.AsyncClient:
    app = Shield(Starlette(routes=[Route("/", echo), Route("/broken", broken)]))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=base)


SPOOFED = {
    "X-Metering-Signature": "x",
    "x-metering-tokens-in": "1",
    "X-Livery-Principal": "root",
    "X-Forwarded-User": "root",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "host=evil.example",
    "X-Real-IP": "10.0.0.1",
    "Remote-User": "root",
    "Authorization": "Bearer stolen",
}


async def test_headers_that_only_a_server_may_set_are_dropped() -> None:
    answer = await browser().get("/", headers={**SPOOFED, "X-Kept": "1"})
    seen = answer.json()["headers"]
    assert seen["x-kept"] == "1"
    assert not {name.lower() for name in SPOOFED} & set(seen)


async def test_every_answer_has_the_policy_even_a_crash() -> None:
    for path in ("/", "/nothing", "/broken"):
        answer = await browser().get(path)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    assert "frame-ancestors 'none'" in POLICY


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]:8701", "["])
async def test_another_host_is_refused(host: str) -> None:
    answer = await browser().get("/", headers={"host": host})
    assert answer.status_code == 400
    assert "headers" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8701", "localhost", "LOCALHOST:1", "[::1]:8701"])
async def test_loopback_is_served(host: str) -> None:
    assert (await browser().get("/", headers={"host": host})).status_code == 200


async def test_correlation_ids_are_kept_or_made() -> None:
    kept = await browser().get("/", headers={"x-correlation-id": "c-1"})
    assert kept.headers["x-correlation-id"] == kept.json()["id"] == "c-1"
    for bad in ("a b", "x" * 65, "<script>", "a\tb"):
        made: Any = await browser().get("/", headers={"x-correlation-id": bad})
        assert made.json()["id"] != bad
        assert made.headers["x-correlation-id"].startswith("c-")


def test_hostname() -> None:
    assert hostname("LocalHost:80") == "localhost"
    assert hostname("[::1]:80") == "[::1]"
    assert hostname("a") == "a"
