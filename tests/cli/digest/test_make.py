"""A digest of the sample week on the real platform: ingested, run, fetched, verified, kept."""

import json
from datetime import date

import pytest

from livery.cli.digest import ingest, make
from livery.cli.digest.command import default_folder, exit_code, save, show_digest
from livery.cli.proofs import load_keys, verify_file
from livery.cli.screen import Screen
from livery.client.session_logs.sample import write_sample_week

MONDAY = date(2026, 11, 9)
PERIOD = (MONDAY.isoformat(), "2026-11-16")


@pytest.fixture(scope="module")
async def running(new_platform):
    async with new_platform() as found:
        yield found


@pytest.fixture(scope="module")
async def made(running, tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    write_sample_week(folder, MONDAY)
    async with running.client() as client:
        place = await make.workspace_for(client, [folder], None)
        report = await ingest.ingest(client, Screen(), ingest.logs_of([folder]), place)
        assert report.new_rows > 0
        return await make.make_digest(
            client, workspace=place, agent=None, timezone="UTC", period=PERIOD
        )


async def test_it_is_verified_and_documented(made):
    assert made.verified
    assert exit_code(made) == 0
    document = made.document()
    assert set(document) >= {
        *("period", "sessions", "messages", "tokens", "by_model", "tool_calls", "errors"),
        *("cost_usd", "bad_lines", "provenance"),
    }
    assert document["period"]["from"] == PERIOD[0]
    assert document["sessions"]["total"] > 0
    assert document["provenance"]["state"] == "verified"
    assert document["provenance"]["badge"] == made.badge
    assert len(document["provenance"]["artifacts"]) == 4
    json.dumps(document)


async def test_its_files_verify_offline_and_one_byte_more_does_not(made, running, tmp_path, capsys):
    folder = default_folder(tmp_path, made)
    save(Screen(), made, folder)
    assert (folder / "chart.png").read_bytes()[:4] == b"\x89PNG"
    keys = load_keys([], running.settings.home)
    for name in ("digest.json", "digest.md", "chart.vl.json", "table.json"):
        assert verify_file(folder / name, keys).ok
        # The provenance document finds the artifact beside it.
        assert verify_file(folder / f"{name}.provenance.json", keys).ok
    with (folder / "digest.md").open("ab") as file:
        file.write(b" ")
    assert not verify_file(folder / "digest.md", keys).ok
    assert "livery verify" in capsys.readouterr().err


async def test_people_see_the_mark_and_the_numbers(made, capsys):
    show_digest(Screen(), made)
    shown = capsys.readouterr().out
    assert f"✓ {made.badge} · verified" in shown
    assert "By model" in shown


async def test_named_folders_are_never_mixed_with_other_logs(running, made, tmp_path):
    async with running.client() as client:
        first = await make.workspace_for(client, [tmp_path / "a"], None)
        assert first == await make.workspace_for(client, [tmp_path / "a"], None)
        assert first != await make.workspace_for(client, [tmp_path / "b"], None)
        assert await make.workspace_for(client, [], None) is None
        assert await make.workspace_for(client, [tmp_path], "acme") == "acme"
        empty = await make.make_digest(
            client, workspace=first, agent=None, timezone="UTC", period=PERIOD
        )
        assert empty.document()["sessions"]["total"] == 0


async def test_the_timezone_is_the_workspace_s(running):
    async with running.client() as client:
        await client.create_workspace("Berlin", slug="berlin", timezone="Europe/Berlin")
        assert await make.timezone_of(client, "berlin") == "Europe/Berlin"
        assert await make.timezone_of(client, "nowhere") == "UTC"


async def test_a_failed_run_is_said_so(running, capsys):
    async with running.client() as client:
        failed = await make.make_digest(
            client, workspace=None, agent=None, timezone="Not/AZone", period=PERIOD
        )
    assert exit_code(failed) == 1
    show_digest(Screen(), failed)
    assert "Not/AZone" in capsys.readouterr().err


async def test_the_exported_journal_verifies(running, made, tmp_path):
    path = tmp_path / "journal.ndjson"
    async with running.client() as client:
        path.write_bytes(b"".join([chunk async for chunk in client.audit_export()]))
    keys = load_keys([], running.settings.home)
    assert verify_file(path, keys).ok
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[1:]))
    assert not verify_file(path, keys).ok
