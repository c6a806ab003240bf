"""The weekly digest: figures from the semantic layer, rules over them, four artifacts."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from livery.authoring import Context, skill

from .figures import before, collect
from .period import choose
from .render import chart, markdown, table
from .rules import actions, risk, velocity


class DigestInput(BaseModel):
    """What to summarise; every member may be left out."""

    model_config = ConfigDict(extra="forbid")

    from_: str | None = Field(None, alias="from", pattern=r"^\d{4}-\d{2}-\d{2}$")
    to: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    timezone: str = Field("UTC", max_length=64)
    workspace: str | None = Field(None, max_length=100)


class Digest(TypedDict):
    """What is returned; SKILL.md describes the members."""

    workspace: str | None
    period: dict[str, Any]
    overview: dict[str, Any]
    by_model: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    by_day: list[dict[str, Any]]
    projects: list[dict[str, Any]]
    wins: list[dict[str, Any]]
    blockers: list[dict[str, Any]]
    hot_files: list[dict[str, Any]]
    failed_projects: list[dict[str, Any]]
    quality: dict[str, Any]
    risk: list[dict[str, Any]]
    velocity: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    change: dict[str, Any]


@skill(
    "weekly-digest",
    version="1.1.0",
    description=(
        "Summarise a week of coding-agent sessions - outcomes, tokens and cost by model, tools, "
        "risk, velocity and recommended actions. Use when someone asks how the agents did this "
        "week; every number comes from the session logs."
    ),
    category="analytics",
    owner="livery",
    capabilities={"data": ["sessions", "messages", "tool_calls", "files", "usage", "bad_lines"]},
    timeout_s=60,
)
def run(request: DigestInput, ctx: Context) -> Digest:
    """Return the digest of a period and keep it as JSON, Markdown, chart and table."""
    period = choose(ctx, request.from_, request.to, request.timezone)
    figures = collect(ctx, period)
    earlier = collect(ctx, before(period), brief=True)
    digest: Any = {
        "workspace": request.workspace,
        "period": period,
        **figures,
        "risk": risk(figures, period),
        "velocity": velocity(figures, earlier, period),
        "actions": actions(figures, period),
        "change": _change(figures, earlier),
    }
    ctx.artifact("digest.json", "application/json", digest)
    ctx.artifact("digest.md", "text/markdown", markdown(digest))
    ctx.artifact("chart.vl.json", "application/vnd.vegalite.v5+json", chart(digest))
    ctx.artifact("table.json", "application/vnd.livery.table+json", table(digest))
    return digest


def _change(now: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Return the differences to the period before; None where one side is unknown."""

    def value(figures: dict[str, Any], path: str) -> Any:
        found: Any = figures["overview"]
        for part in path.split("."):
            found = found[part]
        return found

    changes: dict[str, Any] = {}
    for path in (
        "sessions.total",
        "sessions.success_rate",
        "messages",
        "tokens.output",
        "cost_usd",
        "errors",
    ):
        new, old = value(now, path), value(earlier, path)
        known = new is not None and old is not None
        changes[path.replace(".", "_")] = {
            "now": new,
            "before": old,
            "difference": round(new - old, 6) if known else None,
        }
    return changes
