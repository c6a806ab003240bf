"""The real platform for tests: real PostgreSQL, real roles, the HTTP application in process.

Fixtures:

    new_platform   async context manager factory: `async with new_platform() as running:`
    platform       one running, seeded platform for this module
"""

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.postgres import MIGRATED, NewDatabase, Templates, session_home

from livery.client import LiveryClient
from livery.entrypoints.platform import Platform, no_probe, open_platform
from livery.entrypoints.seed import operator_token, seed
from livery.entrypoints.settings import Settings
from livery.integrations.postgres.urls import DatabaseUrls
from livery.integrations.signing import Signer
from livery.services.identity.types import Principal
from livery.services.runs.ports import Probe

URL = "http://livery.test"


@dataclass(frozen=True, slots=True)
class Running:
    """A platform with its operator."""

    platform: Platform
    settings: Settings
    urls: DatabaseUrls
    token: str
    operator: Principal

    def http(self, token: str | None = None) -> httpx.AsyncClient:
        """A raw HTTP client of the application; without a token it is the operator's."""
        transport = httpx.ASGITransport(app=self.platform.app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return httpx.AsyncClient(transport=transport, base_url=URL, headers=headers)

    def client(self, token: str | None = None) -> LiveryClient:
        """The typed client of the application."""
        transport = httpx.ASGITransport(app=self.platform.app, raise_app_exceptions=False)
        return LiveryClient(URL, self.token if token is None else token, transport=transport)


NewPlatform = Callable[..., AbstractAsyncContextManager[Running]]


@asynccontextmanager
async def run_platform(
    urls: DatabaseUrls,
    home: Path,
    *,
    seeded: bool = True,
    probe: Probe = no_probe,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Running]:
    """A platform over these databases; two on one pair are two processes of one deployment."""
    read = Settings.read({"LIVERY_HOME": str(home), **(environ or {})})
    settings = replace(read, log_level="ERROR")
    settings.prepare()
    _share_keys(urls, settings.keys_dir)
    async with open_platform(settings, urls.api, kind="test", probe=probe) as platform:
        if seeded:
            await seed(platform, settings)
        token = await operator_token(platform, settings)
        operator = await platform.services.tokens.authenticate(token)
        yield Running(platform, settings, urls, token, operator)


_first_keys: dict[str, Path] = {}


def _share_keys(urls: DatabaseUrls, keys: Path) -> None:
    """The machines of one deployment share their signing keys: what one certifies, the others know."""
    first = _first_keys.setdefault(urls.api, keys) / "signing"
    if first.parent == keys or not first.parent.is_dir():
        Signer.load_or_create(keys / "signing")
    elif not (keys / "signing").exists():
        shutil.copytree(first, keys / "signing")


_SEEDED = ("livery_seeded", "vault_seeded")


@pytest.fixture(scope="session")
async def seeded_home(templates: Templates) -> Path:
    """The home of a platform that was seeded once for the whole run, for real; its databases are templates."""
    home = session_home() / "seeded"

    async def fill(urls: DatabaseUrls) -> None:
        async with run_platform(urls, home):
            pass

    await templates.ensure(_SEEDED, fill, MIGRATED)
    return home


@pytest.fixture(scope="module")
async def new_platform(new_database: NewDatabase, seeded_home: Path) -> NewPlatform:
    """Without `urls`, a platform starts as one that was seeded before: seeding then only finds what is there."""

    async def place(home: Path, seeded: bool) -> DatabaseUrls:
        if not seeded:
            return await new_database()
        for part in ("keys", "run"):
            shutil.copytree(seeded_home / part, home / part, dirs_exist_ok=True)
        return await new_database(_SEEDED)

    @asynccontextmanager
    async def make(**options: Any) -> AsyncIterator[Running]:
        with tempfile.TemporaryDirectory(prefix="livery-home-") as folder:
            home = options.pop("home", Path(folder))
            urls = options.pop("urls", None) or await place(home, options.get("seeded", True))
            async with run_platform(urls, home, **options) as running:
                yield running

    return make


@pytest.fixture(scope="module")
async def platform(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as running:
        yield running
