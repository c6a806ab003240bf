"""The digest for people: Markdown, a Vega-Lite chart, a table."""

from datetime import date, timedelta
from typing import Any

MARK, FAINT = "#14532d", 0.45
MAX_BAD_LINES = 10

Digest = dict[str, Any]


def _cell(text: Any) -> str:
    """Return a text that cannot leave its Markdown cell: logs are written by others."""
    plain = str(text)
    for sign in "\\`*_[]<>|#":
        plain = plain.replace(sign, "\\" + sign)
    return " ".join(plain.split())


def _percent(rate: Any) -> str:
    return "–" if rate is None else f"{rate:.0%}"


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _money(cost: Any) -> str:
    if cost is None or cost == "unpriced":
        return "–" if cost is None else "unpriced"
    # A small cost is not none; what is counted in are millionths.
    return f"$ {cost:,.6f}" if 0 < cost < 0.01 else f"$ {cost:,.2f}"


def _signed(value: Any) -> str:
    return "no figure to compare" if value is None else f"{value:+,} on the period before"


def markdown(digest: Digest) -> str:
    """Return the digest as Markdown."""
    o, period = digest["overview"], digest["period"]
    s = o["sessions"]
    last = date.fromisoformat(period["to"]) - timedelta(days=1)
    title = "# Weekly digest"
    more = _signed(digest["change"]["sessions_total"]["difference"])
    if digest["workspace"]:
        title += f": {_cell(digest['workspace'])}"
    lines = [
        title,
        "",
        f"{period['from']} to {last} ({period['timezone']}) · {s['total']} sessions from "
        f"{o['projects']} projects",
        "",
        f"- **Sessions** {s['total']} ({more}), sub-agents {s['sub_agents']}",
        f"- **Succeeded** {_percent(s['success_rate'])} of {s['known']} known: {s['success']} "
        f"succeeded, {s['failed']} failed; {s['unknown']} have no known outcome "
        f"({s['outcome_rule']})",
        f"- **Messages** {_number(o['messages'])}",
        f"- **Tokens** {_tokens(o)}",
        f"- **Cost** {_money(o['cost_usd'])}"
        + (f", without {len(o['unpriced_models'])} unpriced" if o["unpriced_models"] else ""),
        f"- **Tool calls** {_number(o['tool_calls'])}, {o['errors']} errors "
        f"({_percent(o['error_rate'])} of {_number(o['answered_calls'])} answered)",
        "",
    ]
    lines += _findings("Actions to take", digest["actions"], lambda f: f["detail"])
    lines += _findings(
        "Risk",
        digest["risk"],
        lambda f: f"{f['level'] or 'nothing to judge'}: {f['formula']} = {_value(f['value'])}",
    )
    lines += _findings(
        "Velocity",
        digest["velocity"],
        lambda f: f"{_number(f['value'])} ({_percent_change(f['change'])})",
    )
    lines += _tables(digest)
    return "\n".join(lines).rstrip() + "\n"


def _tokens(overview: Digest) -> str:
    """Return the tokens, and over how many answers where some logged none."""
    tokens = overview["tokens"]
    if tokens["output"] is None:
        return f"unknown: none of {_number(overview['answers'])} answers logged its usage"
    known, answers = overview["answers_with_usage"], overview["answers"]
    over = f"; known for {_number(known)} of {_number(answers)} answers" if known < answers else ""
    return (
        f"{_number(tokens['input'])} in, {_number(tokens['output'])} out, "
        f"{_number(tokens['cache_read'])} cache read, "
        f"{_number(tokens['cache_creation'])} cache written; cache ratio "
        f"{_percent(overview['cache_ratio'])}{over}"
    )


def _value(value: Any) -> str:
    return "–" if value is None else f"{value:g}"


def _percent_change(change: Any) -> str:
    return "nothing to compare" if change is None else f"{change:+.0%}"


def _findings(title: str, findings: list[Digest], detail: Any) -> list[str]:
    if not findings:
        return [f"## {title}", "", "Nothing.", ""]
    items = [f"- {_cell(f['title'])}: {_cell(detail(f))} [{f['id']}]" for f in findings]
    return [f"## {title}", "", *items, ""]


def _tables(digest: Digest) -> list[str]:
    lines = _table(
        "By model",
        ["Model", "Messages", "Input", "Output", "Cache read", "Cost"],
        [
            [
                _cell(m["model"]),
                _number(m["messages"]),
                _number(m["input"]),
                _number(m["output"]),
                _number(m["cache_read"]),
                _money(m["cost_usd"]),
            ]
            for m in digest["by_model"]
        ],
    )
    lines += _table(
        "Highlights",
        ["Project", "Sessions", "Succeeded", "Failed", "Output tokens"],
        [
            [
                _cell(p["project"] or "–"),
                str(p["total"]),
                str(p["success"]),
                str(p["failed"]),
                _number(p["output"]),
            ]
            for p in digest["projects"]
        ],
    )
    lines += _table(
        "Wins",
        ["Project", "Succeeded", "Files", "Lines added"],
        [
            [
                _cell(w["project"] or "–"),
                str(w["success"]),
                _number(w["files"]),
                _number(w["lines_added"]),
            ]
            for w in digest["wins"]
        ],
    )
    lines += _table(
        "Blockers",
        ["Error", "Times", "Sessions"],
        [[_cell(b["error"]), str(b["errors"]), str(b["sessions"])] for b in digest["blockers"]],
    )
    lines += _table(
        "Top tools",
        ["Tool", "Calls", "Errors"],
        [[_cell(t["tool"]), _number(t["calls"]), str(t["errors"])] for t in digest["tools"][:10]],
    )
    return lines + _bad_lines(digest["quality"])


def _bad_lines(quality: Digest) -> list[str]:
    bad = quality["bad_lines"]
    total = quality.get("total", len(bad))
    if not bad:
        return []
    shown = [[_cell(b["file"]), str(b["line"]), _cell(b["reason"])] for b in bad[:MAX_BAD_LINES]]
    lines = _table(f"Log lines with problems ({total:,})", ["File", "Line", "Reason"], shown)
    if total > len(shown):
        where = f"the first {len(bad):,}, of every file some, are in digest.json"
        lines += [f"{total - len(shown):,} more; {where}.", ""]
    return lines


def _table(title: str, head: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"## {title}", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head), *body, ""]


def chart(digest: Digest) -> Digest:
    """Return sessions by day as a Vega-Lite specification; weekends are paler."""
    values = [
        {
            "day": d["day"],
            "label": f"{date.fromisoformat(d['day']):%a} {int(d['day'][-2:])}",
            "sessions": d["total"],
            "weekend": date.fromisoformat(d["day"]).weekday() >= 5,
        }
        for d in digest["by_day"]
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": "Sessions by day", "anchor": "start", "color": "#1c1b18"},
        "description": f"Sessions by day, {digest['period']['from']} to {digest['period']['to']}",
        "width": 560,
        "height": 180,
        "background": "#ffffff",
        "data": {"values": values},
        "mark": {"type": "bar", "color": MARK, "cornerRadiusEnd": 3, "tooltip": True},
        "encoding": {
            "x": {
                "field": "label",
                "type": "ordinal",
                "sort": None,
                "title": None,
                "axis": {
                    "labelAngle": 0,
                    "ticks": False,
                    "labelColor": "#6b665b",
                    "domainColor": "#e3dfd4",
                },
            },
            "y": {
                "field": "sessions",
                "type": "quantitative",
                "title": None,
                "axis": {
                    # Whole sessions only: a renderer may ignore tickMinStep.
                    "tickCount": max(1, min(5, max((v["sessions"] for v in values), default=0))),
                    "format": "d",
                    "grid": False,
                    "domain": False,
                    "ticks": False,
                    "labelColor": "#6b665b",
                },
            },
            "opacity": {"condition": {"test": "datum.weekend", "value": FAINT}, "value": 1},
        },
        "config": {"view": {"stroke": None}, "font": "Inter, sans-serif"},
    }


def table(digest: Digest) -> Digest:
    """Return the models as a table: columns with their units, and rows."""
    return {
        "title": "By model",
        "columns": [
            {"name": "model", "title": "Model", "unit": "name"},
            {"name": "messages", "title": "Messages", "unit": "messages"},
            {"name": "input", "title": "Input", "unit": "tokens"},
            {"name": "output", "title": "Output", "unit": "tokens"},
            {"name": "cache_read", "title": "Cache read", "unit": "tokens"},
            {"name": "cache_creation", "title": "Cache written", "unit": "tokens"},
            {"name": "cost_usd", "title": "Cost", "unit": "USD"},
        ],
        "rows": digest["by_model"],
    }
