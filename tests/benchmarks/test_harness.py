"""Each benchmark runs, tiny, and gives the figures that it promises. No figure is judged here."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from benchmarks.harness import find, median, percentile, table

from benchmarks import harness

MACHINE = {"cpu", "cores", "ram_gb", "kernel", "python", "disk", "fsync_us"}
SCALE = 0.002
ROOT = Path(__file__).resolve().parents[2]


def measured(name: str) -> dict[str, Any]:
    module = find(name)
    # A process of its own: it sets up the logs and the collector as a server does.
    command = [sys.executable, "-m", "benchmarks", name, "--json", f"--scale={SCALE}"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert set(result["machine"]) >= MACHINE
    text = table(module.TITLE, module.rows(result), result["machine"])
    assert text.startswith(module.TITLE)
    assert all(row[0] in text for row in module.rows(result))
    return result


def test_governed_call() -> None:
    result = measured("governed-call")
    assert result["fsync"] == result["synchronous_commit"] == "on"
    assert (result["policies"], result["workspaces"]) == (10, 10)
    for key in (
        "sequential_p50_ms",
        "sequential_p99_ms",
        "concurrent_per_s",
        "concurrent_256_per_s",
        "ceiling_per_s",
        "share_of_ceiling",
        "python_us_per_call",
        "calls_per_batch",
    ):
        assert result[key] > 0, key
    if find_spec("dbos") is None:
        assert result["dbos_per_s"] is None
        assert result["dbos"]["skipped"]
    else:
        assert result["dbos_per_s"] > 0
        assert result["ratio_vs_dbos"] > 0


def test_certify() -> None:
    result = measured("certify")
    assert result["skills"] == 4
    assert set(result["checks_s"]) >= {"static", "security", "fixtures", "regression", "budgets"}
    assert result["per_100_s"] > 0


def test_http() -> None:
    result = measured("http")
    for key in ("runs_per_s", "noop_per_s", "share_of_noop", "server_us_per_run", "p99_ms"):
        assert result[key] > 0, key


def test_decide() -> None:
    result = measured("decide")
    assert set(result["policies"]) == {
        f"{n} {kind}" for n in (10, 100) for kind in ("plain", "approved")
    }
    for item in result["policies"].values():
        assert item["decide_us"] > 0
        assert item["cedar_us"] > 0
        assert item["p99_ms"] >= item["p50_ms"] > 0


def test_there_are_as_many_policies_as_said() -> None:
    from benchmarks.house import policies

    from livery.kernel.policy import PolicySet

    for count in (10, 100):
        text = policies(count)
        assert text.count("@id(") == count
        PolicySet.parse(text)


def test_percentile_is_the_nearest_rank() -> None:
    values = [15.0, 20.0, 35.0, 40.0, 50.0]  # the textbook's example
    found = [percentile(values, share) for share in (0.05, 0.3, 0.4, 0.5, 1.0)]
    assert found == [15.0, 20.0, 20.0, 35.0, 50.0]
    assert median([3.0, 1.0, 2.0]) == 2.0


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(KeyError, match="governed-call"):
        find("nothing")


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert harness.main(["decide", "--json", "--scale=0.001"]) == 0
    assert json.loads(capsys.readouterr().out)["ratio"] > 0
    assert harness.main(["decide", "--scale=0.001"]) == 0
    assert "times Cedar" in capsys.readouterr().out
    assert harness.main(["nothing"]) == 2
    assert "There is no benchmark" in capsys.readouterr().err


def test_load() -> None:
    result = measured("load")
    assert (result["packages"], result["rejected"]) == (8, 0)
    for key in ("files", "bytes", "first_s", "again_s", "per_s"):
        assert result[key] > 0, key
