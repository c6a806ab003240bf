"""Providers on a platform: plugins end to end, what is said without an engine, and a start that waits for none."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from tests.support.docker import ADD, plugin
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, run

from livery.manifest.package import PackageFile

NOBODY = {"DOCKER_HOST": "unix:///there/is/no/docker.sock"}


def packaged(name: str, code: str = ADD) -> list[PackageFile]:
    """A plugin with a fixture."""
    made = []
    for file in plugin(code, name=name).files:
        data = file.data
        if file.path == "contract.yaml":
            contract = yaml.safe_load(data)
            one = {"a": 2, "b": 3}
            output = {"display": "added", "data": 5}
            contract["tests"] = {"fixtures": [{"name": "one", "input": one, "output": output}]}
            data = yaml.safe_dump(contract).encode()
        made.append(PackageFile(file.path, data))
    return made


async def verdicts(running: Running, files: list[PackageFile]) -> tuple[str, list[str]]:
    """Status and codes of a certification."""
    services = running.platform.services
    skill = await services.catalog.register(files, by="test")
    done = await services.certifier.certify(running.operator, skill.skill_key)
    return done.status, [item["code"] for check in done.checks for item in check["findings"]]


async def test_a_plugin_is_certified_and_runs(new_platform: NewPlatform, image: str) -> None:
    environ = {**os.environ, "LIVERY_SANDBOX_IMAGE": image}
    async with new_platform(environ=environ) as running:
        done = await certified(running, packaged("plugged"))
        assert done.certificate is not None
        assert done.certificate.basis["sandbox"].startswith("sha256:")
        answer = await run(running, "plugged", {"a": 20, "b": 22})
        assert answer["result"] == {"display": "added", "data": 42}, answer
        assert (answer["provider_id"], answer["tool_id"]) == ("plugin", "plugged")
        hidden = ADD.replace('"added"', 'str(getattr(__builtins__, "ev" + "al"))')
        status, codes = await verdicts(running, packaged("hidden", hidden))
        assert status == "pending_certification"
        assert "security_language_policy_denied" in codes
        harmless = ADD.replace("def run(", '"""It says eval( and means nothing."""\n\n\ndef run(')
        assert "eval(" in harmless
        await certified(running, packaged("harmless", harmless))


async def test_without_an_engine_a_plugin_is_denied_on_the_record(
    new_platform: NewPlatform, image: str, new_database: Callable[..., Any]
) -> None:
    urls = await new_database()
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "LIVERY_SANDBOX_IMAGE": image}
        async with new_platform(urls=urls, home=Path(folder), environ=environ) as running:
            await certified(running, packaged("plugged"))
        environ |= NOBODY
        async with new_platform(urls=urls, home=Path(folder), environ=environ) as running:
            async with running.http() as http:
                body = {"skill_key": "plugged", "input": {"a": 1, "b": 2}}
                denied = await http.post("/v1/runs", json=body)
                assert denied.status_code == 503
                problem = denied.json()
                record = (await http.get(f"/v1/runs/{problem['run_id']}")).json()
            assert problem["code"] == "plugin_container_unavailable"
            assert (record["status"], record["code"]) == ("denied", "plugin_container_unavailable")
            status, codes = await verdicts(running, packaged("another"))
            assert status == "pending_certification"
            assert "plugin_container_unavailable" in codes


async def test_a_wrong_setting_denies_plugins_and_nothing_else(new_platform: NewPlatform) -> None:
    environ = {**NOBODY, "LIVERY_SANDBOX_MAX_CPUS": "many"}
    async with new_platform(environ=environ) as running:
        assert (await run(running, "add", {"a": 1, "b": 2}))["result"] == 3
        status, codes = await verdicts(running, packaged("plugged"))
        assert status == "pending_certification"
        assert "configuration_error" in codes


def test_a_platform_imports_no_engine_no_templates_and_no_mcp() -> None:
    code = (
        "import sys, livery.entrypoints.platform as p;"
        "print([n for n in ('docker', 'jmespath', 'mcp', 'httpx2',"
        " 'livery.execution.container.runtime', 'livery.execution.pipeline.run',"
        " 'livery.execution.remote.runtime') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
