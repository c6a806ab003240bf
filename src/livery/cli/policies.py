"""`livery policies`: versions of what decides, with cases and a preview."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from livery.cli import exits, look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.exits import UsageError
from livery.cli.text import line, moment

Version = Annotated[int, typer.Argument(metavar="VERSION", help="The version's number.")]


def list_policies(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List policy versions; one is active.

    Example: livery policies list
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.list_policies())
    if as_json:
        desk.screen.document({"items": found})
        return
    if not found:
        desk.screen.note("The default policies decide. Add yours: livery policies add FILE.cedar")
        return
    table = look.listing(["Version", "State", "Note", "Cases", "By", "Made (UTC)"])
    for item in found:
        table.add_row(
            line(str(item["version"]), "bold"),
            look.state("active" if item["active"] else "draft"),
            line(item["note"]),
            line(str(item["cases"])),
            line(item["created_by"]),
            line(moment(item["created_at"])),
        )
    desk.screen.show(table)


def show(ctx: typer.Context, version: Version, as_json: JsonFlag = False) -> None:
    """Show a version: its text, and what becomes of its cases.

    Example: livery policies show 1
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.get_policy(version))
    if as_json:
        desk.screen.document(found)
        return
    desk.screen.show(Text(found["text"]), Text())
    for result in found["results"]:
        desk.screen.show(_result(result))


def add(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Cedar policies.")],
    note: Annotated[str, typer.Option("--note", help="What it changes, and why.")],
    cases: Annotated[
        Path | None, typer.Option("--cases", help="Test cases: a JSON or YAML list.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep a version; it must decide each of its cases as written. It decides nothing else yet.

    Example: livery policies add strict.cedar --cases strict.yaml --note "no network at night"
    """
    desk = desk_of(ctx)
    text, known = _read(file), _cases(cases)
    done = desk.ask(lambda client: client.add_policy(text, known, note))
    if as_json:
        desk.screen.document(done)
    else:
        desk.screen.note(
            f"Version {done['version']} is kept, {done['cases']} cases hold."
            f" Next: livery policies preview {done['version']}"
        )


def preview(ctx: typer.Context, version: Version, as_json: JsonFlag = False) -> None:
    """Show what a version would have decided over the last 1,000 runs.

    Example: livery policies preview 2
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.preview_policy(version))
    if as_json:
        desk.screen.document(found)
        return
    changed = len(found["changes"])
    desk.screen.note(
        f"{found['runs']} runs looked at: {found['same']} decided the same, {changed} otherwise."
    )
    if changed:
        table = look.listing(["Run", "Skill", "Caller", "Now", "Would be", "By"], keep=["Skill"])
        for item in found["changes"][:50]:
            table.add_row(
                line(item["run_id"]),
                line(item["skill_key"], "bold"),
                line(item["principal"]),
                look.state(item["before"]),
                look.state(item["after"]),
                line(", ".join(item["policies"]) or "no rule permits it"),
            )
        desk.screen.show(table)
    desk.screen.note(f"Let it decide: livery policies activate {version}")


def activate(ctx: typer.Context, version: Version, as_json: JsonFlag = False) -> None:
    """Let a version decide, from the next call on; an older version is the way back.

    Example: livery policies activate 2
    """
    desk = desk_of(ctx)
    done = desk.ask(lambda client: client.activate_policy(version))
    if as_json:
        desk.screen.document(done)
    else:
        desk.screen.note(f"Version {done['version']} decides.")


def decide_cases(ctx: typer.Context, version: Version, as_json: JsonFlag = False) -> None:
    """Decide the cases of a version.

    Example: livery policies test 2
    """
    desk = desk_of(ctx)
    results = desk.ask(lambda client: client.get_policy(version))["results"]
    if as_json:
        desk.screen.document({"version": version, "results": results})
    else:
        desk.screen.show(*(_result(item) for item in results))
    raise typer.Exit(exits.DONE if all(item["ok"] for item in results) else exits.FAILED)


def _result(item: dict[str, Any]) -> Text:
    sign = look.sign(look.GOOD if item["ok"] else look.BAD)
    tail = "" if item["ok"] else f": expected {item['expect']}, got {item['got']}"
    return Text.assemble(sign, "  ", line(item["name"] + tail))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"{path} cannot be read ({type(error).__name__}).", "Name a text file."
        ) from None


def _cases(path: Path | None) -> list[Any]:
    if path is None:
        return []
    import yaml

    try:
        found = yaml.safe_load(_read(path))
        json.dumps(found)
    except (yaml.YAMLError, TypeError, ValueError):
        found = None
    if not isinstance(found, list):
        raise UsageError(f"{path} is no list of cases.", "See docs/policies.md.")
    return found


def commands() -> typer.Typer:
    """The group `livery policies`."""
    app = typer.Typer(help="What decides: versions, cases, previews.", no_args_is_help=True)
    app.command("list")(list_policies)
    app.command("show")(show)
    app.command("add")(add)
    app.command("test")(decide_cases)
    app.command("preview")(preview)
    app.command("activate")(activate)
    return app
