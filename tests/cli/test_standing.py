"""`livery workspaces targets` and `livery approvals standing`: from a target to its tenth sending, and back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.support.platform import NewPlatform
from tests.support.receiver import receiver
from tests.support.terminal import Terminal


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The platform is in this process: what it logs is not to be taken for the command's words."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


async def test_a_target_a_standing_approval_and_its_end(
    new_platform: NewPlatform, tmp_path: Path
) -> None:
    with receiver() as target:
        async with new_platform(environ={"LIVERY_ALLOW_PRIVATE_TARGETS": target.host}) as running:
            livery = Terminal(running, tmp_path)

            async def document(*words: str, code: int = 0) -> Any:
                found = await livery(*words, "--json")
                assert (found.exit_code, found.stderr) == (code, ""), found.output
                return json.loads(found.stdout)

            def send(number: int) -> tuple[str, ...]:
                args = {"url": target.url, "payload": {"n": number}}
                return ("run", "webhook-send", "--input", json.dumps(args))

            grant = ("approvals", "standing", "grant", "webhook-send", target.host, "--runs", "2")
            refused = await livery(*grant)
            assert refused.exit_code != 0
            assert f"livery workspaces targets add default {target.host}" in refused.output
            empty = await livery("workspaces", "targets", "list", "default")
            assert "livery workspaces targets add default" in empty.output
            added = await livery("workspaces", "targets", "add", "default", target.host.upper())
            assert (added.exit_code, target.host in added.output) == (0, True), added.output
            listed = await livery("workspaces", "targets", "list", "default")
            assert target.host in listed.stdout

            made = await document(*grant, "--days", "7")
            assert (made["state"], made["runs"], made["used"]) == ("active", 2, 0)
            approval = made["approval_id"]
            shown = await livery("approvals", "standing", "show", approval)
            assert "0 of 2" in shown.stdout
            for number in (1, 2):
                assert (await document(*send(number)))["approval_id"] == approval
            assert (await document(*send(3), code=4))["code"] == "approval_required"
            assert [json.loads(item.body)["n"] for item in target.received] == [1, 2]
            table = await livery("approvals", "standing", "list")
            assert approval in table.stdout
            assert "2 of 2" in table.stdout
            assert "spent" in table.stdout

            second = (await document(*grant))["approval_id"]
            revoked = await document("approvals", "standing", "revoke", second, "-r", "over")
            assert (revoked["state"], revoked["reason"]) == ("revoked", "over")
            assert (await document(*send(4), code=4))["code"] == "approval_required"
            third = (await document(*grant))["approval_id"]
            gone = await livery("workspaces", "targets", "remove", "default", target.host)
            assert gone.exit_code == 0
            assert (await document("approvals", "standing", "show", third))["state"] == "revoked"
            assert (await document("approvals", "standing", "list"))["items"][0][
                "approval_id"
            ] == third
            assert (await document("workspaces", "targets", "list", "default"))["items"] == []

            private = json.dumps({"url": "http://10.0.0.1/", "payload": {}})
            denied = await livery("run", "webhook-send", "--input", private)
            assert denied.exit_code == 3
            assert "LIVERY_ALLOW_PRIVATE_TARGETS=10.0.0.1:80" in " ".join(denied.output.split())
