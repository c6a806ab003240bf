"""Credentials of a plugin: in its own container for its own call, usable there, and nowhere else in any form."""

import asyncio
import json
import os
import stat
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from tests.support.docker import plugin
from tests.support.holder import HOLDER, SENDER
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import Receiver, receiver
from tests.support.skills import certified, run
from tests.support.vault import (
    files_with,
    forms,
    holds,
    home_of,
    processes_with,
    tables_with,
    vault,
)

from livery.execution.container.engine import Engine
from livery.execution.container.leftovers import home_label
from livery.execution.container.limits import UID
from livery.execution.outside import proxy
from livery.integrations.postgres import EmbeddedPostgres
from livery.vault.client import VaultClient
from livery.vault.secret import Secret

TOKEN = "tok-9f2cKx7/Qv+LmN0pWz~4"
NOTE = 'one line\nand "two" of Ünal\'s, \\ and ~/more'
SECRET = {"token": TOKEN, "note": NOTE, "nested": [{"pin": "pin-55 61"}]}
VALUES = (TOKEN, NOTE, "pin-55 61")
KIND = "api"


@dataclass(frozen=True)
class House:
    running: Running
    customer: VaultClient
    ref: str
    target: Receiver
    database: EmbeddedPostgres

    async def ask(self, do: str | None, skill: str = "holder", **more: Any) -> dict[str, Any]:
        args = {"do": do, "credential_ref": self.ref, **more.pop("args", {})}
        given = {name: value for name, value in args.items() if value is not None}
        return await run(self.running, skill, given, **more)

    async def nowhere(self, *texts: Any) -> None:
        """No form of the secret is in the texts, the tables, or the files of the platform."""
        for value in VALUES:
            assert [text for text in map(str, texts) if holds(text, value)] == []
            for form in forms(value):
                assert await tables_with(self.running, form, self.database) == [], form
                assert files_with(self.running.settings.home, form) == [], form
                assert processes_with(form) == [], form


def package(name: str, code: str = HOLDER, **options: Any) -> Any:
    """A plugin with the fixture that certifies it: with nothing to do, and without a credential."""
    fixture = {"name": "nothing", "input": {}, "output": {"display": "nothing"}}
    tests = {"tests/nothing.yaml": yaml.safe_dump({"fixtures": [fixture]}).encode()}
    return plugin(code, name=name, extra=tests, **options)


@pytest.fixture(scope="module")
async def house(
    new_platform: NewPlatform, image: str, embedded_postgres: EmbeddedPostgres
) -> AsyncIterator[House]:
    with receiver(answer=f"you sent {TOKEN}".encode()) as target:
        engine = {name: value for name, value in os.environ.items() if name.startswith("DOCKER")}
        environ = {
            **engine,
            "LIVERY_SANDBOX_IMAGE": image,
            "LIVERY_SANDBOX_POLICY": "baseline",
            "LIVERY_ALLOW_PRIVATE_TARGETS": target.host,
        }
        async with new_platform(environ=environ) as running, vault(running) as customer:
            home = await home_of(running)
            held = await customer.store(home, KIND, "for plugins", Secret(SECRET))
            small = {"timeout_s": 6, "memory_mb": 64}
            declared = {"credentials": [KIND], "filesystem": ["output"]}
            for one in (
                package("holder", capabilities=declared, runtime=small),
                package("sender", SENDER, capabilities={**declared, "network": [target.host]}),
                package("stranger", capabilities={}),
            ):
                await certified(running, list(one.files))
            yield House(running, customer, held.credential_ref, target, embedded_postgres)


async def test_what_is_declared_is_there_and_usable(house: House) -> None:
    done = await house.ask("send", "sender", args={"url": house.target.url})
    assert done["status"] == "succeeded", done
    assert house.target.received[-1].headers["authorization"] == f"Bearer {TOKEN}"
    # The receiver said it back: it is taken out of the answer, and stands in no table.
    assert done["result"]["display"] == "you sent [redacted]"
    await house.nowhere(done)
    assert "livery.run" in await tables_with(house.running, house.ref, house.database)


async def test_only_the_plugin_s_user_may_read_it(house: House) -> None:
    done = await house.ask("mode")
    assert done["result"]["data"] == [[0o400, UID], [0o700, UID], ["api.json"]]


async def test_what_is_not_declared_is_not_there(house: House) -> None:
    done = await house.ask("look", "stranger", args={"begin": TOKEN[:8][::-1]})
    assert (done["code"], done["result"]["data"]) == ("tool_ok", [])
    # Neither is what was declared and has no ref, or belongs to a dry run or a fixture.
    for more in ({"args": {"credential_ref": None}}, {"dry_run": True}):
        done = await house.ask(
            "look", args={"begin": TOKEN[:8][::-1], **more.pop("args", {})}, **more
        )
        assert (done["code"], done["result"]["data"]) == ("tool_ok", []), done


async def test_the_look_would_see_it(house: House) -> None:
    done = await house.ask("look", args={"begin": TOKEN[:8][::-1]})
    assert done["result"]["data"] == ["/credentials/api.json"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"credential_refs": {"other": "cred_" + "0" * 32}}, "skill_capability_denied"),
        ({"credential_refs": [1]}, "tool_input_invalid"),
        ({"credential_ref": 7}, "tool_input_invalid"),
        ({"credential_ref": "nonsense"}, "tool_input_invalid"),
        ({"credential_refs": {KIND: "cred_" + "0" * 32}}, "tool_input_invalid"),  # a second one
        ({"credential_ref": "cred_" + "0" * 32}, "not_found"),
    ],
)
async def test_another_ref_is_refused(house: House, args: dict[str, Any], code: str) -> None:
    done = await house.ask("hold", args={"seconds": 0, **args})
    assert (done["status"], done["code"]) == ("failed", code), done
    assert done["error"]["details"]["remedy"]


async def test_a_credential_of_another_kind_or_workspace_or_a_revoked_one_is_refused(
    house: House,
) -> None:
    home = await home_of(house.running)
    made = await house.running.platform.services.workspaces.create(
        house.running.operator, "next-door", slug="next-door", cap=10_000_000
    )
    other = await house.customer.store(home, "slack", "other", Secret(SECRET))
    theirs = await house.customer.store(made.workspace_id, KIND, "theirs", Secret(SECRET))
    mine = await house.customer.store(home, KIND, "mine", Secret(SECRET))
    before = len(house.target.received)
    for ref, code in (
        (other.credential_ref, "credential_not_granted"),
        (theirs.credential_ref, "not_found"),
        (mine.credential_ref, "tool_ok"),
    ):
        done = await house.ask(
            "send", "sender", args={"url": house.target.url, "credential_ref": ref}
        )
        assert done["code"] == code, done
    await house.customer.revoke(home, mine.credential_ref)
    done = await house.ask(
        "send", "sender", args={"url": house.target.url, "credential_ref": mine.credential_ref}
    )
    assert (done["status"], done["code"]) == ("failed", "credential_not_granted"), done
    assert "revoked" in done["error"]["message"]
    assert done["error"]["details"]["remedy"]
    assert len(house.target.received) == before + 1


async def test_nobody_else_sees_it_while_it_is_there_and_after(
    house: House, engine: Engine
) -> None:
    label = home_label(house.running.settings.home)
    began = int(time.time())
    holding = asyncio.create_task(house.ask("hold", args={"seconds": 5}))
    try:
        async with asyncio.timeout(240):
            while not (mine := [one for one in _held(engine, label) if one[1]]):
                await asyncio.sleep(0.1)
        assert mine[0][1] == ["api.json"]
        assert all(found == [] for one, found in _held(engine, label) if one != mine[0][0])
        # A plugin that runs at the same time, and one of the same skill without a ref.
        looks = {"begin": TOKEN[:8][::-1]}
        others = await asyncio.gather(
            house.ask("look", "stranger", args=looks),
            house.ask("look", args={**looks, "credential_ref": None}),
        )
        assert [done["result"]["data"] for done in others] == [[], []]
        assert not holding.done()
        shown = await asyncio.to_thread(_shown, engine, label, began)
        assert mine[0][0] in shown, "the engine was asked about it"
        await house.nowhere(shown)
    finally:
        done = await holding
    assert done["status"] == "succeeded", done
    after = await house.ask("look", "stranger", args=looks)
    assert after["result"]["data"] == []
    async with asyncio.timeout(240):
        while any(found for _, found in _held(engine, label)):
            await asyncio.sleep(0.1)
    assert mine[0][0] not in [one for one, _ in _held(engine, label)]
    await house.nowhere(await asyncio.to_thread(_shown, engine, label, began), done)


ENDS = [
    ("gives", "tool_ok", 3),
    ("prints", "tool_ok", 0),
    ("writes", "tool_ok", 0),
    ("raises", "plugin_runtime_failed", 3),
    ("named", "plugin_runtime_failed", 2),
    ("stays", "plugin_timeout", 3),
    ("eats", "plugin_runtime_failed", 3),
    ("floods", "plugin_runtime_failed", 0),
    ("cut", "plugin_runtime_failed", 0),
    ("names", "plugin_contract_invalid", 0),
    ("nests", "plugin_contract_invalid", 1),
    ("breaks", "plugin_contract_invalid", 0),
    ("numbers", "plugin_contract_invalid", 0),
]


@pytest.mark.parametrize(("do", "code", "marks"), ENDS, ids=[do for do, _, _ in ENDS])
async def test_however_it_ends_nothing_holds_it(
    house: House,
    engine: Engine,
    do: str,
    code: str,
    marks: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    began = int(time.time())
    done = await house.ask(do)
    assert done["code"] == code, done
    assert json.dumps(done).count("[redacted]") >= marks, done
    if do in ("floods", "cut", "named"):
        # Half of it would be at the end of what is kept.
        assert TOKEN[:5] not in json.dumps(done)
    if code == "plugin_runtime_failed" and do == "eats":
        assert done["error"]["details"]["oom"] is True
    said = capfd.readouterr()
    kept = [await _content(house.running, item) for item in done["artifacts"]]
    assert len(kept) == (2 if do == "writes" else 0)
    if kept:
        assert all(b"[redacted]" in content for content in kept)
    texts = [content.decode("latin-1") for content in kept]
    shown = await asyncio.to_thread(_shown, engine, home_label(house.running.settings.home), began)
    await house.nowhere(done, *texts, said.out, said.err, shown)


async def test_a_host_that_is_called_as_the_secret_is_not_logged(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(proxy, "_log", structlog.wrap_logger(structlog.PrintLogger(log)))
        done = await house.ask("asks", "sender")
    assert done["status"] == "succeeded", done
    said = (tmp_path / "log").read_text()
    assert "egress_refused" in said
    assert "[redacted]" in said
    await house.nowhere(said, done)


async def test_without_a_vault_it_does_not_run(new_platform: NewPlatform, image: str) -> None:
    engine = {name: value for name, value in os.environ.items() if name.startswith("DOCKER")}
    environ = {**engine, "LIVERY_SANDBOX_IMAGE": image, "LIVERY_SANDBOX_POLICY": "baseline"}
    async with new_platform(environ=environ) as running:
        await certified(
            running, list(package("holder", capabilities={"credentials": [KIND]}).files)
        )
        args = {"do": "look", "credential_ref": "cred_" + "0" * 32}
        done = await run(running, "holder", args)
        assert (done["status"], done["code"]) == ("failed", "configuration_error"), done
        args.pop("credential_ref")
        assert (await run(running, "holder", args))["code"] == "tool_ok"


async def _content(running: Running, item: dict[str, Any]) -> bytes:
    async with running.http() as http:
        answer = await http.get(f"/v1/artifacts/{item['artifact_id']}/content")
    assert answer.status_code == 200, answer.text
    return answer.content


def _held(engine: Engine, label: str) -> list[tuple[str, Sequence[str]]]:
    """(container, files in its /credentials), of the running ones, as the machine's root sees them."""
    import docker.errors

    found = []
    for container, _ in engine.labelled(label):
        try:
            pid = engine.api.inspect_container(container)["State"]["Pid"]
            folder = Path(f"/proc/{pid}/root/credentials")
            if pid and stat.S_ISDIR(folder.stat().st_mode):
                found.append((container, sorted(one.name for one in folder.iterdir())))
        except (OSError, docker.errors.APIError):  # it ended meanwhile
            continue
    return found


def _shown(engine: Engine, label: str, since: int) -> str:
    """All that the engine tells of the containers of a home: inspect, logs, events, and its own files."""
    import docker.errors

    said = []
    for container, _ in engine.labelled(label):
        try:
            said.append(json.dumps(engine.api.inspect_container(container)))
            said.append(str(engine.api.logs(container)))
            said.append(json.dumps(engine.api.top(container)))
        except docker.errors.APIError as error:
            said.append(str(error))  # this driver keeps no log
    events = engine.api.events(since=since, until=int(time.time()) + 1, decode=True)
    said += [json.dumps(event) for event in events]
    root = Path(engine.api.info()["DockerRootDir"]) / "containers"
    said += [path.read_text(errors="replace") for path in root.rglob("*") if path.is_file()]
    return "\n".join(said)
