"""Skills that one workspace owns, for tests: manifests whose answer tells whose they are."""

from typing import Any

import yaml
from tests.support.platform import Running

from livery.manifest.package import PackageFile
from livery.services.catalog.owners import Owner
from livery.services.catalog.types import Skill


def manifest(
    name: str, says: str = "x", *, version: str = "1.0.0", **more: Any
) -> list[PackageFile]:
    """A pipeline that answers `says`."""
    contract = {
        "apiVersion": "livery/v1",
        "version": version,
        "owner": "platform",
        "category": "tests",
        "runtime": {"kind": "pipeline", "timeout_s": 10},
        "interface": {"input": {"type": "object"}, "output": True},
        "capabilities": {},
        "steps": [
            {
                "id": "said",
                "operator": "transform",
                "input": {"$from": "input"},
                "expression": f"'{says}'",
            }
        ],
        "tests": {"fixtures": [{"name": "one", "input": {}, "output": says}]},
        **more,
    }
    return [
        PackageFile("SKILL.md", f"---\nname: {name}\ndescription: Says {says}.\n---\n".encode()),
        PackageFile("contract.yaml", yaml.safe_dump(contract).encode()),
    ]


async def owner_of(running: Running, slug: str) -> Owner:
    """A workspace as an owner of skills."""
    found = await running.platform.services.access.workspace(running.operator, slug)
    return Owner(found.workspace_id, found.slug)


async def owned(
    running: Running, slug: str, files: list[PackageFile], *, certify: bool = True
) -> Skill:
    """Register a workspace's own, and certify it."""
    services = running.platform.services
    home = await owner_of(running, slug)
    skill = await services.catalog.register(files, by="customer_admin:test", home=home)
    if certify:
        done = await services.certifier.certify(running.operator, str(skill.skill_id))
        assert done.status == "certified", done.checks
    return await services.catalog.owned(home, skill.skill_key)
