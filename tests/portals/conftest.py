"""The fake platform, the portal over it, and a real browser where there is one."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

HERE = Path(__file__).parent


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


fakes = _load("fake_platform")


@pytest.fixture
def fake() -> Any:
    """The documents of the API; change them before a request."""
    return fakes.FakePlatform()


@pytest.fixture
def clock() -> Any:
    """The portal's clock: `clock.now` in seconds."""

    class Clock:
        now = fakes.NOW

        def __call__(self) -> float:
            return self.now

    return Clock()


@pytest.fixture
async def visitor(fake: Any, clock: Any) -> AsyncIterator[Any]:
    """A browser without a session, in front of the portal."""
    async with open_portal(fake, clock=clock) as browser:
        yield browser


@pytest.fixture
async def operator(visitor: Any) -> Any:
    """A browser that is signed in as an operator."""
    await sign_in(visitor)
    return visitor


@pytest.fixture
def portal() -> Any:
    """`open_portal`, for a test that needs settings of its own."""
    return open_portal


@pytest.fixture
def enter() -> Any:
    """`sign_in`."""
    return sign_in


def open_portal(fake: Any, base: str = "http://127.0.0.1:8701", **settings: Any) -> Any:
    from livery.portals.operator.app import create_app

    app = create_app(fake.client, fakes.settings(**settings))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


async def sign_in(browser: Any, token: str = "operator-token-1", **form: str) -> httpx.Response:
    page = await browser.get("/sign-in")
    data = {"csrf": csrf_of(page.text), "token": token, **form}
    origin = str(browser.base_url).rstrip("/")
    return await browser.post("/sign-in", data=data, headers={"origin": origin})


def csrf_of(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found, "the page has no form of ours"
    return found[1]


@dataclass(frozen=True)
class Platform:
    """What the browser test needs of a running platform."""

    portal_url: str
    operator_token: str


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A running portal. The seam: a suite with the real platform overrides this fixture."""
    url, token = os.environ.get("LIVERY_PORTAL_URL"), os.environ.get("LIVERY_TOKEN")
    if url and token:
        yield Platform(url.rstrip("/"), token)
        return
    port = _free_port()
    log = (tmp_path_factory.mktemp("portal") / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, str(HERE / "fake_platform.py"), str(port)], stdout=log, stderr=log
    )
    try:
        _wait(f"http://127.0.0.1:{port}/healthz", process)
        yield Platform(f"http://127.0.0.1:{port}", "operator-token-1")
    finally:
        process.terminate()
        process.wait(10)
        log.close()


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Any]:
    """A fresh headless Chromium; without one the test is left out, or fails where it must not."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        said = "The browser test was left out: Chromium and chromedriver are not installed here."
        if os.environ.get("LIVERY_REQUIRE_BROWSER") == "1":
            pytest.fail(said)
        print(said)
        pytest.skip(said)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    flags = (
        "--headless=new --no-sandbox --disable-background-networking --disable-gpu --disable-quic "
        "--no-first-run --disable-component-update --disable-sync --hide-scrollbars "
        "--window-size=1200,820"
    )
    for flag in [*flags.split(), f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield found
    finally:
        found.quit()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the portal ended while it started"
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the portal did not start")
