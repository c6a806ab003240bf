"""`livery agents mcp AGENT`: what it prints works as it is."""

import asyncio
import json
import subprocess
import tomllib
from pathlib import Path

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from tests.api.mcp.conftest import Connect, Served
from tests.api.mcp.test_stdio import LIVERY, environ, remote


async def test_the_snippet_works(served: Served, connect: Connect, tmp_path: Path) -> None:
    env = remote(served, tmp_path)
    words = [*LIVERY, "agents", "mcp", "Clerk"]
    shown = await asyncio.to_thread(
        subprocess.run, words, env=env, check=True, capture_output=True, timeout=60
    )
    done = await asyncio.to_thread(
        subprocess.run, [*words, "--json"], env=env, check=True, capture_output=True, timeout=60
    )
    document = json.loads(done.stdout)
    assert served.running.token not in (shown.stdout + done.stdout).decode()
    assert json.dumps(document["stdio"], indent=2) in shown.stdout.decode()
    assert document["claude_code"] in shown.stdout.decode()
    found = document["stdio"]["mcpServers"]["livery-clerk"]
    assert Path(found["command"]).is_absolute()
    # What is printed has a placeholder where a token goes.
    assert found["env"]["LIVERY_TOKEN"].startswith("<")
    known = environ(**found["env"]) | {"LIVERY_TOKEN": served.tokens["Clerk"]}
    server = StdioServerParameters(command=found["command"], args=found["args"], env=known)
    async with Client(server, read_timeout_seconds=60) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
    assert sorted(listed) == sorted(document["tools"])
    code = document["vscode"]["servers"]["livery-clerk"]
    assert {key: code[key] for key in found} == found
    assert tomllib.loads(document["codex"])["mcp_servers"]["livery-clerk"] == found
    for words_of in ("VS Code", "Codex CLI", "Claude Desktop", "Cursor", "Claude Code"):
        assert words_of in shown.stdout.decode()
    remote_server = document["http"]["mcpServers"]["livery-clerk"]
    assert remote_server["url"] == f"{served.url}/mcp"
    async with connect() as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == listed
