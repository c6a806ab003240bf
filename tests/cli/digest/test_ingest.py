"""Which logs are read, and what a wrong line says."""

import pytest

from livery.cli.digest import ingest
from livery.cli.exits import UsageError
from livery.cli.screen import Screen


def test_named_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("LIVERY_SESSION_LOGS", f"{tmp_path}/a:{tmp_path}/b:")
    assert ingest.named_folders([]) == [tmp_path / "a", tmp_path / "b"]
    assert ingest.named_folders([tmp_path]) == [tmp_path]
    monkeypatch.delenv("LIVERY_SESSION_LOGS")
    assert ingest.named_folders([]) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="nothing"):
        ingest.logs_of([tmp_path / "nothing"])


@pytest.mark.parametrize("words", [["--from", "monday"], ["--to", "2026-13-01"]])
def test_a_day_that_is_none(livery, words, tmp_path):
    found = livery("digest", "--path", tmp_path, *words)
    assert found.exit_code == 2
    assert "2026-11-16" in found.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--timezone", "Mars/Base"], "Mars/Base"),
        (["--timezone", "../etc/passwd"], "timezone"),
        (["--timezone", ""], "timezone"),
        (["--from", "2026-11-16", "--to", "2026-11-09"], "-7"),
        (["--from", "2026-11-16", "--to", "2026-11-16"], "1 to 366"),
        (["--from", "2024-01-01", "--to", "2026-11-16"], "1 to 366"),
    ],
)
def test_a_period_that_is_none_is_said_before_any_work(livery, words, says, tmp_path, monkeypatch):
    def read(_):
        raise AssertionError("the logs were looked for")

    monkeypatch.setattr(ingest, "logs_of", read)
    found = livery("digest", "--path", tmp_path, *words)
    assert found.exit_code == 2
    assert says in found.stderr


def test_the_longest_period_is_the_skills_own():
    from tests.support.facts import PACKAGE

    from livery.cli.digest.command import MAX_DAYS

    assert f"\nMAX_DAYS = {MAX_DAYS}\n" in (PACKAGE / "scripts" / "period.py").read_text()


def test_what_could_not_be_read_is_said(tmp_path, capsys):
    import os

    os.mkfifo(tmp_path / "s.jsonl")
    logs = ingest.logs_of([tmp_path])
    ingest.show_unread(Screen(), logs.unread)
    assert "s.jsonl: is a named pipe; not opened" in capsys.readouterr().err
