"""However a command ends, it ends with a sentence and an exit code."""

import errno
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest
import typer
from tests.cli.conftest import PROGRAM
from typer.testing import CliRunner

from livery.cli import build_cli, exits
from livery.client import ApiProblem, RunDenied
from livery.manifest.errors import LiveryError


@pytest.fixture
def broken():
    """A command of another owner, mounted on the same door."""
    app = build_cli(lambda: None)

    @app.command("boom")
    def boom(as_json: bool = typer.Option(False, "--json")) -> None:
        raise ZeroDivisionError("1/0 \x1b[31m")

    @app.command("refuse")
    def refuse(as_json: bool = typer.Option(False, "--json")) -> None:
        raise LiveryError("kill_switch", "Everything is stopped.")

    @app.command("fill")
    def fill(number: int) -> None:
        raise OSError(number, os.strerror(number), "/some/file")

    @app.command("stop")
    def stop() -> None:
        raise KeyboardInterrupt

    return lambda *words: CliRunner().invoke(app, list(words))


def test_what_nobody_foresaw(broken):
    found = broken("boom")
    assert found.exit_code == 1
    assert "ZeroDivisionError: 1/0" in found.stderr
    assert "--debug" in found.stderr
    assert "Traceback" not in found.output
    assert "\x1b" not in found.output
    document = json.loads(broken("boom", "--json").stdout)
    assert document["code"] == "internal_error"


def test_debug_shows_the_traceback_wherever_it_stands(broken):
    for words in (["--debug", "boom"], ["boom", "--debug"]):
        assert isinstance(broken(*words).exception, ZeroDivisionError)


def test_debug_changes_nothing_of_what_is_foreseen(broken):
    for words in (["refuse"], ["refuse", "--json"], ["refuse", "--no-such"], ["no-such", "--json"]):
        plain, debug = broken(*words), broken(*words, "--debug")
        assert (debug.exit_code, debug.output) == (plain.exit_code, plain.output)
        assert isinstance(debug.exception, SystemExit)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_sentence(broken, number):
    found = broken("fill", str(number))
    assert (found.exit_code, "FAILED · unavailable" in found.stderr) == (1, True)
    assert "Make room on that disk" in found.stderr
    assert "OSError" in broken("fill", str(errno.EIO)).stderr


def test_an_error_of_another_owner(broken):
    found = broken("refuse")
    assert found.exit_code == 3
    assert "DENIED · kill_switch" in found.stderr
    assert json.loads(broken("refuse", "--json").stdout)["detail"] == "Everything is stopped."


def test_interrupted(broken):
    found = broken("stop")
    assert found.exit_code == 130
    assert found.stderr.strip() == "Interrupted."


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        ({"ok": True, "status": "succeeded"}, 0),
        ({"ok": False, "status": "queued"}, 0),
        ({"ok": False, "status": "failed"}, 1),
        ({"ok": False, "status": "unknown"}, 1),
        ({"ok": False, "status": "canceled"}, 1),
        ({"ok": False, "status": "denied", "code": "policy_denied"}, 3),
        ({"ok": False, "status": "denied", "code": "approval_required"}, 4),
        ({"ok": False, "status": "awaiting_approval"}, 4),
        ({}, 1),
    ],
)
def test_exit_code_of_an_envelope(envelope, code):
    assert exits.of_envelope(envelope) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exits.UsageError("x"), 2),
        (LiveryError("internal_error"), 1),
        (LiveryError("monthly_budget_exceeded"), 3),
        (LiveryError("approval_required"), 4),
        (ApiProblem({"code": "unauthenticated"}, 401, None), 3),
        (ApiProblem({"code": "forbidden"}, 403, None), 3),
        (ApiProblem({}, 429, None), 3),
        (ApiProblem({"code": "not_found"}, 404, None), 1),
        (ApiProblem({}, 500, None), 1),
        (RunDenied({"code": "secret_in_payload", "envelope": {"status": "denied"}}, 422, None), 3),
        (RunDenied({"code": "kill_switch", "envelope": {}}, 403, None), 3),
        (RunDenied({"code": "tool_input_invalid", "envelope": {"status": "failed"}}, 422, None), 1),
    ],
)
def test_exit_code_of_an_error(error, code):
    assert exits.of_error(error) == code


def test_a_process_of_its_own(process):
    code, out, err = process("run", "add", "--input", '{"a": 2, "b": 3}', "--json")
    assert (code, err) == (0, b"")
    assert json.loads(out)["result"] == {"sum": 5}
    code, out, err = process("run", "revoked")
    assert (code, out) == (3, b"")
    assert b"\x1b" not in err
    assert process("run", "effect", "--json")[0] == 4
    assert process("run", "fails")[0] == 1
    assert process("run")[0] == 2
    code, out, _ = process("run", "add", "-i", "@-", "--json", stdin=b'{"a": 1, "b": 1}')
    assert (code, json.loads(out)["result"]) == (0, {"sum": 2})


def test_no_platform(process, unused_tcp_port):
    process.env["LIVERY_URL"] = f"http://127.0.0.1:{unused_tcp_port}"
    code, out, err = process("skills", "list")
    assert (code, out) == (1, b"")
    assert b"livery up" in err
    assert b"Traceback" not in err
    assert process.env["LIVERY_TOKEN"].encode() not in err
    code, out, err = process("skills", "list", "--json")
    assert (code, err) == (1, b"")
    assert json.loads(out)["code"] == "network_error"


def test_ctrl_c_ends_with_one_line(process):
    # A server that accepts and never answers.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        process.env["LIVERY_URL"] = f"http://127.0.0.1:{server.getsockname()[1]}"
        running = process.start("skills", "list")
        connection, _ = server.accept()
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        connection.close()
    assert (running.returncode, out) == (130, b"")
    assert err.decode().strip() == "Interrupted."


def test_a_reader_that_leaves_early_is_no_error(process):
    reading, writing = os.pipe()
    running = process.start("skills", "list", "--json", stdout=writing)
    os.close(writing)
    os.close(reading)
    _, err = running.communicate(timeout=30)
    assert b"Traceback" not in err
    assert running.returncode in {0, 1}


def test_colours_only_on_a_terminal_and_never_with_no_color(process):
    process.env |= {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert b"\x1b[" in process("run", "add", "-k", "a=1", "-k", "b=1")[1]
    process.env["NO_COLOR"] = "1"
    shown = process("run", "add", "-k", "a=1", "-k", "b=1")[1]
    assert b"\x1b[3" not in shown  # no foreground colour
    assert b"\x1b[4" not in shown  # no background colour
    del process.env["FORCE_COLOR"]
    assert b"\x1b" not in process("run", "add", "-k", "a=1", "-k", "b=1")[1]


def test_a_terminal_without_utf_8(process):
    process.env |= {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code, out, err = process("run", "add", "-k", "a=1", "-k", "b=1")
    assert (code, err) == (0, b"")
    assert b"add@1.0.0" in out


@pytest.mark.parametrize(
    "words", [["run", "add", "--input", '{"a": 2, "b": 3}'], ["skills", "list"]]
)
@pytest.mark.parametrize("as_json", [["--json"], []])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_an_answer_that_cannot_be_written_is_said_in_a_sentence(process, words, as_json, where):
    code, out, err = in_a_shell(process, [*words, *as_json], where)
    assert (code, out) == (exits.OUTPUT_LOST, b"")
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err
    (line,) = err.decode().strip().splitlines()
    assert line.startswith("The answer could not be written to standard output: ")


def test_a_refusal_that_cannot_be_written_either(process):
    code, _, err = in_a_shell(process, ["run", "revoked", "--json"], ">&-")
    assert (code, err.count(b"\n"), b"Traceback" in err) == (exits.OUTPUT_LOST, 1, False)
    assert in_a_shell(process, ["run", "revoked"], "2>&-")[0] == 3
    assert in_a_shell(process, ["run", "revoked"], "2>/dev/full")[0] == 3


def test_a_reader_that_has_seen_enough_is_no_fault(process):
    code, _, err = in_a_shell(process, ["skills", "list", "--json"], "| true")
    assert (code, err) == (0, b"")


def in_a_shell(process, words, redirection):
    line = " ".join(map(shlex.quote, [sys.executable, "-c", PROGRAM, *words]))
    done = subprocess.run(
        ["bash", "-c", f"{line} {redirection}"],
        env=process.env,
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr
