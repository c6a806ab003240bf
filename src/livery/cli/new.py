"""`livery new`: start from something that works."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from livery.cli import look
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.cli.scaffold import write_skill, write_tool
from livery.cli.scaffold_langchain import write_langchain
from livery.cli.text import line

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its key: lower-case, hyphens.")]
Into = Annotated[Path, typer.Option("--in", help="The folder to make it in.")]
Owner = Annotated[str, typer.Option(help="Who answers for it.")]


def new_skill(
    ctx: typer.Context,
    name: Name,
    into: Into = Path(),
    owner: Owner = "me",
    as_json: JsonFlag = False,
) -> None:
    """Write a skill that works, to be changed.

    Example: livery new skill word-count
    """
    _told(desk_of(ctx), name, into / name, write_skill(into, name, owner), as_json)


def new_tool(
    ctx: typer.Context,
    name: Name,
    into: Into = Path(),
    owner: Owner = "me",
    langchain: Annotated[
        str | None,
        typer.Option(
            "--from-langchain", metavar="MODULE:NAME", help="A LangChain tool to make it of."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the smallest skill that works: ten lines, and the contract that they make.

    Example: livery new tool slug
    """
    files = (
        write_langchain(into, name, owner, langchain)
        if langchain is not None
        else write_tool(into, name, owner)
    )
    _told(desk_of(ctx), name, into / name, files, as_json)


def _told(desk: Desk, name: str, folder: Path, files: list[Path], as_json: bool) -> None:
    if as_json:
        found = {"skill_key": name, "path": str(folder), "files": [str(f) for f in files]}
        desk.screen.document(found)
        return
    desk.screen.show(*(Text.assemble(look.sign(look.GOOD), "  ", line(file)) for file in files))
    desk.screen.show(
        Text("\nNext", style="bold"),
        look.facts(
            [
                (f"  livery contracts watch {folder}", "check it at every save"),
                (f"  livery contracts update {folder}", "after changing its interface"),
                (f"  livery contracts check {folder}", "contract and fixtures, here"),
                (f"  livery skills add {folder} --certify", "evidence, signed"),
                (f'  livery run {name} -k text="one two two"', "under contract, on record"),
            ]
        ),
    )


def commands() -> typer.Typer:
    """The group `livery new`."""
    app = typer.Typer(help="Start from something that works.", no_args_is_help=True)
    app.command("skill")(new_skill)
    app.command("tool")(new_tool)
    return app
