"""The security hash: what a grant of code was given to. Change any one input and it changes.

Formula: ``sha256:`` + hex SHA-256 over the RFC 8785 JSON of skill, agent scope, every file's path
and sha256, capabilities, write access, environment allow-list, policy version, runtime identity
and dependency lock.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from livery.manifest.canonical import canonical_hash
from livery.manifest.capabilities import Capabilities

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RuntimeIdentity:
    """Where and within which limits the code runs.

    Args:
        image_digest: ``sha256:…`` of the container image; for `python` the interpreter's identity.
        timeout_ms: longest run, milliseconds.
        memory_bytes: memory limit.
        cpu_milli: thousandths of a CPU.
        log_limit_bytes: how much of the logs is kept.
    """

    image_digest: str
    timeout_ms: int
    memory_bytes: int
    cpu_milli: int
    log_limit_bytes: int


@dataclass(frozen=True, slots=True)
class SecurityManifest:
    """All that a grant of code depends on.

    Args:
        skill: key and version of the skill, ``add@1.0.0``.
        agent_scope: for whom the grant holds: an agent, or an agent type.
        files: path -> lower-case hex sha256 of every file that can reach the runtime.
        capabilities: what the code declared.
        write_access: may it write outside its output folder?
        env_allow_list: names of the environment variables that it sees; order does not matter.
        policy_version: hash or version of the policy set.
        runtime: where it runs.
        dependency_lock: hash of the dependency lock; empty where there are no dependencies.
    """

    skill: str
    agent_scope: str
    files: Mapping[str, str]
    capabilities: Capabilities
    write_access: bool
    env_allow_list: frozenset[str]
    policy_version: str
    runtime: RuntimeIdentity
    dependency_lock: str = ""


def security_hash(manifest: SecurityManifest) -> str:
    """``sha256:<hex>`` of a manifest.

    Raises:
        ValueError: no files, a malformed sha256, or two paths that are one after NFC.
        NotIJson: a text or number outside I-JSON.
    """
    return canonical_hash(
        {
            "skill": manifest.skill,
            "agent_scope": manifest.agent_scope,
            "files": _files(manifest.files),
            "capabilities": manifest.capabilities.to_dict(),
            "write_access": manifest.write_access,
            "env_allow_list": sorted(manifest.env_allow_list),
            "policy_version": manifest.policy_version,
            "runtime": asdict(manifest.runtime),
            "dependency_lock": manifest.dependency_lock,
        }
    )


def _files(files: Mapping[str, str]) -> list[dict[str, Any]]:
    if not files:
        raise ValueError("a security hash needs the files that it covers")
    named = {unicodedata.normalize("NFC", path): digest for path, digest in files.items()}
    if len(named) < len(files):
        raise ValueError("two paths are the same after Unicode normalisation")
    for path, digest in named.items():
        if _SHA256.fullmatch(digest) is None:
            raise ValueError(f"the sha256 of {path!r} is not 64 lower-case hex digits")
    in_order = sorted(named, key=lambda path: path.encode("utf-8", "surrogatepass"))
    return [{"path": path, "sha256": named[path]} for path in in_order]
