"""Who gets in, how a session ends, and that no form of another site is taken."""

import html
from http.cookies import SimpleCookie
from typing import Any

import pytest
from cryptography.fernet import Fernet

ORIGIN = "http://127.0.0.1:8701"


def way_out_of(page: str) -> str:
    return html.unescape(page.partition("Way out:")[2].partition("</p>")[0])


async def test_a_token_opens_the_portal(visitor: Any, enter: Any) -> None:
    answer = await enter(visitor)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    page = await visitor.get("/skills")
    assert page.status_code == 200
    assert "operator-1" in page.text
    assert "operator-token-1" not in page.text


@pytest.mark.parametrize("path", ["/", "/skills", "/runs/x", "/artifacts/a/content", "/nothing"])
async def test_without_a_session_there_is_only_the_sign_in_page(visitor: Any, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    part = await visitor.get(path, headers={"hx-request": "true"})
    assert part.headers["hx-redirect"].startswith("/sign-in")
    assert part.content == b""


async def test_after_signing_in_one_is_where_one_wanted_to_be(visitor: Any, enter: Any) -> None:
    answer = await visitor.get("/runs?status=denied")
    assert answer.headers["location"] == "/sign-in?next=%2Fruns%3Fstatus%3Ddenied"
    answer = await enter(visitor, next="/runs?status=denied")
    assert answer.headers["location"] == "/runs?status=denied"


@pytest.mark.parametrize(
    "away", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/a\r\nb: c"]
)
async def test_a_sign_in_never_leads_elsewhere(visitor: Any, enter: Any, away: str) -> None:
    answer = await enter(visitor, next=away)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "token", ["wrong-token-1", "short", "", "x" * 600, "a b c d e f g", "é" * 9]
)
async def test_a_wrong_token_stays_outside(visitor: Any, enter: Any, token: str) -> None:
    answer = await enter(visitor, token)
    assert answer.status_code == 401
    assert "Not signed in" in answer.text
    assert "`livery token new --role operator`" in way_out_of(answer.text)
    assert not token or f'"{token}"' not in answer.text
    assert (await visitor.get("/skills")).status_code == 303


async def test_a_customer_does_not_enter_and_hears_who_does_and_where_else_to_go(
    visitor: Any, enter: Any
) -> None:
    answer = await enter(visitor, "customer-token-1")
    assert answer.status_code == 403
    assert "customer_admin" in answer.text
    said = way_out_of(answer.text)
    assert "approver, auditor, author, operator" in said
    assert "LIVERY_TOKEN" in said
    assert "a new one" not in said, "another token of that role would not help"
    assert (await visitor.get("/skills")).status_code == 303


async def test_an_agent_is_sent_to_mcp(visitor: Any, enter: Any, fake: Any) -> None:
    fake.tokens["agent-token-1"] = "agent"
    assert "`livery agents mcp`" in way_out_of((await enter(visitor, "agent-token-1")).text)


@pytest.mark.parametrize(
    ("base", "name"),
    [(ORIGIN, "livery-operator"), ("https://127.0.0.1", "__Host-livery-operator")],
)
async def test_the_cookie(fake: Any, portal: Any, enter: Any, base: str, name: str) -> None:
    async with portal(fake, base) as browser:
        answer = await enter(browser)
    cookie = SimpleCookie(answer.headers["set-cookie"])[name]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert cookie["path"] == "/"
    assert not cookie["domain"]
    assert cookie["max-age"] == str(12 * 3600)
    assert bool(cookie["secure"]) is base.startswith("https")
    assert "operator-token-1" not in answer.headers["set-cookie"]


async def test_behind_a_proxy_that_ends_tls(fake: Any, portal: Any, enter: Any) -> None:
    settings = {"public_url": "https://ops.example", "allowed_hosts": ("ops.example",)}
    async with portal(fake, "http://ops.example", **settings) as browser:
        page = await browser.get("/sign-in")
        assert page.headers["set-cookie"].startswith("__Host-livery-form=")
        assert "Secure" in page.headers["set-cookie"]


async def test_a_session_ends_after_twelve_hours(operator: Any, clock: Any) -> None:
    clock.now += 12 * 3600
    assert (await operator.get("/skills")).status_code == 200
    clock.now += 1
    assert (await operator.get("/skills")).status_code == 303


async def test_a_token_that_was_revoked_ends_the_session(operator: Any, fake: Any) -> None:
    fake.tokens.clear()
    answer = await operator.get("/skills")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?reason=ended")
    assert 'livery-operator=""' in answer.headers["set-cookie"]
    assert "no longer works" in (await operator.get(answer.headers["location"])).text


@pytest.mark.parametrize("change", ["flip", "other_key", "form_cookie", "junk"])
async def test_a_cookie_that_is_not_ours_is_no_session(operator: Any, change: str) -> None:
    real = operator.cookies["livery-operator"]
    form = (await operator.get("/sign-in?code=x")).cookies["livery-form"]
    bad = {
        "flip": real[:40] + ("A" if real[40] != "A" else "B") + real[41:],
        "other_key": Fernet(Fernet.generate_key()).encrypt(b"{}").decode(),
        "form_cookie": form,
        "junk": "x" * 4000,
    }[change]
    operator.cookies.clear()
    operator.cookies.set("livery-operator", bad, domain="127.0.0.1")
    assert (await operator.get("/skills")).status_code == 303


async def test_keys_can_be_rotated(fake: Any, portal: Any, enter: Any) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    async with portal(fake, session_keys=(old,)) as before:
        await enter(before)
        async with portal(fake, session_keys=(new, old)) as after:
            after.cookies = before.cookies
            assert (await after.get("/skills")).status_code == 200
        async with portal(fake, session_keys=(new,)) as later:
            later.cookies = before.cookies
            assert (await later.get("/skills")).status_code == 303


async def test_signing_out(operator: Any) -> None:
    page = await operator.get("/skills")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    answer = await operator.post("/sign-out", data={"csrf": csrf}, headers={"origin": ORIGIN})
    assert answer.headers["location"] == "/sign-in?reason=out"
    assert (await operator.get("/skills")).status_code == 303


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({"origin": "https://evil.example"}, "right"),
        ({"origin": "null"}, "right"),
        ({"origin": "http://127.0.0.1:9999"}, "right"),
        ({}, "right"),
        ({"sec-fetch-site": "cross-site"}, "right"),
        ({"sec-fetch-site": "same-site"}, "right"),
        ({"origin": ORIGIN}, "wrong"),
        ({"origin": ORIGIN}, ""),
        ({"origin": ORIGIN}, None),
    ],
)
async def test_a_form_of_another_site_is_refused(operator: Any, headers: Any, csrf: Any) -> None:
    page = await operator.get("/skills")
    right = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    data = {} if csrf is None else {"csrf": right if csrf == "right" else csrf}
    answer = await operator.post("/sign-out", data={"x": "1", **data}, headers=headers)
    assert answer.status_code == 403
    assert (await operator.get("/skills")).status_code == 200


async def test_a_browser_without_origin_but_with_fetch_metadata(operator: Any) -> None:
    page = await operator.get("/skills")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    same = {"sec-fetch-site": "same-origin"}
    answer = await operator.post("/sign-out", data={"csrf": csrf}, headers=same)
    assert answer.status_code == 303


async def test_the_sign_in_form_is_bound_to_its_browser(visitor: Any) -> None:
    page = await visitor.get("/sign-in")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    visitor.cookies.clear()
    data = {"csrf": csrf, "token": "operator-token-1"}
    answer = await visitor.post("/sign-in", data=data, headers={"origin": ORIGIN})
    assert answer.status_code == 403


async def test_a_large_form_is_refused(visitor: Any) -> None:
    data = {"token": "x" * 20_000}
    answer = await visitor.post("/sign-in", data=data, headers={"origin": ORIGIN})
    assert answer.status_code == 413


async def test_a_one_time_link(fake: Any, portal: Any) -> None:
    codes = {"code-1": "operator-token-1"}

    async def redeem(code: str) -> str | None:
        return codes.pop(code, None)

    async with portal(fake, redeem=redeem) as browser:
        page = await browser.get("/sign-in?code=code-1")
        assert codes, "opening the link does not use it: previews open links"
        csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        data = {"csrf": csrf, "code": "code-1"}
        answer = await browser.post("/sign-in", data=data, headers={"origin": ORIGIN})
        assert answer.status_code == 303
        assert (await browser.get("/skills")).status_code == 200
        csrf = (await browser.get("/skills")).text.partition('value="')[2].partition('"')[0]
        data["csrf"] = csrf
        again = await browser.post("/sign-in", data=data, headers={"origin": ORIGIN})
        assert again.status_code == 401
        assert "used already" in again.text
        assert "`livery token link`" in way_out_of(again.text)


async def test_a_code_where_none_are_made(visitor: Any, enter: Any) -> None:
    assert (await enter(visitor, code="anything")).status_code == 401
