"""What a person may get wrong on the line of a process command: a sentence, and exit code 2."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from livery.cli import build_cli
from livery.entrypoints import demo, processes, tokens, updown
from livery.entrypoints.settings import Settings
from livery.entrypoints.startup import AlreadyUp
from livery.manifest.errors import LiveryError
from livery.services.identity.types import ROLES


@pytest.fixture
def livery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LIVERY_HOME", str(tmp_path / "home"))
    app = build_cli(lambda: pytest.fail("nothing may be asked"))
    for command in (updown.up, demo.demo, processes.api, processes.portal, processes.vault):
        app.command()(command)
    app.add_typer(tokens.commands(), name="token")
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("command", ["up", "demo", "api"])
@pytest.mark.parametrize("port", ["99999", "65535", "0", "-1"])
def test_the_apis_port_leaves_one_to_the_portal(livery: Any, command: str, port: str) -> None:
    found = livery(command, "--port", port)
    assert found.exit_code == 2
    assert "1 to 65534" in found.stderr
    assert "OverflowError" not in found.output


@pytest.mark.parametrize("command", ["portal", "vault"])
def test_a_port_of_one_process(livery: Any, command: str) -> None:
    found = livery(command, "--port", "65536")
    assert (found.exit_code, "1 to 65535" in found.stderr) == (2, True)


@pytest.mark.parametrize("text", ["99999", "0", "-1", "x", "²"])
def test_a_port_in_the_environment(text: str) -> None:
    with pytest.raises(LiveryError, match="LIVERY_PORT") as refused:
        Settings.read({"LIVERY_PORT": text})
    assert "1 to 65534" in refused.value.remedy
    assert Settings.read({"LIVERY_PORT": text}, port=18000).port == 18000
    assert Settings.read({"LIVERY_PORT": "65534"}).port == 65534


def test_a_platform_that_is_up_is_said_with_debug_too(
    livery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken(*_: Any) -> None:
        raise AlreadyUp(message="It is up already.", remedy="livery down")

    monkeypatch.setattr("livery.entrypoints.supervisor.supervise", taken)
    monkeypatch.setattr("livery.entrypoints.databases.prepare", Settings.prepare)
    found = livery("up", "--debug", "--port", "18300")
    assert found.exit_code == 1
    assert "It is up already." in found.stderr
    assert "Traceback" not in found.output


def test_a_role_that_there_is_not(livery: Any) -> None:
    found = livery("token", "new", "--role", "king")
    assert (found.exit_code, "There is no role 'king'" in found.stderr) == (2, True)
    for role in ROLES:
        assert role in found.stderr
