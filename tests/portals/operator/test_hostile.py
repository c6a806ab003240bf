"""Long, empty, many, and meant badly: nothing that others wrote changes a page."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.portals.operator import digest
from livery.portals.operator.provenance import read, statement_of

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eexe.txt\u202c عربى עברית",
    "😀" * 50,
    "x" * 10_000,
    "a\x00b\x1bc",
    "</style></title><svg/onload=alert(1)>",
]
SAFE = re.compile(r"<script>alert|<img src=x|onload=alert\(1\)>|<svg/onload| onmouseover='alert")


def poison(value: Any, text: str) -> Any:
    """The document with every text in it replaced."""
    if isinstance(value, dict):
        return {key: poison(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [poison(one, text) for one in value]
    return text if isinstance(value, str) else value


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_texts_everywhere(operator: Any, fake: Any, text: str) -> None:
    for one in fake.skills:
        one.update(description=text, category=text, owner=text, version=text, status=text)
    for one in fake.runs:
        one.update(poison({k: one[k] for k in one if k != "run_id"}, text), status="denied")
    name, media_type, content = fake.content["art-digest"]
    bad = json.dumps(poison(json.loads(content), text)).encode()
    fake.content["art-digest"] = (name, media_type, bad)
    fake.content["art-text"] = (text, "text/plain", text.encode())
    fake.state = text
    fake.uses = [{**poison(one, text), "version": text} for one in fake.uses]
    pages = ["/skills", "/skills/weekly-digest", "/skills/weekly-digest?tab=contract",
             "/skills/weekly-digest?tab=versions", "/runs", f"/runs/{fake.runs[1]['run_id']}",
             "/artifacts/art-digest", "/artifacts/art-text", "/artifacts/art-text/provenance",
             "/artifacts/art-digest/provenance"]  # fmt: skip
    for path in pages:
        page = await operator.get(path)
        assert page.status_code == 200, (path, page.text[-2000:])
        assert not SAFE.search(page.text), path
        assert "49{% raw" not in page.text
        assert len(page.text) < 400_000, path


@pytest.mark.parametrize("text", HOSTILE[:5])
async def test_hostile_addresses(operator: Any, text: str) -> None:
    for path in ("/skills", "/runs"):
        page = await operator.get(path, params={"q": text, "skill_key": text, "status": text})
        assert page.status_code == 200
        assert not SAFE.search(page.text)
    answer = await operator.get("/sign-in", params={"code": text, "next": text, "reason": text})
    assert not SAFE.search(answer.text)


async def test_nothing_at_all(operator: Any, fake: Any) -> None:
    fake.skills, fake.runs, fake.ready, fake.content = [], [], {}, {}
    assert "No digest yet" in (await operator.get("/digest")).text
    assert "No skills yet" in (await operator.get("/skills")).text
    assert "No runs yet" in (await operator.get("/runs")).text
    assert "named no checks" in (await operator.get("/health")).text


async def test_a_thousand_rows(operator: Any, fake: Any) -> None:
    runs = [{**fake.runs[i % 6], "run_id": f"run-{i}", "skill_key": "s"} for i in range(1000)]
    fake.runs = runs
    first = (await operator.get("/runs?skill_key=s")).text
    assert first.count("<tr") == 51
    assert 'href="/runs?skill_key=s&amp;limit=100"' in first
    whole = (await operator.get("/runs?limit=1000")).text
    assert whole.count("<tr") == 1001
    assert "Show more" not in whole
    for strange in ("-1", "0", "x", "٣", "9" * 400, ""):
        assert (await operator.get("/runs", params={"limit": strange})).status_code == 200


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'"x"', b"[" * 50_000])
async def test_a_digest_that_is_none_is_a_plain_artifact(
    operator: Any, fake: Any, content: bytes
) -> None:
    fake.content["art-digest"] = ("digest.json", "application/json", content)
    page = await operator.get("/artifacts/art-digest")
    assert page.status_code == 200
    assert "By model" not in page.text


async def test_an_older_platform_lacks_members(operator: Any, fake: Any) -> None:
    fake.skills = [{k: s[k] for k in ("skill_key", "status", "version", "digest", "created_at")}
                   for s in fake.skills]  # fmt: skip
    fake.runs = [{k: r[k] for k in ("run_id", "skill_key", "status")} for r in fake.runs]
    for path in ("/skills", "/skills/weekly-digest", "/runs", f"/runs/{fake.runs[1]['run_id']}"):
        answer = await operator.get(path)
        assert answer.status_code == 200, answer.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
NAMES = [
    "period", "overview", "sessions", "projects", "tokens", "by_model", "tools", "cost_usd",
    "actions", "blockers", "wins", "quality", "bad_lines", "risk", "velocity", "change", "total",
    "known", "success_rate", "from", "to", "difference", "sessions_total",
]  # fmt: skip
DIGESTS = st.dictionaries(
    st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), JSON)
)


@given(DIGESTS)
def test_any_document_is_a_report(document: dict[str, Any]) -> None:
    report = digest.view(document)
    assert [type(kpi.value) for kpi in report.kpis] == [str] * 4


@given(JSON, JSON)
def test_any_statement_can_be_read(envelope: Any, predicate: Any) -> None:
    statement_of(envelope)
    read({"statement": envelope, "predicate": predicate})  # type: ignore[typeddict-item]
