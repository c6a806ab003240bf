"""What `livery explain` says would let a call on, done as it is written: then the call is let on."""

import json
import re
import shlex
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from tests.support.governed import principal, workspace
from tests.support.owned import manifest, owned
from tests.support.platform import NewPlatform, Running
from tests.support.receiver import Receiver, receiver
from tests.support.skills import certified, package
from tests.support.terminal import Terminal

from livery.kernel.remedies import RULES

_PLACEHOLDER = re.compile(r"[A-Z]{2,}|…")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The platform is in this process: what it logs is not to be taken for the command's words."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def target() -> Any:
    with receiver() as made:
        yield made


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform, target: Receiver) -> AsyncIterator[Running]:
    async with new_platform(environ={"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}) as made:
        await workspace(made, "acme")
        admin = await principal(made, "customer_admin", "acme")
        await made.platform.services.workspaces.configure(admin, "acme", delegated_approval=True)
        yield made


@pytest.fixture
def livery(running: Running, tmp_path: Path) -> Terminal:
    return Terminal(running, tmp_path)


async def call(livery: Terminal, skill: str, args: Any, *more: str) -> dict[str, Any]:
    found = await livery(
        "run", skill, "--input", json.dumps(args), "--workspace", "acme", "--json", *more
    )
    document: dict[str, Any] = json.loads(found.stdout)
    return document


async def ways(livery: Terminal, run_id: str) -> list[str]:
    found = await livery("explain", run_id, "--json")
    assert found.exit_code == 0, found.output
    return [step["command"] for step in json.loads(found.stdout)["would_allow"]]


async def do(livery: Terminal, command: str) -> str:
    """The command exactly as it was printed."""
    assert not _PLACEHOLDER.search(re.sub(r"APR-\S+|STA-\S+", "", command)), command
    name, *words = shlex.split(command)
    assert name == "livery"
    found = await livery(*words)
    assert found.exit_code == 0, (command, found.output)
    return found.stdout


async def test_a_standing_approval(livery: Terminal, target: Receiver) -> None:
    sent = {"url": target.url, "payload": {"n": 1}}
    refused = await call(livery, "webhook-send", sent)
    assert refused["code"] == "approval_required"
    found = await ways(livery, refused["run_id"])
    register, grant = [item for item in found if "targets add" in item or "standing" in item]
    assert grant.endswith(f"standing grant webhook-send {target.host} --runs 10 --workspace acme")
    for command in (register, grant):
        await do(livery, command)
    done = await call(livery, "webhook-send", sent)
    assert (done["code"], done["approval_id"][:4]) == ("tool_ok", "STA-")
    await livery("approvals", "standing", "revoke", done["approval_id"], "-r", "done")


async def test_an_approval_of_one_call(livery: Terminal, target: Receiver) -> None:
    sent = {"url": target.url, "payload": {"n": 2}}
    waits = await call(livery, "webhook-send", sent, "--wait-for-approval")
    assert waits["status"] == "awaiting_approval"
    found = await ways(livery, waits["run_id"])
    for command in found[:2]:
        await do(livery, command)
    await livery.running.platform.approvals.sweep()
    await livery.running.platform.services.waiting.settled()
    shown = json.loads((await livery("runs", "show", waits["run_id"], "--json")).stdout)
    assert shown["status"] == "succeeded"


async def test_a_denial_that_is_remembered(livery: Terminal, target: Receiver) -> None:
    sent = {"url": target.url, "payload": {"n": 3}}
    waits = await call(livery, "webhook-send", sent, "--wait-for-approval")
    await livery("approvals", "deny", waits["approval_id"], "--remember")
    refused = await call(livery, "webhook-send", sent)
    assert refused["code"] == "approval_denied"
    see, forget = await ways(livery, refused["run_id"])
    grants = await do(livery, f"{see} --json")
    [grant] = [item["grant_id"] for item in json.loads(grants)["items"]]
    assert forget == "livery approvals forget GRANT"
    await do(livery, forget.replace("GRANT", str(UUID(grant))))
    assert (await call(livery, "webhook-send", sent))["code"] == "approval_required", "as it says"
    # One that is not remembered leaves nothing to take back: the way out is to ask again.
    waits = await call(livery, "webhook-send", sent, "--wait-for-approval")
    await livery("approvals", "deny", waits["approval_id"])
    [again] = await ways(livery, waits["run_id"])
    assert again == "livery run webhook-send --workspace acme --input …"
    assert (await call(livery, "webhook-send", sent))["code"] == "approval_required"


async def test_a_version_that_was_revoked(livery: Terminal) -> None:
    for version in ("1.0.0", "1.1.0"):
        await certified(livery.running, package("shout", version=version))
    await livery("skills", "revoke", "shout@1.1.0", "--reason", "a fault")
    args = {"code": "1"}
    refused = await call(livery, "shout", args, "--version", "1.1.0")
    assert refused["code"] == "skill_revoked"
    show, other, new = await ways(livery, refused["run_id"])
    await do(livery, show)
    assert other == "livery run shout --workspace acme --version VERSION --input …"
    pinned = other.replace("VERSION", "1.0.0").replace("…", shlex.quote(json.dumps(args)))
    await do(livery, pinned)
    assert new == "livery skills add FOLDER --certify"
    assert not any("certify shout" in item for item in (show, other, new)), "it is the revoked one"


async def test_a_workspaces_own_skill_goes_by_its_name(livery: Terminal) -> None:
    await owned(livery.running, "acme", manifest("greet", "hello"), certify=False)
    refused = await call(livery, "greet", {})
    assert refused["code"] == "skill_not_certified"
    [certify] = await ways(livery, refused["run_id"])
    assert certify == "livery skills certify acme:greet@1.0.0"
    await do(livery, certify)
    assert (await call(livery, "greet", {}))["code"] == "tool_ok"
    await livery("skills", "revoke", "acme:greet@1.0.0", "--reason", "a fault")
    refused = await call(livery, "greet", {})
    assert refused["code"] == "skill_revoked"
    show, other, new = await ways(livery, refused["run_id"])
    await do(livery, show)
    assert show.endswith("show acme:greet")
    assert other.startswith("livery run greet --workspace acme ")
    assert new == "livery skills add FOLDER --certify --workspace acme"


async def test_a_switch_that_is_on(livery: Terminal) -> None:
    await certified(livery.running, package("whisper"))
    await livery("kill-switch", "engage", "workspace", "acme", "--reason", "a try")
    refused = await call(livery, "whisper", {"code": "1"})
    assert refused["code"] == "kill_switch"
    see, release = await ways(livery, refused["run_id"])
    await do(livery, see)
    await do(livery, release.replace("SCOPE TARGET", "workspace acme").replace("…", "over"))
    assert (await call(livery, "whisper", {"code": "1"}))["code"] == "tool_ok"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://u:hunter2@example.com/", "tool_input_invalid"),
        ("http://127.0.0.1%2e:9391/", "tool_input_invalid"),
        ("http://bücher.example/q", "tool_input_invalid"),
        ("http://127.0.0.1\\@example.com:9391/", "tool_input_invalid"),
        ("http://10.0.0.1/", "provider_policy_denied"),
    ],
)
async def test_a_target_that_is_refused_offers_no_approval(
    livery: Terminal, url: str, code: str
) -> None:
    before = (await livery("approvals", "list", "--json")).stdout
    refused = await call(livery, "webhook-send", {"url": url, "payload": {}})
    assert refused["code"] == code
    assert "hunter2" not in json.dumps(refused)
    found = await livery("explain", refused["run_id"])
    assert found.exit_code == 0
    assert not any(word in found.stdout for word in ("hunter2", "u:", "standing grant", "%2e"))
    assert (await livery("approvals", "list", "--json")).stdout == before
    if code == "tool_input_invalid":
        assert "/url" in found.stdout
        for command in await ways(livery, refused["run_id"]):
            await do(livery, command)


@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "1e999", "9007199254740993", '"\\u0000"', '"\\ud800"', '"two"']
)
async def test_an_input_that_is_no_i_json_is_refused_on_record(
    livery: Terminal, value: str
) -> None:
    found = await livery(
        "run", "add", "--input", f'{{"a": {value}, "b": 1}}', "--workspace", "acme", "--json"
    )
    refused = json.loads(found.stdout)
    assert (found.exit_code, refused["code"], refused["status"]) == (
        3, "tool_input_invalid", "denied",
    )  # fmt: skip
    assert "/a" in refused["error"]["message"], refused
    shown = await livery("runs", "show", refused["run_id"], "--json")
    assert json.loads(shown.stdout)["code"] == "tool_input_invalid"


@pytest.mark.parametrize("code", RULES)
async def test_every_way_out_is_a_command(livery: Terminal, code: str) -> None:
    for _, command in RULES[code].steps:
        if command.startswith("livery sandbox "):
            continue  # the process's own command, which tests/docs knows
        words = []
        for word in shlex.split(command)[1:]:
            if word.startswith(("-", "{")) or _PLACEHOLDER.search(word):
                break
            words.append(word)
        found = await livery(*words, "--help")
        assert found.exit_code == 0, command
        for option in re.findall(r"--[a-z-]+", command):
            assert option in found.output, command
