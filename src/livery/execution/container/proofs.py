"""`livery sandbox test`: every limit is tried from inside, on this engine, with this image."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import indent
from typing import Any, Final

from livery.execution.container.engine import Engine
from livery.execution.container.image.record import Built, record
from livery.execution.container.leftovers import place_of
from livery.execution.container.limits import LOG_BYTES, PIDS, UID, Rules
from livery.execution.container.policy.judge import UnsafeNoPolicy
from livery.execution.container.runtime import ContainerRuntime
from livery.execution.store import PackageStore
from livery.manifest.canonical import canonical_json
from livery.manifest.contract import Fixture
from livery.manifest.errors import LiveryError
from livery.manifest.package import Package, PackageFile, parse_package
from livery.services.runs.types import Invoked

Outcome = Callable[[Invoked], bool]
_TIMEOUT_S: Final = 3
_HEAD: Final = """
import ctypes, errno, os, resource, socket, sys, threading, time

# Of the thread: of the process it is nobody's to read in here.
with open("/proc/thread-self/status") as file:
    status = dict(line.rstrip().split(":\\t", 1) for line in file if ":\\t" in line)

def refused(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "it got through"

def run(payload, *, session_id, agent_id, skill_name):
    data = attempt()
    return {"display": "done", "data": data}

def attempt():
"""

_FILL: Final = """
def fill():
    for number in range(64):
        with open('{folder}/%d' % number, 'wb') as file: file.write(bytes(1 << 20))
return refused(fill)
"""


@dataclass(frozen=True, slots=True)
class Proof:
    """A limit, what is tried against it, the code that does, and what must come of it."""

    limit: str
    attempt: str
    code: str
    holds: Outcome


@dataclass(frozen=True, slots=True)
class Proved:
    """What came of a proof."""

    limit: str
    attempt: str
    outcome: str
    ok: bool


def _data(wanted: Callable[[Any], bool]) -> Outcome:
    return lambda done: done.code == "tool_ok" and wanted(done.result["data"])


def _refused(*names: str) -> Outcome:
    """The kernel said one of these."""
    return _data(lambda said: said in names)


def _code(code: str, **details: Any) -> Outcome:
    return lambda done: (
        done.code == code
        and all(done.details.get(name) == value for name, value in details.items())
    )


PROOFS: Final = (
    Proof("time", "an endless loop", "while True: pass", _code("plugin_timeout")),
    Proof(
        "memory",
        "holding ever more",
        "held = []\nwhile True: held.append(bytearray(1 << 20))",
        _code("plugin_runtime_failed", oom=True),
    ),
    Proof(
        "CPU",
        "burning for one second",
        # By the gaps in which it did not run: gVisor's clock of a process goes on through them.
        "began = last = time.monotonic()\n"
        "spent = 0.0\n"
        "while last - began < 1:\n"
        "    now = time.monotonic()\n"
        "    spent += min(now - last, 0.002)\n"
        "    last = now\n"
        "return round(spent, 2)",
        _data(lambda spent: spent < 0.75),
    ),
    Proof(
        "processes",
        "starting threads without end",
        "gate = threading.Event()\n"
        "try:\n"
        "    for count in range(1000): threading.Thread(target=gate.wait, daemon=True).start()\n"
        "except RuntimeError: return count\n"
        "return 1000",
        _data(lambda count: count < PIDS),
    ),
    Proof(
        "log",
        "printing 1 MB",
        "sys.stdout.write('x' * 1_000_000)",
        lambda done: done.code == "tool_ok" and len(str(done.details.get("log", ""))) <= LOG_BYTES,
    ),
    Proof(
        "log",
        "printing without end",
        "while True: print('x' * 65536)",
        _code("plugin_runtime_failed", limit="log"),
    ),
    Proof("result", "answering 2 MB", "return 'x' * 2_000_000", _code("plugin_contract_invalid")),
    Proof("output", "filling /output", _FILL.format(folder="/output"), _refused("ENOSPC")),
    Proof("scratch", "filling /tmp", _FILL.format(folder="/tmp"), _refused("ENOSPC")),  # noqa: S108
    Proof(
        "scratch",
        "running a program from /tmp",
        "with open('/tmp/x', 'w') as file: file.write('#!/bin/true')\n"
        "os.chmod('/tmp/x', 0o700)\n"
        "return refused(lambda: os.execv('/tmp/x', ['x']))",
        _refused("EACCES"),
    ),
    Proof(
        "credentials",
        "filling /credentials",
        _FILL.format(folder="/credentials"),
        _refused("ENOSPC"),
    ),
    Proof(
        "credentials",
        "looking for one that was not handed over",
        "return os.listdir('/credentials')",
        _data(lambda found: found == []),
    ),
    Proof(
        "user",
        "asking who it is",
        "return [os.getuid(), os.geteuid(), os.getgid(), *os.getgroups()]",
        _data(lambda who: set(who) == {UID}),
    ),
    Proof("user", "becoming root", "return refused(lambda: os.setuid(0))", _refused("EPERM")),
    Proof(
        "capabilities",
        "reading what it has",
        # gVisor has no ambient set, so it shows none.
        "return [status[name] for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd')]"
        " + [status.get('CapAmb', '0')]",
        _data(lambda sets: {int(value, 16) for value in sets} == {0}),
    ),
    Proof(
        "privileges",
        "reading no_new_privs and seccomp",
        "prctl = ctypes.CDLL(None).prctl\n"
        "return [prctl(39, 0, 0, 0, 0), prctl(21, 0, 0, 0, 0)]",  # PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP
        _data(lambda found: found == [1, 2]),
    ),
    Proof(
        "network",
        "listing interfaces",
        "return [name for _, name in socket.if_nameindex()]",
        _data(lambda names: names == ["lo"]),
    ),
    Proof(
        "network",
        "connecting to an address",
        "return refused(lambda: socket.create_connection(('192.0.2.1', 80), 1))",
        _refused("ENETUNREACH", "EHOSTUNREACH"),
    ),
    Proof(
        "root",
        "writing to /",
        "return refused(lambda: open('/x', 'w'))",
        _refused("EROFS", "EACCES"),
    ),
    Proof(
        "root",
        "writing to /etc",
        "return refused(lambda: open('/etc/x', 'w'))",
        _refused("EROFS", "EACCES"),
    ),
    Proof(
        "input",
        "writing to /input",
        "return refused(lambda: open('/input/x', 'w'))",
        _refused("EROFS", "EACCES"),
    ),
    Proof(
        "shared memory",
        "writing to /dev/shm",
        "return refused(lambda: open('/dev/shm/x', 'w'))",
        _refused("ENOENT", "EACCES", "EROFS"),
    ),
    Proof(
        "environment",
        "reading its variables",
        "return sorted(os.environ)",
        _data(lambda names: names == ["HOME", "LANG", "PATH"]),
    ),
    Proof(
        "open files",
        "opening files without end",
        "held = []\n"
        "def fill():\n"
        "    while True: held.append(open('/dev/null'))\n"
        "said = refused(fill)\n"
        "held.clear()\n"
        "return said",
        _refused("EMFILE"),
    ),
    Proof(
        "core dumps",
        "reading its limit",
        "return list(resource.getrlimit(resource.RLIMIT_CORE))",
        _data(lambda pair: pair == [0, 0]),
    ),
)


def plugin(
    code: str, *, timeout_s: float = _TIMEOUT_S, runtime: Mapping[str, Any] | None = None
) -> Package:
    """A package whose plugin does this in `attempt()`, indented by us."""
    contract = {
        "apiVersion": "livery/v1",
        "version": "1.0.0",
        "runtime": {
            "kind": "container",
            "entry": "scripts/plugin.py",
            "interface": 1,
            "timeout_s": timeout_s,
            **(runtime or {}),
        },
        "interface": {"input": {"type": "object"}, "output": True},
    }
    files = {
        "SKILL.md": b"---\nname: proof\ndescription: Tries a limit.\n---\n",
        "contract.yaml": canonical_json(contract),  # JSON is YAML
        "scripts/plugin.py": (_HEAD + indent(code, "    ") + "\n").encode(),
    }
    package, found = parse_package(
        [PackageFile(path, data) for path, data in sorted(files.items())]
    )
    if package is None:
        raise LiveryError("internal_error", f"The proof is no package: {found[0].message}")
    return package


async def prove(image: Built, rules: Rules, environ: Mapping[str, str]) -> AsyncIterator[Proved]:
    """Try every limit, one after the other, in a home of its own. Raises LiveryError without an engine."""
    with tempfile.TemporaryDirectory(prefix="livery-sandbox-") as folder:
        home = Path(folder)
        record(home, image)
        runtime = ContainerRuntime(
            PackageStore(home / "skills"),
            home,
            replace(rules, ready=0, image=rules.image or image.image),
            policy=UnsafeNoPolicy(),
            environ=environ,
        )
        try:
            for proof in PROOFS:
                done = await runtime.run_fixture(
                    plugin(proof.code), Fixture(proof.attempt, {}, None)
                )
                if done.code == "plugin_container_unavailable":
                    raise LiveryError(done.code, done.message, remedy=done.details.get("remedy"))
                yield Proved(proof.limit, proof.attempt, _said(done), proof.holds(done))
        finally:
            await runtime.close()
        yield _nothing_left(home, environ)


def _said(done: Invoked) -> str:
    if done.code == "tool_ok":
        return f"tool_ok: {done.result['data']}"[:120]
    return f"{done.code}: {done.message}"[:160]


def _nothing_left(home: Path, environ: Mapping[str, str]) -> Proved:
    engine = Engine.connect(environ)
    try:
        left = len(engine.labelled(place_of(home).home))
    finally:
        engine.close()
    return Proved("single use", "looking for containers that are left", f"{left} left", left == 0)
