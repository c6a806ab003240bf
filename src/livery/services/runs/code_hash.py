"""The security hash of an execution contract: what a grant of code is given to."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from livery.kernel.security_hash import RuntimeIdentity, SecurityManifest, security_hash
from livery.manifest.contract import Contract
from livery.services.runs.types import Resolved

_MEMORY_MB, _CPUS, _LOG_BYTES = 256, 0.5, 16 * 1024
"""What the sandbox gives where a contract is silent."""


def code_hash(
    found: Resolved,
    contract: Contract,
    *,
    policy_hash: str,
    workspace_id: UUID,
    agent: UUID | None,
    image: str,
    basis: Mapping[str, str],
) -> str:
    """`sha256:…`. The digest stands for the files: it is the hash of every path and its sha256.

    `image` is the id of the image of a container skill, and the engine's runtime where one is named; a python skill's
    runtime is named by the fingerprint of the interpreter and of all that it may import.
    """
    asked = contract.raw.get("runtime") or {}
    lock = basis.get("dependencies", "")
    return security_hash(
        SecurityManifest(
            skill=f"{found.skill_key}@{found.version}",
            agent_scope=f"agent:{agent}" if agent else f"workspace:{workspace_id}",
            files={".": found.digest.removeprefix("sha256:")},
            capabilities=contract.capabilities,
            write_access=bool({"write", "delete"} & set(contract.capabilities.effects)),
            env_allow_list=frozenset(str(name) for name in asked.get("env") or ()),
            policy_version=policy_hash,
            runtime=RuntimeIdentity(
                image or lock,
                round(contract.runtime.timeout_s * 1000),
                int(asked.get("memory_mb", _MEMORY_MB)) * 1024 * 1024,
                round(float(asked.get("cpus", _CPUS)) * 1000),
                _LOG_BYTES,
            ),
            dependency_lock=lock,
        )
    )


def pinned_image(contract: Contract) -> str:
    """The image that a contract names; empty where it takes the platform's own."""
    return str((contract.raw.get("runtime") or {}).get("image") or "")
