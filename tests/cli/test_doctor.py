"""`livery doctor`: each check answers a finding, and says what to do."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from livery.cli import doctor, findings
from livery.cli.findings import FAIL, INFO, OK, WARN
from livery.client import LiveryClient


def test_a_healthy_machine_without_a_platform(livery):
    found = json.loads(livery("doctor", "--json").stdout)
    assert found["ok"] is True
    checks = {check["name"]: check for check in found["checks"]}
    assert checks["Server"]["level"] == INFO
    assert checks["Python"]["level"] == OK
    assert "Docker" in checks
    assert "All is well." in livery("doctor").stdout


async def test_checkpoints_of_the_record(platform, sample):
    async with LiveryClient(
        "http://livery.test", sample.TOKEN, transport=httpx.ASGITransport(app=platform)
    ) as client:
        (found,) = await doctor.checkpoints(client)
        assert (found.level, found.detail) == (OK, "checkpoints: whole")
        missing = {"ok": False, "count": 1, "newest": "", "detail": "2 was removed"}
        platform._get_audit = lambda *_: sample.ok(missing)
        (found,) = await doctor.checkpoints(client)
        assert (found.level, found.detail) == (FAIL, "checkpoints: 2 was removed")
        assert "livery audit verify --checkpoint" in found.remedy
        platform._get_audit = lambda *_: sample.problem("forbidden", 403, "Not for you.")
        (found,) = await doctor.checkpoints(client)
        assert found.level == INFO


def test_permissions(home):
    assert findings.permissions(home).level == OK
    token = home / "run" / "operator.token"
    token.parent.mkdir(parents=True, mode=0o700)
    token.write_text("secret")
    token.chmod(0o644)
    found = findings.permissions(home)
    assert found.level == FAIL
    assert found.remedy == f"chmod go= {token}"
    token.chmod(0o600)
    assert findings.permissions(home).level == OK


def test_home(tmp_path):
    assert findings.home_folder(tmp_path / "not" / "yet").level == OK
    (tmp_path / "file").write_text("")
    assert findings.home_folder(tmp_path / "file" / "home").level == FAIL


def test_home_that_cannot_be_written(tmp_path, monkeypatch):
    # Root may write everywhere, so the system's answer is given.
    monkeypatch.setattr(findings.os, "access", lambda *_: False)
    assert findings.home_folder(tmp_path).level == FAIL


@pytest.mark.parametrize(
    ("free", "level"), [(2**20, FAIL), (2**30, WARN), (2 * 2**30, OK), (2**40, OK)]
)
def test_disk(monkeypatch, tmp_path, free, level):
    monkeypatch.setattr(findings.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    found = findings.disk(tmp_path / "not" / "yet")
    assert found.level == level
    assert found.detail == ("1 MiB free" if free == 2**20 else f"{free / 2**30:.1f} GiB free")


def test_clock():
    assert findings.clock(datetime(2020, 1, 1, tzinfo=UTC)).level == FAIL
    assert findings.clock(datetime.now(UTC)).level == OK


def test_program():
    assert findings.program("Shell", ("no-such-program", "sh"), "").detail.endswith("sh")
    assert "why" in findings.program("Nothing", ("no-such-program",), "why").detail


def test_the_address(home, monkeypatch):
    assert findings.address(home) is None
    run = home / "run"
    run.mkdir(parents=True)
    for text in ("", "{", "[]", "{}", '{"url": "http://127.0.0.1:9"}'):
        (run / "server.json").write_text(text)
        found = findings.address(home)
    assert found.url == "http://127.0.0.1:9"
    assert found.token is None
    (run / "operator.token").write_text("secret-token\n")
    found = findings.address(home)
    assert found.token == "secret-token"
    assert "secret-token" not in repr(found)
    monkeypatch.setenv("LIVERY_URL", "http://127.0.0.1:10")
    assert findings.address(home).url == "http://127.0.0.1:10"


async def test_a_platform_that_answers(platform, sample):
    with platform.on_socket() as url:
        found = await doctor.platform(findings.Address(url, sample.TOKEN))
    levels = {finding.name: finding.level for finding in found}
    # The sample's vault is gone.
    assert levels == {
        "Server": OK,
        "Database": OK,
        "Vault": FAIL,
        "Token": OK,
        "Record": OK,
        "Certificates": OK,
    }


async def test_a_token_that_is_refused(platform):
    with platform.on_socket() as url:
        found = await doctor.platform(findings.Address(url, "wrong"))
    assert found[-1].name == "Token"
    assert "livery token new" in found[-1].remedy


async def test_a_platform_that_does_not_answer(unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    (found,) = await doctor.platform(findings.Address(url, "t"))
    assert found.level == FAIL
    assert "livery up" in found.remedy


@pytest.mark.parametrize(
    ("state", "days", "level"),
    [("valid", 90, OK), ("valid", 13, WARN), ("valid", -1, FAIL), ("revoked", 90, FAIL)],
)
async def test_certificates(platform, sample, state, days, level):
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    platform.certificate |= {"state": state, "expires_at": ends.isoformat()}
    with platform.on_socket() as url:
        async with LiveryClient(url, sample.TOKEN) as client:
            found = await doctor.certificates(client, datetime.now(UTC))
    assert {finding.level for finding in found} == {level}
    if level != OK:
        assert found[0].remedy == "livery skills certify add"


@pytest.mark.parametrize(
    ("date", "warned"),
    [
        (None, False),
        ("nonsense", False),
        ("Sat, 21 Nov 2026 08:00:30 GMT", False),
        ("Sat, 21 Nov 2026 09:00:00 GMT", True),
    ],
)
def test_skew(date, warned):
    assert bool(doctor.skew(date, datetime(2026, 11, 21, 8, tzinfo=UTC))) is warned


async def test_a_check_that_knows_its_way_out(platform, sample, monkeypatch):
    full = {"ok": False, "detail": "The disk is full.", "remedy": "Free space."}
    monkeypatch.setattr(
        LiveryClient,
        "ready",
        lambda _: _async({"status": "degraded", "checks": {"database": full}}),
    )
    with platform.on_socket() as url:
        found = await doctor.platform(findings.Address(url, sample.TOKEN))
    (database,) = [finding for finding in found if finding.name == "Database"]
    assert (database.level, database.remedy) == (FAIL, "Free space.")


async def _async(document):
    return document
