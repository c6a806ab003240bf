"""`livery approvals`, and the prompt of `livery run` in a real terminal before a real server."""

import asyncio
import json
import os
import pty
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.cli.conftest import PROGRAM
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import Receiver, receiver
from tests.support.terminal import Terminal

from livery.entrypoints.api import make_server


@dataclass(frozen=True)
class Served:
    running: Running
    url: str
    target: Receiver


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The server is in this process: what it logs is not to be taken for the command's words."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
async def served(new_platform: NewPlatform) -> AsyncIterator[Served]:
    with receiver() as target:
        async with new_platform(environ={"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}) as running:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            server = make_server(running.platform, "127.0.0.1", port)
            task = asyncio.create_task(server.serve())
            for _ in range(200):
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
            yield Served(running, f"http://127.0.0.1:{port}", target)
            server.stop()
            await asyncio.wait_for(task, 30)


def webhook(target: Receiver, number: int) -> list[str]:
    args = {"url": target.url, "payload": {"n": number}}
    return ["run", "webhook-send", "--input", json.dumps(args)]


def arrived(target: Receiver, number: int) -> int:
    return sum(json.loads(item.body)["n"] == number for item in target.received)


async def at_terminal(served: Served, words: list[str], *answers: bytes) -> tuple[int, str]:
    """The command in a terminal of its own; each answer is typed when a prompt waits for it."""
    master, slave = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}} | {
        "LIVERY_URL": served.url, "LIVERY_TOKEN": served.running.token, "COLUMNS": "120",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *words, stdin=slave, stdout=slave, stderr=slave, env=env
    )
    os.close(slave)
    said = bytearray()
    left = list(answers)

    def read() -> None:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the other side is closed
            loop.remove_reader(master)
            return
        said.extend(chunk)
        if left and said.endswith(b": "):
            os.write(master, left.pop(0))

    loop = asyncio.get_running_loop()
    loop.add_reader(master, read)
    try:
        code = await asyncio.wait_for(process.wait(), 60)
        await asyncio.sleep(0)
        with suppress(OSError):
            while chunk := os.read(master, 65536):
                said.extend(chunk)
    finally:
        loop.remove_reader(master)
        os.close(master)
        if process.returncode is None:
            process.kill()
    return code, re.sub(r"\x1b\[[0-9;]*m", "", said.decode(errors="replace"))


@pytest.mark.parametrize(
    ("number", "answers", "code", "sent", "state"),
    [
        (1, (b"run once\n",), 0, 1, "consumed"),
        (2, (b"what?\n", b"r\n"), 0, 1, "consumed"),
        (3, (b"always_allow\n",), 0, 1, "consumed"),
        (4, (b"deny\n",), 3, 0, "denied"),
        (5, (b"\x04",), 4, 0, "requested"),
    ],
)
async def test_the_prompt(
    served: Served, number: int, answers: tuple[bytes, ...], code: int, sent: int, state: str
) -> None:
    ended, said = await at_terminal(served, webhook(served.target, number), *answers)
    assert ended == code, said
    for shown in ("NEEDS APPROVAL", "webhook-send@1.0.1", served.target.host, f'"n": {number}'):
        assert shown in said, said
    assert "run once / always allow / deny" in said
    assert arrived(served.target, number) == sent
    async with served.running.client() as client:
        [found] = [
            item for item in await client.list_approvals() if item["input"]["payload"] == {"n": number}
        ]  # fmt: skip
        assert found["state"] == state
        grants = await client.list_code_grants()
    if state == "consumed":
        assert found["decision"] == ("always_allow" if number == 3 else "run_once")
    if number == 3:
        assert [item["decision"] for item in grants] == ["always_allow"]
        # An effect asks again all the same.
        ended, _ = await at_terminal(served, webhook(served.target, 30), b"deny\n")
        assert (ended, arrived(served.target, 30)) == (3, 0)


async def test_without_a_terminal_it_names_the_command(served: Served, tmp_path: Path) -> None:
    livery = Terminal(served.running, tmp_path)
    found = await livery(*webhook(served.target, 6))
    assert found.exit_code == 4
    [request] = {word for word in found.output.split() if word.startswith("APR-")}
    assert f"livery approvals grant {request}" in found.output
    as_json = await livery(*webhook(served.target, 6), "--json")
    assert as_json.exit_code == 4
    assert json.loads(as_json.stdout)["code"] == "approval_required"
    granted = await livery("approvals", "grant", request)
    assert (granted.exit_code, "granted" in granted.output) == (0, True)
    done = await livery(*webhook(served.target, 6), "--approval", request)
    assert done.exit_code == 0
    assert arrived(served.target, 6) == 1


async def test_the_commands(served: Served, tmp_path: Path) -> None:
    livery = Terminal(served.running, tmp_path)

    async def document(*words: str, code: int = 0) -> Any:
        found = await livery(*words, "--json")
        assert (found.exit_code, found.stderr) == (code, ""), found.output
        return json.loads(found.stdout)

    parked = await document(*webhook(served.target, 7), "--wait-for-approval", code=4)
    assert parked["status"] == "awaiting_approval"
    request, run = parked["approval_id"], parked["run_id"]
    listed = await livery("approvals", "list", "--state", "requested")
    assert request in listed.stdout
    shown = await livery("approvals", "show", request)
    assert '"n": 7' in shown.stdout
    assert served.target.host in shown.stdout
    assert (await document("approvals", "show", request))["state"] == "requested"
    assert (await document("runs", "show", run))["status"] == "awaiting_approval"
    assert (await document("runs", "cancel", run))["status"] == "canceled"
    assert (await document("runs", "cancel", run, code=1))["code"] == "invalid_transition"

    other = await document(*webhook(served.target, 8), "--wait-for-approval", code=4)
    assert (await document("approvals", "grant", other["approval_id"]))["state"] == "granted"
    revoked = await document("approvals", "revoke", other["approval_id"], "-r", "no")
    assert (revoked["state"], revoked["reason"]) == ("revoked", "no")
    assert (await document("runs", "show", other["run_id"]))["status"] == "denied"

    last = await document(*webhook(served.target, 9), "--wait-for-approval", code=4)
    denied = await document("approvals", "deny", last["approval_id"], "--remember", "-r", "never")
    assert (denied["state"], denied["decision"]) == ("denied", "deny")
    refused = await document(*webhook(served.target, 10), code=3)
    assert refused["code"] == "approval_denied"
    grants = (await document("approvals", "code"))["items"]
    [mine] = [item for item in grants if item["decision"] == "deny"]
    assert mine["grant_id"] in (await livery("approvals", "code")).stdout
    assert (await livery("approvals", "forget", mine["grant_id"])).exit_code == 0
    assert (await document(*webhook(served.target, 10), code=4))["code"] == "approval_required"

    assert (await document("workspaces", "set", "default", "--four-eyes"))["four_eyes"] is True
    own = await document(*webhook(served.target, 11), "--wait-for-approval", code=4)
    assert (await document("approvals", "grant", own["approval_id"], code=3))["code"] == "forbidden"
    assert (await document("workspaces", "set", "default", "--no-four-eyes"))["four_eyes"] is False
    assert (await livery("workspaces", "set", "default")).exit_code == 2
    assert (await livery("workspaces", "set", "default", "--delegate")).exit_code == 3
    assert [arrived(served.target, number) for number in range(7, 12)] == [0] * 5
