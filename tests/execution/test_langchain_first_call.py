"""A skill made of a LangChain tool answers on the first call of a process, under the guard."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from livery.execution.python.loader import imports_langchain
from livery.manifest.package import PackageFile

pytest.importorskip("langchain_core")

CODE = """\
from langchain_core.tools import StructuredTool
from livery.authoring.langchain import from_langchain

def shout(text: str) -> str:
    {sly}
    return text.upper()

async def later(text: str) -> str:
    return text.upper()

given = {{"name": "shout", "description": "Say it loudly."}}
run = from_langchain(StructuredTool.from_function({tool}, **given))
"""
FIRST = """\
import asyncio, json, sys
from types import SimpleNamespace
from uuid import UUID
from datetime import UTC, datetime
from livery.execution.python.runtime import PythonRuntime
from livery.manifest.capabilities import Capabilities
from livery.manifest.package import PackageFile

files = (PackageFile("scripts/skill.py", sys.argv[1].encode()),)
runtime = PythonRuntime(SimpleNamespace(files=lambda digest: files), lambda workspace: None)
contract = SimpleNamespace(
    digest="sha256:" + "a" * 64, entry="scripts/skill.py:run", timeout_s=20, inline=False, skill_key="shout",
    capabilities=Capabilities(), workspace_id=None, facts=SimpleNamespace(estimate=0),
)
invocation = SimpleNamespace(
    run_id=UUID(int=1), contract=contract, args={"text": "hi"}, dry_run=False, now=datetime.now(UTC),
    idempotency_key=None, inner=None,
)
done = asyncio.run(runtime.invoke(invocation))
print(json.dumps([done.code, done.result, done.message]))
"""


def first_call(code: str, folder: Path) -> list[str | None]:
    ran = subprocess.run(
        [sys.executable, "-c", FIRST, code],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    said: list[str | None] = json.loads(ran.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("tool", ["shout", "coroutine=later"])
def test_the_first_call_of_a_process_answers(tool: str, tmp_path: Path) -> None:
    assert first_call(CODE.format(tool=tool, sly="pass"), tmp_path) == ["tool_ok", "HI", None]


def test_the_tool_itself_is_still_guarded(tmp_path: Path) -> None:
    sly = "import socket; socket.socket().bind(('127.0.0.1', 0))"
    code, _, message = first_call(CODE.format(tool="shout", sly=sly), tmp_path)
    assert code == "skill_capability_denied"
    assert "network" in str(message)


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("from langchain_core.tools import tool", True),
        ("    import langchain_community.tools as t", True),
        ("from livery.authoring.langchain import from_langchain", True),
        ("from livery.authoring import skill  # not langchain", False),
        ("said = 'import nothing of langchain'", False),
    ],
)
def test_only_what_imports_it_pays_for_it(line: str, needed: bool) -> None:
    files = [PackageFile("scripts/skill.py", f"import json\n{line}\n".encode())]
    assert imports_langchain(files) is needed
    assert not imports_langchain([PackageFile("notes.md", line.encode())])
