"""`livery explain`: why a run was denied, and what would change that."""

from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from livery.cli import look
from livery.cli.desk import JsonFlag, desk_of
from livery.cli.text import line


def explain(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    as_json: JsonFlag = False,
) -> None:
    """Say which rule decided a run, by which facts, what would allow it, and what it would get now.

    Example: livery explain RUN
    """
    desk = desk_of(ctx)
    found = desk.ask(lambda client: client.explain_run(run))
    if as_json:
        desk.screen.document(found)
        return
    desk.screen.show(*_parts(found))


def _parts(found: dict[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = [
        look.mark(f"{found['skill_key']}@{found['version'] or '?'}", found["status"]),
        Text(),
        look.facts(
            [
                ("Code", found["code"] or "–"),
                ("Rule", found["rule"]["name"]),
                ("It says", found["rule"]["says"]),
                ("Because", found["reason"] or "–"),
            ]
        ),
    ]
    for policy in found["rule"]["policies"]:
        title = "The floor" if policy["id"] == "floor" else f"Policy {policy['id']}"
        parts += [Text(), line(title, "bold")]
        parts += [
            look.indented(line(policy["text"] or "not among the policies of now", limit=2000))
        ]
    parts += [Text(), Text("Facts now", style="bold"), look.facts(_facts(found["facts"]["now"]))]
    if found["would_allow"]:
        parts += [Text(), Text("What would allow it", style="bold")]
        steps = [(f"  {step['command']}", step["do"]) for step in found["would_allow"]]
        parts += [look.facts(steps)]
    now = found["now"]
    verdict = "allowed" if now["decision"] == "allow" else f"denied, {now['code']}"
    if now["decision"] == "allow" and now["code"]:
        verdict = f"admitted, and then refused inside, {now['code']}"
    if now["code"] == "approval_required":
        verdict = "it asks for an approval"
    because = " ".join(now["reasons"])
    parts += [Text(), line(f"The same call now: {verdict}. {because}".strip(), limit=2000)]
    return parts


def _facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    shown = []
    for name, value in facts.items():
        if value is None or value == []:
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {amount:g}" for key, amount in value.items())  # noqa: PLW2901
        elif isinstance(value, list):
            value = ", ".join(map(str, value))  # noqa: PLW2901
        shown.append((name.replace("_", " ").capitalize(), str(value)))
    return shown


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)
