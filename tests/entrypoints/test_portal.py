"""The portal's process: its key, its one-time codes, its address, a real server."""

import asyncio
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from livery.entrypoints import portal


def test_the_cookie_key_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: portal.session_key(tmp_path), range(32)))
    assert len(keys) == 1
    Fernet(keys.pop())
    path = tmp_path / "keys" / "portal.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["portal.key"]


def test_a_code_works_once(tmp_path: Path) -> None:
    code = portal.mint_code(tmp_path, "token-1")
    folder = tmp_path / "run" / "sign-in"
    assert code not in {p.name for p in folder.iterdir()}
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in folder.iterdir())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: portal.redeem_code(tmp_path, code), range(16)))
    assert sorted(t for t in found if t) == ["token-1"]
    assert list(folder.iterdir()) == []


def test_a_code_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "CODE_S", -1)
    code = portal.mint_code(tmp_path, "token-1")
    assert portal.redeem_code(tmp_path, code) is None
    assert list((tmp_path / "run" / "sign-in").iterdir()) == []


@pytest.mark.parametrize("code", ["", "x", "../../keys/portal.key", "\x00", "é" * 3000])
def test_a_code_that_was_never_made(tmp_path: Path, code: str) -> None:
    assert portal.redeem_code(tmp_path, code) is None


@pytest.mark.parametrize(
    ("host", "public_url", "fine"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("0.0.0.0", None, False),
        ("0.0.0.0", "http://ops.example", False),
        ("0.0.0.0", "https://ops.example", True),
        ("ops.example", None, False),
    ],
)
def test_no_password_goes_over_the_open_wire(host: str, public_url: str | None, fine: bool) -> None:
    if fine:
        portal.check_address(host, public_url)
    else:
        with pytest.raises(portal.PortalMisconfigured):
            portal.check_address(host, public_url)


async def test_over_a_real_socket(tmp_path: Path, unused_tcp_port: int) -> None:
    async def whoami(request: Request) -> JSONResponse:
        assert request.headers["authorization"] == "Bearer token-of-the-operator"
        return JSONResponse({"principal": "o", "role": "operator", "workspace": None})

    async def skills(_request: Request) -> JSONResponse:
        return JSONResponse({"items": [], "next_cursor": None})

    api = Starlette(routes=[Route("/v1/whoami", whoami), Route("/v1/skills", skills)])
    app = portal.build_app(tmp_path, "http://api.test", transport=httpx.ASGITransport(api))
    server = portal.make_server(app, "127.0.0.1", unused_tcp_port)
    ready = asyncio.Event()
    server.on_startup(ready.set)
    serving = asyncio.create_task(server.serve())
    await asyncio.wait_for(ready.wait(), 20)
    base = f"http://127.0.0.1:{unused_tcp_port}"
    try:
        async with httpx.AsyncClient(base_url=base, trust_env=False) as browser:
            code = portal.mint_code(tmp_path, "token-of-the-operator")
            page = await browser.get(f"/sign-in?code={code}")
            csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
            data = {"csrf": csrf, "code": code}
            answer = await browser.post("/sign-in", data=data, headers={"origin": base})
            assert answer.status_code == 303, answer.text
            for _ in range(3):  # the shared pool outlives each request's client
                assert "No skills yet" in (await browser.get("/skills")).text
            css = await browser.get("/static/livery.css")
            assert css.headers["content-type"].startswith("text/css")
            assert css.headers["cache-control"] == "no-cache"
            etag = {"if-none-match": css.headers["etag"]}
            assert (await browser.get("/static/livery.css", headers=etag)).status_code == 304
            assert (await browser.get("/", headers={"host": "evil.example"})).status_code == 400
    finally:
        server.stop()
        await asyncio.wait_for(serving, 20)


PROGRAM = """
import asyncio, pathlib, sys
from livery.entrypoints import portal
app = portal.build_app(pathlib.Path(sys.argv[1]), "http://127.0.0.1:1")
asyncio.run(portal.serve(app, port=int(sys.argv[2]), on_ready=lambda: print("ready", flush=True)))
print("ended")
"""


def test_a_process_of_its_own(tmp_path: Path, unused_tcp_port: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(unused_tcp_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        answer = httpx.get(f"http://127.0.0.1:{unused_tcp_port}/healthz", trust_env=False)
        assert answer.text == "ok\n"
        with pytest.raises(portal.PortalMisconfigured, match="in use"):
            portal.check_free("127.0.0.1", unused_tcp_port)
        process.terminate()
        assert process.wait(20) == 0
        assert process.stdout.read() == "ended\n"
    portal.check_free("127.0.0.1", unused_tcp_port)


async def test_the_host_of_the_public_url_is_served(tmp_path: Path) -> None:
    app = portal.build_app(tmp_path, "http://api.test", public_url="https://ops.example:8443")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as browser:
        outside = await browser.get("http://ops.example:8443/sign-in")
        assert outside.status_code == 200
        assert outside.headers["set-cookie"].startswith("__Host-")
        assert (await browser.get("http://evil.example/sign-in")).status_code == 400
