"""What a command that needs no platform does not import: a person waits for it at every call."""

import json
import subprocess
import sys

import pytest

HEAVY = ("fastapi", "asyncpg", "duckdb", "ibis", "docker", "granian", "livery.entrypoints.platform")
CODE = f"""
import json, sys
from livery.entrypoints.main import main
try:
    main()
except SystemExit as end:
    code = end.code
sys.stderr.write(json.dumps([code, [name for name in {HEAVY!r} if name in sys.modules]]))
"""


@pytest.mark.parametrize(
    "words", [["--version"], ["--help"], ["status", "--help"], ["new", "--help"]]
)
def test_a_command_imports_no_platform(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert json.loads(done.stderr) == [0, []]
