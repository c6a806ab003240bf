"""Skills for tests: a package from a piece of code, registered and certified on a running platform."""

from collections.abc import Mapping
from typing import Any

import yaml
from tests.support.platform import Running

from livery.manifest.package import PackageFile
from livery.services.certification.types import Certification

EVALUATE = '''
"""Runs the code that it is given, for tests of what the platform refuses."""
from typing import Any
from livery.authoring import Context, skill
from tests.support.evaluator import evaluate

@skill("evaluate", version="1.0.0", description="Evaluate.")
def run(code: str, ctx: Context) -> Any:
    return evaluate(code, ctx)
'''
NOTHING = {"name": "nothing", "input": {"code": "result = 1"}, "output": 1}


def package(
    name: str,
    code: str = EVALUATE,
    *,
    version: str = "1.0.0",
    capabilities: Mapping[str, Any] | None = None,
    fixtures: tuple[Mapping[str, Any], ...] = (NOTHING,),
    timeout_s: float = 5,
    p95_ms: float | None = None,
    output: Any = True,
    extra: Mapping[str, bytes] | None = None,
) -> list[PackageFile]:
    """The files of a python skill; with `p95_ms` of at most 5 it runs on the loop."""
    tests: dict[str, Any] = {"fixtures": [dict(item) for item in fixtures]}
    if p95_ms is not None:
        tests["budgets"] = {"p95_ms": p95_ms}
    contract = {
        "apiVersion": "livery/v1",
        "version": version,
        "owner": "tests",
        "category": "tests",
        "runtime": {"kind": "python", "entry": "scripts/skill.py:run", "timeout_s": timeout_s},
        "interface": {"input": {"type": "object"}, "output": output},
        "capabilities": dict(capabilities or {}),
        "tests": tests,
    }
    files = {
        "SKILL.md": f"---\nname: {name}\ndescription: For tests.\n---\n\n# Test\n".encode(),
        "contract.yaml": yaml.safe_dump(contract).encode(),
        "scripts/skill.py": code.replace('"evaluate"', f'"{name}"').encode(),
        **(extra or {}),
    }
    return [PackageFile(path, data) for path, data in sorted(files.items())]


async def certified(running: Running, files: list[PackageFile]) -> Certification:
    """Register and certify, and say loudly where that fails."""
    services = running.platform.services
    skill = await services.catalog.register(files, by="test")
    capabilities = (await services.catalog.version(skill, None)).contract.get("capabilities") or {}
    if capabilities.get("effects") or capabilities.get("credentials"):
        await services.sign_offs.add(running.operator, skill.skill_key, None, "For tests.")
    done = await services.certifier.certify(running.operator, skill.skill_key)
    assert done.status == "certified", done.checks
    return done


async def run(running: Running, key: str, args: Any, **more: Any) -> dict[str, Any]:
    """The envelope of a run, of a denied one too."""
    async with running.http() as http:
        answer = await http.post("/v1/runs", json={"skill_key": key, "input": args, **more})
    document: dict[str, Any] = answer.json()
    assert answer.status_code == 200 or "envelope" in document, document
    return document if answer.status_code == 200 else dict(document["envelope"])


async def evaluate(running: Running, key: str, code: str) -> dict[str, Any]:
    """The envelope of a skill like EVALUATE that was given this code."""
    return await run(running, key, {"code": code})
