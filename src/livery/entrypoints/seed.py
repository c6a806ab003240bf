"""What every platform has from its first start: policies, the built-in packs certified, an agent type, a workspace.

Safe to repeat: what is there is left as it is.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import structlog
from uuid_utils.compat import uuid7

from livery.authoring.loading import read_folder
from livery.entrypoints.analyst import ANALYST, RESIDENT
from livery.entrypoints.platform import Platform, now
from livery.entrypoints.settings import Settings
from livery.kernel.policy import DEFAULT_POLICIES, PolicySet
from livery.manifest.errors import LiveryError
from livery.manifest.package import PackageFile, package_digest, parse_package
from livery.services.catalog.errors import SkillChainUncertified
from livery.services.catalog.loader import BUNDLED_BY
from livery.services.catalog.types import Skill, Version
from livery.services.certification.types import Certification
from livery.services.hiring.errors import AgentExists
from livery.services.identity.access import DEFAULT_WORKSPACE
from livery.services.identity.errors import AlreadyExists
from livery.services.identity.tokens import token_hash
from livery.services.identity.types import TokenInfo
from livery.services.identity.workspaces import DEFAULT_CAP

BY = BUNDLED_BY
_log = structlog.get_logger("livery.seed")


@dataclass(frozen=True, slots=True)
class Seeded:
    """One pack skill as seeding left it; `error` says why it is not there."""

    folder: str
    certification: Certification | None
    error: str | None = None


async def seed(
    platform: Platform, settings: Settings, tell: Callable[[Seeded], None] = lambda _: None
) -> None:
    """Bring a platform to its first working state."""
    await platform.policies.ensure(PolicySet.parse(DEFAULT_POLICIES), BY)
    await _workspace(platform)
    token = await operator_token(platform, settings)
    async for seeded in _packs(platform, f"livery-{settings.version}"):
        if seeded.error is not None:
            _log.error("pack_refused", folder=seeded.folder, error=seeded.error)
        tell(seeded)
    await _publish_and_hire(platform, token)


async def _publish_and_hire(platform: Platform, token: str) -> None:
    """The analyst, for hire by all and at work in the default workspace."""
    operator = await platform.services.tokens.authenticate(token)
    # Hired before, or its skill was revoked by an operator: both are left so.
    with suppress(AgentExists, SkillChainUncertified):
        await platform.services.hiring.publish(operator, ANALYST)
        await platform.services.hiring.hire(operator, ANALYST.ref, DEFAULT_WORKSPACE, RESIDENT)


async def _workspace(platform: Platform) -> None:
    known = await platform.identity.workspaces(await platform.identity.workspace_ids())
    if not any(item.slug == DEFAULT_WORKSPACE for item in known):
        with suppress(AlreadyExists):  # a process that started at the same time was first
            await platform.services.workspaces.add(
                "Default", slug=DEFAULT_WORKSPACE, timezone="UTC", cap=DEFAULT_CAP, by=BY
            )


async def operator_token(platform: Platform, settings: Settings) -> str:
    """The operator's token of this home, made at the first start; LIVERY_HOME/run/operator.token, 0600."""
    path = settings.run_dir / "operator.token"
    if path.exists():
        token = path.read_text(errors="replace").strip()
        if await platform.identity.lookup(token_hash(token)) is not None:
            return token
    info = TokenInfo(uuid7(), "local", "operator", None, None, now(), None, None)
    token = await platform.services.tokens.mint(info, BY)
    draft = path.with_name(f".operator.token.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(token + "\n")
    draft.replace(path)
    return token


async def _packs(platform: Platform, release: str) -> AsyncIterator[Seeded]:
    for name, package in built_in():
        try:
            read, _ = parse_package(package)
            outranked = await platform.services.loader.outranked(read) if read else None
            if outranked is not None:
                yield Seeded(name, None, outranked)
                continue
            skill = await platform.services.catalog.register(package, by=BY)
            versions, _ = await platform.services.catalog.versions(skill)
            # By its bytes: an author may have registered a newer one under the same key.
            digest = package_digest(package)
            shipped = next(version for version in versions if version.digest == digest)
            await _keep_earlier(platform, skill, versions, shipped, release)
            if shipped.status not in ("pending_certification", "certified"):
                yield Seeded(name, None)  # revoked or deprecated by an operator: left so
                continue
            yield Seeded(name, await _proven(platform, skill, shipped, release))
        except LiveryError as error:
            yield Seeded(name, None, error.message)


async def _keep_earlier(
    platform: Platform, skill: Skill, versions: Sequence[Version], shipped: Version, release: str
) -> None:
    """Prove what earlier releases shipped once more: agents are entitled to it, and it rests on this release now."""
    for version in versions:
        ours = version.created_by == BY and version is not shipped
        if ours and version.status in ("certified", "deprecated"):
            try:
                await _proven(platform, skill, version, release)
            except LiveryError as error:
                _log.warning(
                    "earlier_version_unproven", version=version.version, error=error.message
                )


async def _proven(
    platform: Platform, skill: Skill, version: Version, release: str
) -> Certification:
    done = await platform.services.certifier.held(skill, version)
    if done is not None:
        return done
    # It is new here, or what it rested on has changed with the release.
    await platform.services.sign_offs.by_release(skill, version, release)
    return await platform.services.certifier.run(skill, version, by=BY)


def built_in() -> Iterator[tuple[str, list[PackageFile]]]:
    """The packages of the built-in packs: every folder with a SKILL.md below `livery.packs`."""
    with as_file(files("livery.packs")) as root:
        for skill_md in sorted(Path(root).glob("*/*/SKILL.md")):
            yield skill_md.parent.name, read_folder(skill_md.parent)
