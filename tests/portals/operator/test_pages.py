"""Each page: what it says, of whom it asks it, and what it says when there is nothing."""

import html
import io
from typing import Any

import pytest
from rich.console import Console

from livery.cli.alerts import envelope_panel

R = "0199aa00-0000-7000-8000-00000000000"
PAGES = [
    "/skills", "/skills/weekly-digest", "/skills/campaign-pack", "/skills/old-export",
    "/skills/weekly-digest?tab=contract", "/skills/weekly-digest?tab=versions",
    "/skills/weekly-digest?tab=runs", "/skills/weekly-digest?version=1.1.0", "/runs",
    *(f"/runs/{R}{n}" for n in range(1, 7)), "/artifacts/art-digest", "/artifacts/art-chart",
    "/artifacts/art-text", "/artifacts/art-digest/provenance", "/health",
    "/approvals", "/approvals?state=denied", "/approvals/apr_2",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_drawn_from_the_api_with_the_persons_token(
    operator: Any, fake: Any, path: str
) -> None:
    fake.seen_headers.clear()
    answer = await operator.get(path, headers={"x-correlation-id": "c-of-this-test"})
    assert answer.status_code == 200, answer.text
    assert answer.text.count("<h1>") == 1
    assert answer.text.count('aria-current="page"') >= 1
    assert fake.seen_headers
    for seen in fake.seen_headers:
        assert seen["authorization"] == "Bearer operator-token-1"
        assert seen["x-correlation-id"] == "c-of-this-test"


async def test_the_catalog(operator: Any) -> None:
    page = (await operator.get("/skills")).text
    for words in ("weekly-digest", "3 certified", "1 pending certification", "1 revoked"):
        assert words in page
    found = (await operator.get("/skills?q=slack&status=certified")).text
    assert "slack-send" in found
    assert "campaign-pack" not in found
    assert "No skill is like that" in (await operator.get("/skills?q=zzz")).text


async def test_htmx_gets_the_table_alone(operator: Any) -> None:
    part = await operator.get("/skills?q=add", headers={"hx-request": "true"})
    assert part.text.lstrip().startswith('<section class="card" id="table"')
    assert "<html" not in part.text
    restored = {"hx-request": "true", "hx-history-restore-request": "true"}
    assert "<html" in (await operator.get("/skills", headers=restored)).text
    runs = await operator.get("/runs?status=denied", headers={"hx-request": "true"})
    assert runs.text.count('<tr class="denied">') == 2


async def test_a_skill_with_its_certificate(operator: Any) -> None:
    page = (await operator.get("/skills/weekly-digest")).text
    for words in (
        "Evidence for 1.2.0", "14 of 14 fixtures", "outbound network: declared", "412 ms",
        "12 Nov 2026", "10 Feb 2027, in 81 days", "in-toto test-result", "production",
        "If you revoke it",
    ):  # fmt: skip
        assert words in page, words
    assert 'data-mark="certified"' in page
    file = await operator.get("/skills/weekly-digest/versions/1.2.0/certificate.json")
    assert file.headers["content-disposition"] == (
        'attachment; filename="weekly-digest-1.2.0.certificate.json"'
    )
    assert file.json()["payloadType"] == "application/vnd.in-toto+json"


async def test_what_a_revocation_stops_is_who_uses_it_not_who_called_of_late(
    operator: Any, fake: Any
) -> None:
    page = (await operator.get("/skills/weekly-digest")).text
    panel = page.partition("If you revoke it")[2].partition("</section>")[0]
    for words in (
        "<dt>Hired agents denied on the next call</dt><dd>3</dd>", "<dt>Agent types</dt><dd>1</dd>",
        "<dt>Channels left empty</dt><dd>production</dd>", "Ana", "Ben", "Resident", "clinic-a",
        "livery skills impact weekly-digest@1.2.0",
    ):  # fmt: skip
        assert words in panel, words
    assert "Old hand" not in panel
    assert "last" not in panel
    older = (await operator.get("/skills/weekly-digest?version=1.1.0")).text
    assert "<dt>Hired agents denied on the next call</dt><dd>1</dd>" in older
    assert "Old hand" in older
    fake.uses = []
    nobody = (await operator.get("/skills/weekly-digest")).text
    assert "Nobody uses this version." in nobody
    assert "<dt>Hired agents denied on the next call</dt><dd>0</dd>" in nobody


async def test_many_uses_are_counted_in_full_and_named_in_part(operator: Any, fake: Any) -> None:
    fake.uses = [{**fake.uses[1], "name": f"agent-{n:02}"} for n in range(50)]
    page = (await operator.get("/skills/weekly-digest")).text
    assert "<dd>50</dd>" in page
    assert ("agent-19" in page, "agent-20" in page, "and 30 more" in page) == (True, False, True)


async def test_a_skill_without_one_says_what_to_do(operator: Any) -> None:
    page = (await operator.get("/skills/campaign-pack")).text
    assert "livery skills certify campaign-pack" in page
    assert "skill_not_certified" in page
    assert "Revoked: every call is denied" in (await operator.get("/skills/old-export")).text
    assert (await operator.get("/skills/weekly-digest?version=9.9.9")).status_code == 404


async def test_denials_are_red_and_say_why_and_the_way_out(operator: Any) -> None:
    page = (await operator.get("/runs")).text
    assert page.count('<tr class="denied">') == 2
    assert "leaked rows" in page
    one = (await operator.get(f"/runs/{R}2")).text
    assert 'class="alert alert-error" role="alert"' in one
    assert "called network api.example.net" in one
    assert "Way out:" in one
    assert "Declare the capability" in one


@pytest.mark.parametrize(
    ("status", "category", "code", "title"),
    [
        ("failed", "policy", "skill_capability_denied", "Denied"),
        ("denied", "policy", "skill_revoked", "Denied"),
        ("denied", "policy", "approval_required", "Needs approval"),
        ("failed", "provider", "provider_execution_failed", "Failed"),
    ],
)
async def test_the_page_of_a_run_has_the_word_and_the_way_out_of_the_terminal(
    operator: Any, fake: Any, status: str, category: str, code: str, title: str
) -> None:
    way_out = "Add 'api.example.net' under capabilities.network in contract.yaml."
    error = {"code": code, "category": category, "retryable": False, "message": "It did not.",
             "details": {"kind": "network", "remedy": way_out}}  # fmt: skip
    envelope = {"ok": False, "status": status, "code": code, "error": error}
    fake.runs[1] = {**fake.runs[1], "status": status, "code": code, "envelope": envelope}
    page = html.unescape((await operator.get(f"/runs/{R}2")).text)
    panel = page.partition('<section class="alert')[2].partition("</section>")[0]
    assert f'<div class="title">{title} <span class="mono">{code}</span>' in panel
    assert f"</span> {way_out}</p>" in panel
    assert panel.count(way_out) == 1
    assert "network" in panel.partition("<pre")[2]
    # The same envelope in the terminal.
    terminal = io.StringIO()
    Console(file=terminal, width=200).print(envelope_panel(envelope))
    assert f"{title.upper()} · {code}" in terminal.getvalue()
    assert f"Way out  {way_out}" in terminal.getvalue()


async def test_a_run_leads_to_its_proof(operator: Any) -> None:
    page = (await operator.get(f"/runs/{R}1")).text
    assert '<a class="mark" href="/artifacts/art-digest/provenance"' in page
    assert "/artifacts/art-chart" in page
    denied = (await operator.get(f"/runs/{R}2")).text
    assert 'href="/skills/weekly-digest?tab=certificate&amp;version=1.2.0"' in denied


async def test_the_digest(operator: Any) -> None:
    newest = await operator.get("/digest")
    assert newest.headers["location"] == "/artifacts/art-digest"
    page = (await operator.get("/artifacts/art-digest")).text
    for words in (
        "9 to 15 Nov 2026, Europe/Berlin", "41 sessions from 3 projects", "195,794", "$ 38.20",
        "Succeeded, of 33 known", "82 %", "8 have no known outcome", "1 model unpriced",
        "Add an integration test", "+6 on the period before", "Sessions that failed", "18 %",
        "+17 %", "−25 %", "nothing to compare", "ModuleNotFoundError", "outcome.v1",
        "1 log line could not be read", "61,004,118", "unpriced",
    ):  # fmt: skip
        assert words in page, words
    assert 'data-mark="verified"' in page
    assert "/artifacts/art-chart/chart.svg?theme=dark" in page


async def test_no_digest_yet(operator: Any, fake: Any) -> None:
    fake.runs = []
    page = await operator.get("/digest")
    assert page.status_code == 200
    assert "No digest yet" in page.text


async def test_a_digest_that_does_not_verify_is_red(operator: Any, fake: Any) -> None:
    fake.state = "unverified"
    page = (await operator.get("/artifacts/art-digest")).text
    assert "These numbers are not proved" in page
    assert 'class="mark mark-doubt"' in page
    proof = (await operator.get("/artifacts/art-digest/provenance")).text
    assert "This artifact is not proved" in proof
    assert 'class="fail"' in proof


async def test_provenance(operator: Any) -> None:
    page = (await operator.get("/artifacts/art-digest/provenance")).text
    for words in (
        "weekly-digest@1.2.0", "sha256:8f41…8f41", "sha256:9b9b…9b9b", "sha256:1c1c…1c1c",
        "48,112", "ops-2026", "livery verify digest.json --key", "Statement signature",
    ):  # fmt: skip
        assert words in page, words
    assert page.count('class="pass"') == 5
    bundle = await operator.get("/artifacts/art-digest/provenance.json")
    assert "digest.json.provenance.json" in bundle.headers["content-disposition"]
    assert bundle.json()["badge"] == "weekly-digest@1.2.0"


async def test_a_chart_is_a_picture_in_a_sandbox(operator: Any) -> None:
    light = await operator.get("/artifacts/art-chart/chart.svg")
    assert light.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in light.headers["content-security-policy"]
    assert "#14532d" in light.text
    assert "#6fbf8b" in (await operator.get("/artifacts/art-chart/chart.svg?theme=dark")).text
    assert (await operator.get("/artifacts/art-digest/chart.svg")).status_code == 404


async def test_a_download_is_never_a_page(operator: Any, fake: Any) -> None:
    fake.content["art-text"] = ('../"<x>\r\nA: b.html', "text/html", b"<script>alert(1)</script>")
    answer = await operator.get("/artifacts/art-text/content")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"] == 'attachment; filename="___x___A__b.html"'
    page = (await operator.get("/artifacts/art-text")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_health(operator: Any, fake: Any) -> None:
    assert "Everything that the platform needs answers" in (await operator.get("/health")).text
    fake.ready["vault"] = False
    page = (await operator.get("/health")).text
    assert "vault does not work" in page
    assert "connection refused" in page
    assert "livery doctor" in page
    assert "Free space" not in page
    fake.remedies["vault"] = "Free space on the disk."
    assert "Free space on the disk." in (await operator.get("/health")).text


async def test_alive_needs_nobody(visitor: Any, fake: Any) -> None:
    assert (await visitor.get("/healthz")).text == "ok\n"
    assert fake.seen_headers == []


async def test_the_approvals_begin_with_what_waits(operator: Any) -> None:
    page = (await operator.get("/approvals")).text
    at = [page.index(f'href="/approvals/apr_{number}"') for number in (4, 2, 5, 3, 1)]
    assert at == sorted(at)
    for words in ("2 requested", "crm-write", "crm.example.com", "customer_member:ana", "acme"):
        assert words in page
    narrowed = (await operator.get("/approvals?state=denied")).text
    assert ("apr_3" in narrowed, "apr_2" in narrowed) == (True, False)
    assert "No approval is like that" in (await operator.get("/approvals?state=revoked")).text


async def test_the_approvals_are_paged_and_htmx_gets_the_table_alone(operator: Any) -> None:
    first = (await operator.get("/approvals?limit=1")).text
    assert ("apr_4" in first, "apr_2" in first) == (True, False)
    assert "/approvals?limit=2" in first
    third = (await operator.get("/approvals?limit=3")).text
    assert [n for n in range(1, 6) if f'"/approvals/apr_{n}"' in third] == [2, 4, 5]
    assert "/approvals?limit=6" in third
    assert "Show more" not in (await operator.get("/approvals?limit=5")).text
    table = (await operator.get("/approvals", headers={"hx-request": "true"})).text
    assert ("<h1>" in table, 'id="table"' in table) == (False, True)


async def test_every_page_has_the_approvals_in_its_menu_and_counts_what_waits(
    operator: Any, fake: Any
) -> None:
    page = (await operator.get("/skills")).text
    assert 'href="/approvals"' in page
    assert 'hx-get="/approvals/waiting"' in page
    assert "2 waiting" in (await operator.get("/approvals/waiting")).text
    fake.approvals = []
    assert (await operator.get("/approvals/waiting")).text.strip() == ""
    assert "Nothing was asked yet" in (await operator.get("/approvals")).text
    fake.fault = (403, "forbidden")
    answer = await operator.get("/approvals/waiting")
    assert (answer.status_code, answer.text.strip()) == (200, "")


async def test_the_digest_names_its_workspace(operator: Any, fake: Any) -> None:
    fake.runs[0]["workspace"] = "acme-<b>"
    page = (await operator.get("/artifacts/art-digest")).text
    assert "Weekly digest of <bdi>acme-&lt;b&gt;</bdi>" in page


def digests(fake: Any, count: int) -> None:
    """So many digests, newest first, each of a day and a workspace of its own."""
    first, content = fake.runs[0], fake.content["art-digest"]
    fake.runs = []
    for n in range(count):
        fake.content[f"art-{n}"] = content
        days = {"from": f"2026-10-{n + 1:02}", "to": f"2026-10-{n + 2:02}"}
        fake.runs.append(
            {
                **first,
                "run_id": f"run-{n}",
                "workspace": f"place-{n}",
                "created_at": f"2026-11-21T08:{59 - n}:00Z",
                "artifacts": [{"artifact_id": f"art-{n}", "name": "digest.json"}],
                "envelope": {"ok": True, "result": {"period": days}, "error": None},
            }
        )


async def test_any_recent_digest_can_be_chosen(operator: Any, fake: Any) -> None:
    digests(fake, 3)
    assert (await operator.get("/digest")).headers["location"] == "/artifacts/art-0"
    page = (await operator.get("/artifacts/art-1")).text
    chooser = page.partition('id="recent"')[2].partition("</details>")[0]
    at = [chooser.index(f'href="/artifacts/art-{n}"') for n in range(3)]
    assert at == sorted(at), "newest first"
    for words in ("place-2", "3 Oct 2026", "21 Nov 2026 08:57:00"):
        assert words in chooser, words
    assert chooser.count('aria-current="true"') == 1
    assert 'href="/artifacts/art-1" aria-current="true"' in chooser
    assert "older than these" not in chooser


async def test_the_recent_digests_are_bounded(operator: Any, fake: Any) -> None:
    digests(fake, 25)
    page = (await operator.get("/artifacts/art-24")).text
    chooser = page.partition('id="recent"')[2].partition("</details>")[0]
    assert chooser.count('href="/artifacts/') == 20
    assert 'aria-current="true"' not in chooser
    assert "older than these" in chooser


async def test_a_run_whose_period_nobody_knows_is_a_dash(operator: Any, fake: Any) -> None:
    digests(fake, 2)
    fake.runs[0]["envelope"] = None
    page = (await operator.get("/artifacts/art-1")).text
    assert "<td><bdi>–</bdi></td>" in page
    fake.runs[0]["artifacts"] = [{"artifact_id": "art-0", "name": "table.json"}]
    assert 'id="recent"' not in (await operator.get("/artifacts/art-1")).text
