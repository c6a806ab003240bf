"""A scanner for tests, run as a process of its own: it prints SARIF of every line that says FLAG-<severity>.

    python sarif_scanner.py MODE PATH [OUTPUT]

MODE is `scan`, or a way to go wrong.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

SCORES = {"critical": "9.5", "high": "7.0", "medium": "4.0", "low": "0.1"}


def log(folder: Path) -> dict[str, Any]:
    results = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(errors="replace").split("\n"), 1):
            for severity in SCORES:
                if f"FLAG-{severity}" in line:
                    place = {
                        "artifactLocation": {"uri": path.relative_to(folder.parent).as_posix()},
                        "region": {"startLine": number},
                    }
                    results.append(
                        {
                            "ruleId": f"flag-{severity}",
                            "message": {"text": f"A line says {severity}."},
                            "locations": [{"physicalLocation": place}],
                        }
                    )
    rules = [
        {"id": f"flag-{name}", "properties": {"security-severity": score}}
        for name, score in SCORES.items()
    ]
    driver = {"name": "flags", "version": "1.0", "rules": rules}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def main() -> int:
    mode, folder = sys.argv[1], Path(sys.argv[2])
    document: Any = log(folder)
    if mode == "hang":
        time.sleep(600)
    if mode == "child":
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
        document["runs"][0]["results"] = [{"ruleId": "child", "message": {"text": str(pid)}}]
    if mode == "flood":
        while True:
            sys.stdout.write("x" * 65536)
    if mode == "environment":
        text = json.dumps({"env": dict(os.environ), "cwd": str(Path.cwd())}).replace("/", "|")
        document["runs"][0]["results"] = [
            {"ruleId": "env", "level": "note", "message": {"text": text}}
        ]
    elif mode == "garbage":
        print("no JSON")
        return 0
    elif mode == "empty":
        return 0
    elif mode == "old":
        document["version"] = "2.0.0"
    elif mode == "runless":
        document["runs"] = []
    elif mode == "unsuccessful":
        document["runs"][0]["invocations"] = [{"executionSuccessful": False}]
    elif mode == "shape":
        document["runs"][0]["results"] = [5]
    if len(sys.argv) > 3:
        if mode != "silent":
            Path(sys.argv[3]).write_text(json.dumps(document))
        print("written")
    else:
        print(json.dumps(document))
    return 3 if mode == "three" else 0


if __name__ == "__main__":
    sys.exit(main())
