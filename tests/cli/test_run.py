"""`livery run`: input, envelope, panels, exit codes."""

import json

import pytest


def body(platform):
    return json.loads(platform.requests[-1]["body"])


def test_json_is_the_envelope_and_nothing_else(livery):
    found = livery("run", "add", "--input", '{"a": 2, "b": 3}', "--json")
    assert (found.exit_code, found.stderr) == (0, "")
    envelope = json.loads(found.stdout)
    assert (envelope["ok"], envelope["result"]) == (True, {"sum": 5})
    assert envelope["envelope_version"] == "1"


def test_for_people_it_shows_the_mark_the_result_and_the_run(livery, sample):
    found = livery("run", "add", "-k", "a=2", "-k", "b=3")
    assert found.exit_code == 0
    assert "✓ add@1.0.0 · succeeded" in found.stdout
    assert '"sum": 5' in found.stdout
    assert sample.RUN_ID in found.stdout


@pytest.mark.parametrize(
    ("key", "code", "title"),
    [
        ("revoked", 3, "DENIED · skill_revoked"),
        ("effect", 4, "NEEDS APPROVAL · approval_required"),
        ("waits", 4, "NEEDS APPROVAL · approval_required"),
        ("fails", 1, "FAILED · provider_execution_failed"),
        ("nothing", 1, "FAILED · not_found"),
        ("new-code", 1, "FAILED · code_of_next_year"),
    ],
)
def test_exit_codes_and_panels(livery, key, code, title):
    found = livery("run", key)
    assert found.exit_code == code
    assert title in found.output
    assert "cor-1" in found.output
    as_json = livery("run", key, "--json")
    assert as_json.exit_code == code
    document = json.loads(as_json.stdout)
    assert document["code"] == title.split(" · ")[1]
    assert as_json.stderr == ""
    # A denial prints its envelope, any other refusal its problem.
    assert ("envelope_version" in document) == (key not in {"nothing", "new-code"})


def test_a_denial_says_why_and_the_way_out(livery, sample):
    found = livery("run", "revoked")
    assert found.stdout == ""
    for said in ("add@1.0.0 was revoked.", "Way out", "Do the other thing.", sample.RUN_ID):
        assert said in found.stderr


def test_an_approval_is_named(livery):
    assert "APR-7" in livery("run", "effect").stderr


def test_violations_show_their_pointers(livery):
    assert "/api_key" in livery("run", "secret", "-k", "api_key=x").stderr


def test_hostile_text_cannot_steer_the_terminal(livery):
    for words in (("run", "hostile"), ("skills", "list"), ("runs", "list", "--limit", "2")):
        found = livery(*words)
        assert found.exit_code == 0
        assert not set(found.output) & set("\x1b\x9b\x07\r\u202e")
    shown = livery("run", "hostile").stdout
    assert r"evil\x1b[31m\x9b2J[bold red]x[/]\u202e" in shown
    as_json = livery("run", "hostile", "--json").stdout
    assert as_json.isascii()
    assert json.loads(as_json)["result"].startswith("evil\x1b[31m\x9b2J")


def test_options_reach_the_platform(livery, platform, sample):
    livery(
        *("run", "add", "-i", '{"a": 1, "b": 1}', "--version", "1.0.0", "--dry-run"),
        *("-w", "acme", "--idempotency-key", "again", "--as", sample.AGENT_ID, "--approval", "A"),
    )
    assert body(platform) == {
        "skill_key": "add",
        "input": {"a": 1, "b": 1},
        "wait": True,
        "version": "1.0.0",
        "dry_run": True,
        "workspace": "acme",
        "hired_agent_id": sample.AGENT_ID,
        "approval_id": "A",
    }
    assert platform.requests[-1]["headers"]["idempotency-key"] == "again"


def test_a_replayed_result_says_so(livery):
    found = livery("run", "add", "-k", "a=1", "-k", "b=1", "--idempotency-key", "again")
    assert "Replayed" in found.stdout


def test_an_agent_by_name(livery, platform, sample):
    livery("run", "add", "-k", "a=1", "-k", "b=1", "--as", "Analyst")
    assert body(platform)["hired_agent_id"] == sample.AGENT_ID
    for name, said in (("Twin", "2 hired agents"), ("Nobody", "No hired agent")):
        found = livery("run", "add", "--as", name)
        assert found.exit_code == 2
        assert said in found.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-i", '{"a": 1}', "-k", "a=2"], {"a": 2}),
        (
            ["-k", 'list=[1, "x"]', "-k", "text=hello world"],
            {"list": [1, "x"], "text": "hello world"},
        ),
        (["-k", "url=https://x/?a=b"], {"url": "https://x/?a=b"}),
        (["-k", "empty="], {"empty": ""}),
        (
            ["-k", "yes=true", "-k", "none=null", "-k", "x=1.5"],
            {"yes": True, "none": None, "x": 1.5},
        ),
        ([], {}),
    ],
)
def test_input_from_the_line(livery, platform, words, expected):
    livery("run", "fails", *words)
    assert body(platform)["input"] == expected


def test_input_from_a_file_and_from_stdin(livery, platform, tmp_path):
    file = tmp_path / "input.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xa9"}')
    livery("run", "fails", "--input", f"@{file}")
    assert body(platform)["input"] == {"a": "é"}
    livery("run", "fails", "--input", "@-", stdin='{"b": 1}')
    assert body(platform)["input"] == {"b": 1}


@pytest.mark.parametrize(
    "words",
    [
        ["--input", "{"],
        ["--input", "[1]"],
        ["--input", '"text"'],
        ["--input", '{"a": 1, "a": 2}'],
        ["--input", "[" * 100_000],
        ["--input", "@/nowhere/at/all.json"],
        ["--input", "@/"],
        ["--input", "@/dev/zero"],
        ["--input", "@/dev/null"],
        ["-k", "a=1", "-k", "a=2"],
        ["-k", "novalue"],
        ["-k", "=x"],
        ["--unknown"],
        ["--input"],
    ],
)
def test_a_line_that_cannot_be_understood(livery, platform, words):
    found = livery("run", "add", *words)
    assert found.exit_code == 2
    assert "Traceback" not in found.output
    assert platform.requests == []
    as_json = livery("run", "add", *words, "--json")
    if words != ["--input"]:  # there --json is taken for the input
        assert as_json.exit_code == 2
        assert json.loads(as_json.stdout)["code"] == "validation_error"
