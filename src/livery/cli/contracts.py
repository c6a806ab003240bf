"""`livery contracts`: keep `contract.yaml` and the code it promises for in step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, TextColumn
from rich.table import Table

from livery.cli import exits, look
from livery.cli.contract_views import TIMEOUT_S, verdicts
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import count, line
from livery.cli.watch import watch

if TYPE_CHECKING:
    from livery.authoring.contracts import FolderReport

CONTRACT = "contract.yaml"
Folder = Annotated[Path, typer.Argument(help="A skill's folder, or one with many inside.")]
Limit = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Time for one package.")
]


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update did, or would do, with one package."""

    path: Path
    changed: bool = False
    comments_lost: int = 0
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "path": str(self.path),
            "changed": self.changed,
            "comments_lost": self.comments_lost,
            "error": self.error,
        }


def update(
    ctx: typer.Context,
    folder: Folder,
    only_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 where something would change.")
    ] = False,
    timeout_s: Limit = TIMEOUT_S,
    as_json: JsonFlag = False,
) -> None:
    """Derive contract.yaml from the code again; its tests and release are kept. Runs the code.

    Example: livery contracts update ./my-skill
    """
    desk = desk_of(ctx)
    folders = _packages(folder)
    done = [_update(each, timeout_s, write=not only_check) for each in folders]
    if as_json and len(done) == 1 and folders == [folder]:
        desk.screen.document(done[0].to_dict())
    elif as_json:
        desk.screen.document({"packages": [each.to_dict() for each in done]})
    else:
        _say_updates(desk, done, only_check)
    failed = any(each.error or (only_check and each.changed) for each in done)
    raise typer.Exit(exits.FAILED if failed else exits.DONE)


def check(
    ctx: typer.Context, folder: Folder, timeout_s: Limit = TIMEOUT_S, as_json: JsonFlag = False
) -> None:
    """Check skills here: package, contract against code, fixtures. Runs the code.

    Example: livery contracts check ./my-skill
    """
    desk = desk_of(ctx)
    folders = _packages(folder)
    reports = _checked(desk, folders, timeout_s)
    if folders == [folder]:
        if as_json:
            desk.screen.document(reports[0].to_dict())
        else:
            desk.screen.show(*verdicts(reports[0]))
    else:
        _tell_many(desk, folder, reports, as_json)
    raise typer.Exit(exits.DONE if all(r.ok for r in reports) else exits.FAILED)


def _packages(path: Path) -> list[Path]:
    from livery.authoring.checking import find_packages

    if not path.is_dir():
        raise UsageError(f"There is no folder {path}.", "Name a skill's folder.")
    return find_packages(path)


def _checked(desk: Desk, folders: Sequence[Path], timeout_s: float) -> "list[FolderReport]":
    from livery.authoring.checking import Checking

    checking = Checking(folders, timeout_s)
    if len(folders) == 1:
        return list(checking.reports())
    columns = (*Progress.get_default_columns(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, console=desk.screen.err, transient=True) as progress:
        return list(progress.track(checking.reports(), total=len(folders), description="Checking"))


def _tell_many(desk: Desk, folder: Path, reports: "list[FolderReport]", as_json: bool) -> None:
    sound = sum(report.ok for report in reports)
    if as_json:
        packages = [{"path": report.folder, **report.to_dict()} for report in reports]
        counts = {"packages": len(reports), "ok": sound, "failed": len(reports) - sound}
        desk.screen.document({"ok": sound == len(reports), "counts": counts, "packages": packages})
        return
    for report in reports:
        if not report.ok:
            desk.screen.show(line(report.folder, "bold"), *verdicts(report, passed=False))
    desk.screen.show(_summary(folder, reports))
    desk.screen.note(f"{count(len(reports), 'package')}, {len(reports) - sound} failed.")


def _summary(folder: Path, reports: "list[FolderReport]") -> Table:
    table = look.listing(
        ["", "Skill", "Folder", "Checks", "Failed"], right=["Checks", "Failed"], keep=["Skill"]
    )
    for report in reports:
        refuted = sum(verdict.ok is False for verdict in report.verdicts)
        table.add_row(
            look.sign(look.GOOD if report.ok else look.BAD),
            line(report.about),
            line(Path(report.folder).relative_to(folder)),
            str(sum(verdict.ok is not None for verdict in report.verdicts)),
            str(refuted),
        )
    return table


def _update(folder: Path, timeout_s: float, *, write: bool) -> Updated:
    """Bring one contract up to date; whatever prevents it is in `error`."""
    from livery.authoring.checking import Checking
    from livery.authoring.snapshot import updated_yaml, with_kept
    from livery.manifest.yamldoc import load_yaml

    file = folder / CONTRACT
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        doc = load_yaml(before)
        if doc.faults:  # deriving it anew would throw its tests away
            fault = doc.faults[0]
            return Updated(file, error=f"{CONTRACT}:{fault.line}: {fault.message}")
        existing = doc.value if isinstance(doc.value, dict) else {}
        kind, entry = _runtime(existing)
        if kind != "python" or (not existing and not list(folder.rglob("*.py"))):
            there = (folder / "SKILL.md").exists()  # without code there is nothing to derive
            return Updated(file, error=None if there else "there is no skill")
        (report,) = Checking([folder], timeout_s, derive=True, entry=entry).reports()
        if report.derived is None:
            return Updated(file, error="; ".join(v.said for v in report.verdicts))
        after, lost = updated_yaml(before, with_kept(report.derived, existing))
        if write and after != before:
            file.write_text(after, encoding="utf-8")
    except (OSError, ValueError) as failed:
        return Updated(file, error=str(failed))
    return Updated(file, after != before, lost)


def _runtime(existing: dict[str, Any]) -> tuple[str, str | None]:
    runtime = existing.get("runtime")
    if not isinstance(runtime, dict):
        return "python", None
    entry = runtime.get("entry")
    return str(runtime.get("kind", "python")), entry if isinstance(entry, str) else None


def _say_updates(desk: Desk, done: list[Updated], only_check: bool) -> None:
    for each in done:
        if each.error:
            desk.screen.note(f"{each.path} could not be derived: {each.error}", look.BAD)
        elif each.changed and only_check:
            desk.screen.note(f"{each.path} is not what the code says.", look.BAD)
        elif each.changed:
            desk.screen.note(f"{each.path} was updated.")
        else:
            desk.screen.note(f"{each.path} was right already.")
        if each.comments_lost and not only_check:
            lost = count(each.comments_lost, "comment")
            desk.screen.note(f"{each.path}: {lost} in the changed parts were lost.", look.WAIT)


def commands() -> typer.Typer:
    """The group `livery contracts`."""
    app = typer.Typer(help="Contracts and the code they promise for.", no_args_is_help=True)
    app.command("update")(update)
    app.command("check")(check)
    app.command("watch")(watch)
    return app
