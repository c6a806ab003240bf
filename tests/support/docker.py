"""A real engine, an image made here, and runtimes on it."""

import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from livery.execution.container.engine import Engine, EngineUnavailable
from livery.execution.container.image.build import build
from livery.execution.container.limits import Limits, Rules
from livery.execution.container.policy.judge import UnsafeNoPolicy
from livery.execution.container.runtime import ContainerRuntime
from livery.execution.store import PackageStore
from livery.manifest.contract import Fixture
from livery.manifest.package import Package, PackageFile, parse_package
from livery.services.runs.types import Invoked

NewSandbox = Callable[..., AbstractAsyncContextManager[ContainerRuntime]]
ADD = """
def run(payload, *, session_id, agent_id, skill_name):
    return {"display": "added", "data": payload["a"] + payload["b"]}
"""


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine that DOCKER_HOST names; the tests that need one are left out where there is none."""
    try:
        connected = Engine.connect(os.environ)
        connected.check("")
    except EngineUnavailable as missing:
        if os.environ.get("LIVERY_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(f"Left out without Docker Engine: {missing.message}")
    yield connected
    connected.close()


@pytest.fixture(scope="session")
def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of an image: the one in LIVERY_SANDBOX_IMAGE, or one made of this interpreter."""
    named = os.environ.get("LIVERY_SANDBOX_IMAGE")
    if named:
        return engine.image(named)
    return build(engine, tmp_path_factory.mktemp("image"), "host").image


@pytest.fixture(scope="session")
def new_sandbox(image: str, tmp_path_factory: pytest.TempPathFactory) -> NewSandbox:
    """Opens a runtime; without a policy it lets all code through to the container."""

    @asynccontextmanager
    async def make(
        *,
        policy: Any = None,
        home: Path | None = None,
        rules: Rules | None = None,
        egress: Any = None,
    ) -> AsyncIterator[ContainerRuntime]:
        home = home or tmp_path_factory.mktemp("home")
        rules = rules or Rules(ceiling=Limits(timeout_s=15))
        runtime = ContainerRuntime(
            PackageStore(home / "skills"),
            home,
            replace(rules, image=rules.image or image),
            egress=egress,
            policy=policy or UnsafeNoPolicy(),
            environ=os.environ,
        )
        try:
            yield runtime
        finally:
            await runtime.close()

    return make


def plugin(
    code: str = ADD,
    *,
    runtime: Mapping[str, Any] | None = None,
    capabilities: Mapping[str, Any] | None = None,
    extra: Mapping[str, bytes] | None = None,
    name: str = "plugin-test",
) -> Package:
    """A package of a plugin with this code."""
    contract = {
        "apiVersion": "livery/v1",
        "version": "1.0.0",
        "owner": "tests",
        "runtime": {
            "kind": "container",
            "entry": "scripts/plugin.py",
            "interface": 1,
            **(runtime or {}),
        },
        "interface": {"input": {"type": "object"}, "output": True},
        "capabilities": dict(capabilities or {}),
    }
    files = {
        "SKILL.md": f"---\nname: {name}\ndescription: For tests.\n---\n".encode(),
        "contract.yaml": yaml.safe_dump(contract).encode(),
        "scripts/plugin.py": code.encode(),
        **(extra or {}),
    }
    package, found = parse_package(
        [PackageFile(path, data) for path, data in sorted(files.items())]
    )
    assert package is not None, found
    return package


async def call(runtime: ContainerRuntime, package: Package, payload: Any = None) -> Invoked:
    """One call, without journal or workspace."""
    return await runtime.run_fixture(package, Fixture("call", payload or {}, None))
