"""`livery sandbox`, as a person runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from livery.execution.container.engine import Engine
from livery.execution.container.limits import UID
from livery.execution.container.proofs import PROOFS, Proof
from livery.services.runs.types import Invoked

MAIN = "from livery.entrypoints.main import main; main()"
Livery = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def livery(tmp_path: Path) -> Livery:
    def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", MAIN, *words],
            env={**os.environ, "LIVERY_HOME": str(tmp_path / "home"), **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    return run


def test_build_then_test(livery: Livery, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVERY_SANDBOX_IMAGE", raising=False)
    before = livery("sandbox", "test", "--json")
    assert before.returncode == 1
    assert json.loads(before.stdout)["code"] == "plugin_container_unavailable"
    built = livery("sandbox", "build", "--from", "host", "--json")
    assert built.returncode == 0, built.stderr
    image = json.loads(built.stdout)["image"]
    assert engine.find(image) == image
    tried = livery("sandbox", "test", "--json")
    found = json.loads(tried.stdout)
    assert [item for item in found["proofs"] if not item["ok"]] == []
    assert (tried.returncode, found["ok"], found["image"]) == (0, True, image)
    assert len(found["proofs"]) == len(PROOFS) + 1


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.attempt)
def test_a_limit_that_does_not_hold_is_seen(proof: Proof) -> None:
    through = Invoked({"display": "done", "data": 1 << 20}, details={"log": "x" * 20_000})
    for data in (1 << 20, "it got through", ["eth0", "1", UID + 1], ["1f"]):
        try:
            through.result["data"] = data
            assert not proof.holds(through)
        except (TypeError, ValueError):  # not the kind of answer that this proof reads
            continue
        return
    pytest.fail("no answer was read")


def test_a_runtime_that_is_not_there_is_a_failure(livery: Livery, image: str) -> None:
    done = livery(
        "sandbox",
        "test",
        LIVERY_SANDBOX_IMAGE=image,
        LIVERY_SANDBOX_RUNTIME="no-such-runtime",
    )
    assert done.returncode == 1
    assert "no-such-runtime" in done.stderr


def test_without_an_engine_it_says_what_to_do(livery: Livery, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = livery("sandbox", "build", "--json", **nowhere)
    problem = json.loads(done.stdout)
    assert (done.returncode, problem["code"]) == (1, "plugin_container_unavailable")
    assert "DOCKER_HOST" in problem["remedy"]
