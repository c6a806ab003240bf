"""A hostile plugin against the container: every try ends with its code, and the next honest call is answered."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from tests.attacks.escapes import ESCAPES, FAILED, HEAD, Escape
from tests.support.docker import ADD, NewSandbox, call, plugin

from livery.execution.container.policy.judge import LevelPolicy
from livery.execution.container.runtime import ContainerRuntime
from livery.manifest.package import Package
from livery.services.runs.types import Invoked

pytestmark = pytest.mark.long
SECRET = "sesame-of-the-host"
TIMEOUT_S = 2


@pytest.fixture(scope="module")
async def sandbox(new_sandbox: NewSandbox) -> AsyncIterator[ContainerRuntime]:
    async with new_sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What there is to reach on this machine."""
    home = tmp_path_factory.mktemp("host")
    home.chmod(0o755)
    secret = home / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    abstract = f"livery-test-{os.getpid()}"
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as named:
        named.bind(f"\0{abstract}")
        named.listen()
        yield {
            "port": server.getsockname()[1],
            "abstract": abstract,
            "secret": str(secret),
            "home": str(home),
            "engine": engine,
            "answers": 3,
        }


def package(escape: Escape) -> Package:
    code = escape.code if escape.alone else HEAD + indent(escape.code, "    ")
    return plugin(
        code,
        runtime={"timeout_s": TIMEOUT_S},
        capabilities={"filesystem": ["output"]} if escape.output else None,
    )


def how(done: Invoked) -> str | None:
    """The name of what a plugin raised, or what it ended by."""
    details = done.details
    if "errno" in details:
        import errno

        return errno.errorcode.get(details["errno"], str(details["errno"]))
    if details.get("oom"):
        return "oom"
    if "exit_code" in details:
        return "exit"
    return details.get("exception") or details.get("limit")


async def answers(sandbox: ContainerRuntime) -> None:
    """An honest call is answered."""
    done = await call(sandbox, plugin(ADD), {"a": 20, "b": 22})
    assert (done.code, done.result) == ("tool_ok", {"display": "added", "data": 42})


def test_the_table_is_long_enough() -> None:
    names = [escape.name for escape in ESCAPES]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.name)
async def test_stopped(sandbox: ContainerRuntime, outside: dict[str, Any], escape: Escape) -> None:
    done = await call(sandbox, package(escape), outside)
    codes = [end for end in escape.ends if end.startswith("plugin_")]
    names = [end for end in escape.ends if not end.startswith("plugin_")]
    assert done.code in codes or how(done) in names, (done.code, done.message, done.details)
    if done.code == FAILED and names:
        assert how(done) in names, (done.message, done.details)
    assert SECRET not in repr(done)
    assert "\x1b" not in f"{done.message}{done.details}"
    await answers(sandbox)


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.name)
def test_said_before_it_runs(escape: Escape) -> None:
    found = LevelPolicy("strict").findings(package(escape))
    assert (found[0].code if found else None) == escape.said


async def test_killing_process_1_kills_nobody(sandbox: ContainerRuntime) -> None:
    code = (
        "child = os.fork()\nif child == 0:\n    for n in (9, 15, 19): os.kill(1, n)\n    os._exit(0)\n"
        "os.waitpid(child, 0)\nreturn 'still here'"
    )
    done = await call(sandbox, plugin(HEAD + indent(code, "    ")))
    assert (done.code, done.result["data"]) == ("tool_ok", "still here")
    await answers(sandbox)


def _processes(name: str) -> list[int]:
    """Processes of this machine whose name is `name`; containers are processes of it too."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == name:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


LINGERS = """
LIBC.prctl(15, payload["name"].encode(), 0, 0, 0)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        for n in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(n, signal.SIG_IGN)
        while True: time.sleep(0.01)
    os._exit(0)
return os.getpid()
"""


async def test_nothing_lingers(sandbox: ContainerRuntime) -> None:
    name = f"lingers{os.getpid()}"[:15]
    done = await call(sandbox, plugin(HEAD + indent(LINGERS, "    ")), {"name": name})
    assert done.code == "tool_ok", done
    await sandbox.settled()
    assert _processes(name) == []
    await answers(sandbox)


async def test_nothing_lingers_after_a_stop(sandbox: ContainerRuntime) -> None:
    name = f"stays{os.getpid()}"[:15]
    code = LINGERS.replace("return os.getpid()", "while True: time.sleep(1)")
    hostile = plugin(HEAD + indent(code, "    "), runtime={"timeout_s": 1})
    assert (await call(sandbox, hostile, {"name": name})).code == "plugin_timeout"
    await sandbox.settled()
    assert _processes(name) == []
    await answers(sandbox)


READS = """
mine = open("/input/payload.json").read()
time.sleep(1)
seen = []
for root in ("/input", "/output", "/tmp", "/dev", "/run", "/var", "/proc"):
    for folder, folders, names in os.walk(root):
        if folder.startswith("/proc") and folder.count("/") > 2: folders.clear()
        for name in names:
            path = os.path.join(folder, name)
            try:
                if not stat.S_ISREG(os.lstat(path).st_mode): continue
                text = open(path, "rb").read(65536).decode(errors="replace")
            except OSError: continue
            if payload["theirs"] in text and path != "/input/payload.json": seen.append(path)
return [payload["mine"] in mine, seen, len([name for name in os.listdir("/proc") if name.isdigit()])]
"""


async def test_two_at_once_see_nothing_of_each_other(sandbox: ContainerRuntime) -> None:
    code = plugin(HEAD + indent(READS, "    "))
    one, two = await asyncio.gather(
        call(sandbox, code, {"mine": "first-run", "theirs": "second" + "-run"}),
        call(sandbox, code, {"mine": "second-run", "theirs": "first" + "-run"}),
    )
    assert (one.code, two.code) == ("tool_ok", "tool_ok"), (one, two)
    assert one.result["data"] == two.result["data"] == [True, [], 1]


async def test_the_next_run_finds_nothing_of_the_last(sandbox: ContainerRuntime) -> None:
    leaves = "for folder in ('/tmp', '/output'): open(folder + '/left', 'w').write('x')\nreturn os.getpid()"
    looks = "return [os.listdir(folder) for folder in ('/tmp', '/output')]"
    assert (await call(sandbox, plugin(HEAD + indent(leaves, "    ")))).code == "tool_ok"
    done = await call(sandbox, plugin(HEAD + indent(looks, "    ")))
    assert done.result["data"] == [[], []]


async def test_the_environment_is_its_own(
    sandbox: ContainerRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERY_TEST_SECRET", SECRET)
    done = await call(sandbox, plugin(HEAD + "    return sorted(os.environ.items())"))
    assert [name for name, _ in done.result["data"]] == ["HOME", "LANG", "PATH"]
    assert SECRET not in repr(done)


async def test_an_answer_after_the_time_is_none(sandbox: ContainerRuntime) -> None:
    late = plugin(HEAD + "    time.sleep(1.5)\n    return 1", runtime={"timeout_s": 0.5})
    assert (await call(sandbox, late)).code == "plugin_timeout"
    await answers(sandbox)
