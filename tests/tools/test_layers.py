"""The adapters' contract names every use case, so that a new one cannot be forgotten."""

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEEN = {"__init__", "ports", "types", "errors"}
"""What storage, execution and integrations may see of a slice."""


def test_every_use_case_is_closed_to_adapters() -> None:
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    closed = set(parser["importlinter:contract:adapters"]["forbidden_modules"].split())
    modules = {
        f"livery.services.{path.parent.name}.{path.stem}"
        for path in (ROOT / "src/livery/services").glob("*/*.py")
        if path.stem not in SEEN
    }
    assert modules == closed
