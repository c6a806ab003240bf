"""What an auditor does works as it is written: docs/certification.md for every kind of certificate, docs/security.md
for the record, also after a superuser of the database has rewritten it."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.docs.generated import DOCS
from tests.support.forgery import allow_what_was_denied
from tests.support.governed import superuser
from tests.support.platform import NewPlatform, Running
from tests.support.skills import package

from livery.entrypoints.api import make_server
from livery.integrations.postgres import EmbeddedPostgres

RECORD = re.compile(r"<!-- record -->\n```sh\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"<!-- certificate -->\n```sh\n(.*?)```", re.DOTALL)
CODE = """
from livery.authoring import skill
{imported}
@skill("evaluate", version="1.0.0", description="Evaluate.")
def run(code: str) -> int:
    return 1
{more}
"""
MEDIUM = CODE.format(imported="", more="\n\nWHERE = '/tmp/livery'\n")
HIGH = CODE.format(
    imported="import hashlib",
    more="\n\ndef mark(text: bytes) -> str:\n    return hashlib.md5(text).hexdigest()\n",
)
SKILLS = {
    "add": "PASSED",  # built in
    "weekly-digest": "PASSED",  # built in, with data
    "warned": "WARNED",  # a finding that is open
    "answered": "PASSED",  # a finding that somebody answers for
}


@dataclass(frozen=True)
class Auditor:
    running: Running
    url: str
    token: str
    folder: Path

    async def shell(self, commands: str) -> tuple[int, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LIVERY_", "PYTEST_"))}
        env = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LIVERY_HOME": str(self.folder / "nothing-here"),
            "LIVERY_URL": self.url,
            "LIVERY_TOKEN": self.token,
        }
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-ec", commands, cwd=self.folder, env=kept | env,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(240):
            out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    async def verify(self, document: Any) -> tuple[int, str]:
        (self.folder / "one.json").write_text(
            document if isinstance(document, str) else json.dumps(document)
        )
        return await self.shell("livery verify one.json --key public.pem --json")


async def _answered(running: Running) -> None:
    catalog = running.platform.services.catalog
    await catalog.register(package("answered", HIGH), by="author:ann")
    async with running.http() as http:
        failed = (await http.post("/v1/skills/answered/certify")).json()
        finding = next(c for c in failed["checks"] if c["name"] == "security")["findings"][0]
        known = (await http.post("/v1/tokens", json={"role": "approver", "name": "bob"})).json()
    async with running.http(known["token"]) as http:
        answer = await http.post(
            "/v1/skills/answered/versions/1.0.0/suppressions",
            json={"fingerprint": finding["fingerprint"], "reason": "MD5 names a cache entry here."},
        )
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
async def auditor(
    new_platform: NewPlatform, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Auditor]:
    async with new_platform() as running:
        await running.platform.services.catalog.register(package("warned", MEDIUM), by="author:ann")
        await _answered(running)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        folder = tmp_path_factory.mktemp("auditor")
        (folder / "public.pem").write_bytes(
            b"".join(running.platform.services.public_keys().values())
        )
        server = make_server(running.platform, "127.0.0.1", port)
        task = asyncio.create_task(server.serve())
        async with asyncio.timeout(120):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield Auditor(running, f"http://127.0.0.1:{port}", running.token, folder)
        server.stop()
        async with asyncio.timeout(120):
            await task


@pytest.mark.parametrize("key", SKILLS)
async def test_the_documented_lines_verify(auditor: Auditor, key: str) -> None:
    (commands,) = BLOCK.findall((DOCS / "certification.md").read_text(encoding="utf-8"))
    code, said = await auditor.shell(commands.replace("certify add ", f"certify {key} "))
    assert code == 0, said
    assert f"✓ {key}@" in said
    document = json.loads((auditor.folder / "certificate.json").read_text())
    for inner in (document["certificate"], document["certificate"]["statement"]):
        code, said = await auditor.verify(inner)
        assert code == 0, said
    results = {c["name"]: c["detail"] for c in json.loads(said)["checks"]}
    assert results["certified result"] == SKILLS[key]


async def test_what_was_edited_in_it_is_named(auditor: Auditor) -> None:
    code, said = await auditor.shell("livery skills certify answered --json > certificate.json")
    assert code == 0, said
    text = (auditor.folder / "certificate.json").read_text()

    def security(document: Any) -> Any:
        return next(c for c in document["checks"] if c["name"] == "security")

    def finding(document: Any) -> Any:
        return security(document)["findings"][0]

    edits: dict[str, Any] = {
        "who answers for a finding": lambda d: finding(d)["suppressed"].update(by="approver:eve"),
        "the reason": lambda d: finding(d)["suppressed"].update(reason="Because of something."),
        "where it was": lambda d: finding(d).update(line=1),
        "its severity": lambda d: finding(d).update(severity="low"),
        "nobody answers any more": lambda d: finding(d).update(suppressed=None),
        "a member of a check": lambda d: security(d).update(approved_by="eve"),
        "a member": lambda d: d.update(approved_by="eve"),
        "a member of the certificate": lambda d: d["certificate"].update(approved_by="eve"),
        "a member of the envelope": lambda d: d["certificate"]["statement"].update(by="eve"),
        "a summary": lambda d: security(d).update(summary="found nothing"),
    }
    for name, edit in edits.items():
        document = json.loads(text)
        edit(document)
        code, said = await auditor.verify(document)
        assert code == 1, (name, said)
    code, said = await auditor.verify(text.replace("{", '{"key": "other",', 1))
    assert code == 1, said
    assert "a member appears twice: 'key'" in said


async def test_the_documented_defence_of_the_record(
    auditor: Auditor, embedded_postgres: EmbeddedPostgres
) -> None:
    """The last test: it forges the record of the module's platform."""
    (commands,) = RECORD.findall((DOCS / "security.md").read_text(encoding="utf-8"))
    async with auditor.running.http() as http:
        asked = {"skill_key": "add", "input": {"a": "no number", "b": 1}}
        assert (await http.post("/v1/runs", json=asked)).status_code == 422
        known = (await http.post("/v1/tokens", json={"role": "auditor", "name": "ada"})).json()
    ada = replace(auditor, token=known["token"])
    code, said = await ada.shell(commands)
    assert code == 0, said
    assert said.count("Nothing was removed or changed.") == 1
    assert re.search(r"✓ checkpoint \d+ of 20", said)
    assert "✓  Record" in said

    async with superuser(embedded_postgres, auditor.running) as forger:
        assert await allow_what_was_denied(forger) == 1
    audit, export, verify, doctor = (
        next(line for line in commands.splitlines() if line.startswith(start))
        for start in ("livery audit verify", "livery audit export", "livery verify j", "livery doc")
    )
    code, said = await ada.shell(doctor)
    assert code == 1
    assert "were removed (this machine has seen number" in " ".join(said.split())
    code, said = await ada.shell(f"COLUMNS=200 {audit}")
    assert code == 1
    assert "The journal was changed." in said
    assert "are not those that were signed for" in said
    code, said = await ada.shell(f"{audit} --json")
    assert (code, json.loads(said)["ok"]) == (1, False)
    assert (await ada.shell(export))[0] == 0
    code, said = await ada.shell(f"COLUMNS=200 {verify}")
    assert code == 1
    assert re.search(r"old.json of begin-\S+ +changed: entries \d+ to \d+ are not those", said)
