"""Skills of a real platform as LangChain tools, over a real socket: LangChain's suites, and denials."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from tests.support.platform import Running, run_platform
from tests.support.postgres import NewDatabase
from tests.support.skills import certified, package

from livery.authoring.loading import read_folder
from livery.authoring.testkit import assert_contract
from livery.cli.scaffold_langchain import write_langchain
from livery.client import LiveryClient
from livery.client.langchain import SkillRefused, alangchain_tools, langchain_tools
from livery.client.sync import Livery
from livery.entrypoints.api import make_server
from livery.manifest.errors import LiveryError


class Served:
    """A platform with its door on a socket, in a thread of its own: the tests' own loop is free."""

    def __init__(self, urls: Any, home: Path) -> None:
        self._urls, self._home = urls, home
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._main()))
        self._thread.start()
        assert self._up.wait(120)

    async def _main(self) -> None:
        async with run_platform(self._urls, self._home) as self.running:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            server = make_server(self.running.platform, "127.0.0.1", port)
            task = asyncio.create_task(server.serve())
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
            self._up.set()
            await self._end.wait()
            server.stop()
            await asyncio.wait_for(task, 30)

    def do(self, work: Any) -> Any:
        """Run something inside."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)


@pytest.fixture(scope="module")
async def urls(new_database: NewDatabase) -> Any:
    return await new_database()


@pytest.fixture(scope="module")
def served(urls: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(urls, tmp_path_factory.mktemp("home"))
    yield served
    served.close()


@pytest.fixture(scope="module")
def livery(served: Served) -> Iterator[Livery]:
    with Livery(served.url, served.running.token) as livery:
        yield livery


class _Add:
    """LangChain asks for the tool by a property; the platform comes with a fixture."""

    tool_invoke_params_example: ClassVar = {"a": 2, "b": 3}
    made: ClassVar[Any] = None

    @pytest.fixture(autouse=True)
    def platform_tool(self, livery: Livery) -> None:
        (type(self).made,) = langchain_tools(livery, ["add"])

    @property
    def tool_constructor(self) -> Any:
        return self.made


class TestUnit(_Add, ToolsUnitTests):
    pass


class TestIntegration(_Add, ToolsIntegrationTests):
    pass


def test_the_result_is_on_record(livery: Livery) -> None:
    (add,) = langchain_tools(livery, ["add"])
    assert add.args["b"]["type"] == "number"
    assert add.description.startswith("Add two numbers")
    call = {"name": "add", "args": {"a": 2, "b": 3}, "id": "1", "type": "tool_call"}
    message = add.invoke(call)
    assert message.content == "5"
    assert livery.get_run(message.artifact["run_id"])["status"] == "succeeded"
    assert add.invoke({"a": 2, "b": 3}) == 5


def test_all_that_is_certified(livery: Livery) -> None:
    names = {made.name for made in langchain_tools(livery)}
    assert {"add", "subtract", "multiply", "weekly-digest"} <= names


def test_denials_say_their_code_and_reason(livery: Livery) -> None:
    (add,) = langchain_tools(livery, ["add"])
    with pytest.raises(SkillRefused, match=r"^tool_input_invalid: .*/b") as caught:
        add.invoke({"a": 2, "b": "x"})
    assert caught.value.envelope is not None
    assert livery.get_run(caught.value.envelope["run_id"])["status"] == "denied"

    (probe,) = langchain_tools(livery, ["capability-probe"])
    probe.handle_tool_error = True  # as an agent's loop has it
    args = {"kind": "credentials", "value": "mail"}
    message = probe.invoke({"name": probe.name, "args": args, "id": "1", "type": "tool_call"})
    assert message.status == "error"
    assert message.content.startswith("skill_capability_denied: ")

    (wrong,) = langchain_tools(livery, ["add"], version="9.9.9")
    with pytest.raises(SkillRefused, match="not_found"):
        wrong.invoke({"a": 2, "b": 3})


def test_a_revoked_skill_is_refused_at_its_next_call(served: Served, livery: Livery) -> None:
    served.do(_certify(served.running, package("to-revoke")))
    (made,) = langchain_tools(livery, ["to-revoke"])
    assert made.invoke({"code": "result = 7"}) == 7
    livery.call(lambda client: client.revoke_skill("to-revoke", "1.0.0", "for this test"))
    with pytest.raises(SkillRefused, match="skill_revoked"):
        made.invoke({"code": "result = 7"})


def test_no_platform_no_result(served: Served, livery: Livery) -> None:
    (add,) = langchain_tools(livery, ["add"])
    with Livery("http://127.0.0.1:9", "t") as nobody:
        lost = add.model_copy(update={"livery": nobody})
        with pytest.raises(SkillRefused, match="network_error"):
            lost.invoke({"a": 1, "b": 2})


async def test_with_the_asynchronous_client(served: Served) -> None:
    async with LiveryClient(served.url, served.running.token) as client:
        (add,) = await alangchain_tools(client, ["add"])
        assert await add.ainvoke({"a": 2, "b": 3}) == 5
        both = await asyncio.gather(*(add.ainvoke({"a": n, "b": 1}) for n in range(8)))
        assert both == [1, 2, 3, 4, 5, 6, 7, 8]
        with pytest.raises(NotImplementedError, match="ainvoke"):
            add.invoke({"a": 2, "b": 3})


TOOLS = '''
from langchain_core.tools import ToolException, tool

@tool
def shout(text: str, times: int = 1) -> str:
    """Shout: say it loud, \\"quoted\\"."""
    if not text:
        raise ToolException("nothing to shout")
    return text.upper() + "!" * times
'''


def test_a_langchain_tool_as_a_package(
    served: Served, livery: Livery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_tools.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shout"
    write_langchain(tmp_path, "shout", "me", "my_tools:shout")
    with pytest.raises(AssertionError, match="no fixture passed"):
        assert_contract(folder)
    with (folder / "contract.yaml").open("a") as contract:
        contract.write(
            "tests:\n  fixtures:\n    - name: twice\n      input:\n        text: ho\n        times: 2\n"
            "      output: HO!!\n"
        )
    assert_contract(folder)
    validate = [Path(sys.executable).with_name("agentskills"), "validate", folder]
    assert subprocess.run(validate, check=False, timeout=60).returncode == 0
    served.do(_certify(served.running, read_folder(folder)))
    (made,) = langchain_tools(livery, ["shout"])
    assert made.invoke({"text": "there and back"}) == "THERE AND BACK!"
    with pytest.raises(SkillRefused, match="provider_execution_failed: nothing to shout"):
        made.invoke({"text": ""})


@pytest.mark.parametrize(
    "source",
    ["my_tools", "my_tools:", "nowhere_at_all:x", "my_tools:nothing", "json:dumps", "a.b:c", ":x"],
)
def test_what_is_no_langchain_tool_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    (tmp_path / "my_tools.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LiveryError):
        write_langchain(tmp_path, "shout", "me", source)
    assert not (tmp_path / "shout").exists()


async def _certify(running: Running, files: Any) -> None:
    await certified(running, files)
