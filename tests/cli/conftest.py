"""The terminal door before the sample platform of tests/client, in process and as a process."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from tests.client import sample_platform
from typer.testing import CliRunner, Result

from livery.cli import build_cli
from livery.client import LiveryClient

PROGRAM = """
import os
from contextlib import asynccontextmanager
from livery.cli import build_cli
from livery.client import LiveryClient

@asynccontextmanager
async def open_client():
    async with LiveryClient(os.environ["LIVERY_URL"], os.environ["LIVERY_TOKEN"]) as client:
        yield client

build_cli(open_client)(prog_name="livery")
"""


@pytest.fixture
def sample() -> ModuleType:
    return sample_platform


@pytest.fixture
def platform(sample: ModuleType) -> Any:
    return sample.SamplePlatform()


@pytest.fixture(autouse=True)  # no test touches the home of whoever runs them
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("LIVERY_HOME", str(folder))
    monkeypatch.delenv("LIVERY_URL", raising=False)
    monkeypatch.delenv("LIVERY_TOKEN", raising=False)
    return folder


Livery = Callable[..., Result]


@pytest.fixture
def livery(
    platform: Any, sample: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Livery:
    monkeypatch.setenv("COLUMNS", "100")

    @asynccontextmanager
    async def open_client():
        transport = httpx.ASGITransport(app=platform)
        async with LiveryClient("http://livery.test", sample.TOKEN, transport=transport) as client:
            yield client

    app = build_cli(open_client)

    def invoke(*words: object, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin)

    return invoke


@dataclass
class Process:
    """`livery` as a process of its own, before the sample platform on a socket."""

    env: dict[str, str]

    def start(self, *words: object, **options: Any) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", PROGRAM, *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
        return subprocess.Popen(command, env=self.env, **(pipes | options))

    def __call__(self, *words: object, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        process = self.start(*words)
        out, err = process.communicate(stdin, timeout=60)
        return process.returncode, out, err


@pytest.fixture
def process(platform: Any, sample: ModuleType, home: Path) -> Iterator[Process]:
    with platform.on_socket() as url:
        env = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}}
        yield Process(env | {"LIVERY_URL": url, "LIVERY_TOKEN": sample.TOKEN})
