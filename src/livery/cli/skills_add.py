"""`livery skills add`: a package, a zip, or a tree with many."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from livery.cli import exits, last_load, load_views, skills_certify
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.folders import Chunk, PackageSource, Refused
from livery.cli.load_progress import LoadProgress
from livery.cli.worktree import work_tree
from livery.client import LiveryClient
from livery.client.skills import ref_of
from livery.manifest.errors import LiveryError

CERTIFY_AT_ONCE = 4
_MEMBERS = ("code", "file", "line", "message", "remedy")


@dataclass(slots=True)
class Load:
    """What came of it: the document that `--json` prints, filled as answers come."""

    workspace: str | None = None
    loaded: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """Of `loaded`, in its order."""

    def ref(self, item: dict[str, Any]) -> str:
        """What names one of `loaded`."""
        return ref_of({**item, "workspace": self.workspace})

    def reject(self, path: str, diagnostics: Iterable[dict[str, Any]]) -> None:
        """One more that is not loaded."""
        self.rejected.append({"path": path, "diagnostics": [_member(d) for d in diagnostics]})

    def document(self) -> dict[str, Any]:
        """The document, sorted by path."""
        order = sorted(range(len(self.loaded)), key=lambda index: self.paths[index])
        return {
            "loaded": [self.loaded[index] for index in order],
            "rejected": sorted(self.rejected, key=lambda item: str(item["path"])),
        }

    @property
    def code(self) -> int:
        """The exit code: done only where everything was loaded, and certified where that was asked."""
        failed = any(
            "certification" in item and not skills_certify.issued(item["certification"])
            for item in self.loaded
        )
        return exits.FAILED if self.rejected or failed else exits.DONE


def add_skill(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A skill's folder, a zip, or a tree with many.")],
    certify: Annotated[bool, typer.Option("--certify", help="Certify it at once.")] = False,
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", "-w", help="As this workspace's own: manifests without code."),
    ] = None,
    all_files: Annotated[
        bool, typer.Option("--all-files", help="Also what git ignores, in a work tree.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Register skills: every folder with a SKILL.md, each by itself.

    For the platform, or with --workspace for one workspace; a customer's admin adds to the own one. In a git work tree
    what git ignores is left out; what is only not committed yet is taken, and on record as such. What version control
    keeps for itself (.git and the like) is never part of a package, and not looked into: nothing there is a package.

    Example: livery skills add ./my-skill --certify
    """
    desk = desk_of(ctx)
    source = PackageSource(path, all_files=all_files)
    progress = LoadProgress(desk.screen)
    started = time.monotonic()

    async def work(client: LiveryClient) -> Load:
        load = await load_packages(client, source, progress, workspace)
        if certify:
            await _certify(client, load, progress)
        return load

    with progress:
        load = desk.ask(work)
    document = load.document()
    last_load.keep(desk.home, path, document["rejected"])
    if as_json:
        desk.screen.document(document)
    else:
        desk.screen.show(*load_views.loaded(document, certified=certify))
        for said in load_views.left_out(source.left_out, source.versioned):
            desk.screen.err.print(said)
        desk.screen.err.print(load_views.summary(document, time.monotonic() - started, workspace))
    raise typer.Exit(load.code)


async def load_packages(
    client: LiveryClient,
    source: PackageSource,
    progress: LoadProgress,
    workspace: str | None = None,
) -> Load:
    """Everything that the source holds; each package ends in one of the two lists of the load."""
    load = Load(workspace)
    progress.begin("Loading", await asyncio.to_thread(source.look))
    tree = await asyncio.to_thread(work_tree, source.path) if source.path.is_dir() else None
    items, chunks = source.chunks(tree), 0
    coming = asyncio.ensure_future(asyncio.to_thread(next, items, None))
    try:
        while (item := await coming) is not None:
            # The next request is read while the platform works at this one.
            coming = asyncio.ensure_future(asyncio.to_thread(next, items, None))
            if isinstance(item, Refused):
                load.reject(item.path, (said.to_dict() for said in item.diagnostics))
                progress.step(1)
            else:
                chunks += 1
                await _send(client, item, load)
                progress.step(item.packages)
    finally:
        coming.cancel()
    if chunks > 1:
        await _look_again(client, load)
    return load


async def _look_again(client: LiveryClient, load: Load) -> None:
    """A tool that was missing when its package came may have come with a later one."""
    for item in load.loaded:
        if any(said["code"] == "missing_required_tools" for said in item["diagnostics"]):
            skill = await client.get_skill(load.ref(item))
            if skill["digest"] == item["digest"]:
                item["diagnostics"] = [_member(said) for said in skill["diagnostics"]]


async def _send(client: LiveryClient, chunk: Chunk, load: Load) -> None:
    report = await client.load_packages(
        chunk.data, commit=chunk.commit, dirty=chunk.dirty, workspace=load.workspace
    )
    for good in report["loaded"]:
        load.paths.append(chunk.path_of(good["path"]))
        members = ("key", "version", "digest", "status")
        said = [_member(item) for item in good["diagnostics"]]
        load.loaded.append({name: good.get(name) for name in members} | {"diagnostics": said})
    for bad in report["rejected"]:
        said = [chunk.said(item) for item in bad["diagnostics"]]
        load.reject(chunk.path_of(bad["path"]), said)


async def _certify(client: LiveryClient, load: Load, progress: LoadProgress) -> None:
    progress.begin("Certifying", len(load.loaded))
    turns = asyncio.Semaphore(CERTIFY_AT_ONCE)

    async def one(item: dict[str, Any]) -> None:
        async with turns:
            try:
                done = await client.certify_skill(load.ref(item), item["version"])
            except LiveryError as error:  # revoked, or nobody may: the others go on
                item["certification"] = _uncertified(item, error)
            else:
                item["certification"] = skills_certify.document(done)
                item["status"] = done["status"]
        progress.step(1)

    await asyncio.gather(*(one(item) for item in load.loaded))


def _uncertified(item: dict[str, Any], error: LiveryError) -> dict[str, Any]:
    members = {name: item[name] for name in ("key", "version", "digest", "status")}
    said = {"code": error.code, "message": error.message, "remedy": error.remedy}
    return {**members, "checks": [], "certificate": None, "error": said}


def _member(diagnostic: dict[str, Any]) -> dict[str, Any]:
    return {name: diagnostic.get(name) for name in _MEMBERS}
