"""`livery skills export`: a skill as a folder that any Agent Skills client takes."""

import io
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer

from livery.cli import look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.refs import Ref, parse_ref
from livery.cli.text import line
from livery.client import LiveryClient
from livery.manifest.conform import conform
from livery.manifest.errors import LiveryError
from livery.manifest.package import PackageFile, package_digest, path_faults


def export_skill(
    ctx: typer.Context,
    key: Ref,
    to: Annotated[Path, typer.Option("--to", help="The folder in which KEY/ is written.")],
    exact: Annotated[
        bool, typer.Option("--exact", help="Byte for byte, though a validator may refuse it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in KEY/.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a skill as a folder that `agentskills validate` accepts.

    Its files are byte for byte those that are registered; where SKILL.md does not conform to the
    specification it is rewritten, and what changed is told.

    Example: livery skills export weekly-digest --to ./exported
    """
    desk = desk_of(ctx)
    name, wanted = parse_ref(key)

    async def work(client: LiveryClient) -> tuple[str, str, str, bytes]:
        skill = await client.get_skill(name)
        version = wanted or skill["version"]
        known = {item["version"]: item["digest"] for item in skill["versions"]}
        if version not in known:
            raise LiveryError("not_found", f"{skill['skill_key']} has no version {version}.")
        package = await client.get_package(name, version)
        return skill["skill_key"], version, known[version], package

    skill_key, version, digest, data = desk.ask(work)
    original = _unpacked(data)
    done = conform(original)
    files, changes = (original, ()) if exact else (done.files, done.changes)
    folder = _write(to, skill_key, files, force=force)
    document: dict[str, Any] = {
        "key": skill_key,
        "version": version,
        "path": str(folder),
        "files": len(files),
        "digest": package_digest(files),
        "original_digest": digest,
        "conformed": bool(changes),
        "changes": list(changes),
    }
    if as_json:
        desk.screen.document(document)
        return
    desk.screen.show(
        look.mark(f"{skill_key}@{version}", "exported" if changes else "ok"),
        look.facts([("Folder", folder), ("Files", len(files)), ("Digest", document["digest"])]),
    )
    for change in changes:
        desk.screen.show(line(f"Rewritten in SKILL.md: {change}", look.WAIT))


def _unpacked(data: bytes) -> tuple[PackageFile, ...]:
    """The files of a package that the platform packed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = tuple(
                PackageFile(
                    info.filename,
                    archive.read(info),
                    executable=bool((info.external_attr >> 16) & 0o111),
                )
                for info in archive.infolist()
            )
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as bad:
        raise LiveryError("internal_error", "The platform sent no readable package.") from bad
    # A server is believed about a skill, not about where files go on this machine.
    for _, fault in path_faults(files):
        raise LiveryError("contract_invalid", f"The package is refused: {fault}.")
    return files


def _write(to: Path, key: str, files: tuple[PackageFile, ...], *, force: bool) -> Path:
    """Write all files or none: beside the folder first, then moved into its place."""
    folder = to / key
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is there and is no folder.", "Choose another folder: --to DIR")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty.", "Replace what is in it: --force")
    try:
        to.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=to, prefix=f".{key}-"))
    except OSError as failed:
        raise UsageError(f"Cannot write to {to}: {failed.strerror}.") from failed
    try:
        new = scratch / "new"
        for file in files:
            path = new / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
            path.chmod(0o755 if file.executable else 0o644)
        if folder.is_dir():
            folder.rename(scratch / "old")
        try:
            new.rename(folder)
        except OSError:
            if (scratch / "old").is_dir():
                (scratch / "old").rename(folder)
            raise
    except OSError as failed:
        raise LiveryError(
            "execution_error", f"Cannot write {folder}: {failed.strerror}."
        ) from failed
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder
