"""Every failure is a page that says what happened, under which id, and the way out."""

from typing import Any

import httpx
import pytest

from livery.client.livery_client import LiveryClient


@pytest.mark.parametrize(
    ("status", "code", "title"),
    [
        (403, "forbidden", "You may not do that"),
        (404, "not_found", "There is nothing here"),
        (429, "workspace_run_quota", "Too much at once"),
        (500, "internal_error", "Something went wrong"),
    ],
)
async def test_what_the_platform_refuses(
    operator: Any, fake: Any, status: int, code: str, title: str
) -> None:
    fake.fault = (status, code)
    answer = await operator.get("/skills", headers={"x-correlation-id": "c-quote-me"})
    assert answer.status_code == status
    assert title in answer.text
    assert code in answer.text
    assert f"Do something about {code}." in answer.text
    assert "c-quote-me" in answer.text
    assert answer.headers["hx-retarget"] == "body"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_platform_that_is_down(fake: Any, portal: Any, enter: Any) -> None:
    async with portal(fake) as browser:
        await enter(browser)

        def nobody(token: str | None, correlation_id: str) -> LiveryClient:
            return LiveryClient("http://127.0.0.1:1", token, correlation_id=correlation_id)

        fake.client = nobody  # bound when the portal was made: the portal below is a new one
        async with portal(fake, session_keys=keys_of(browser)) as cut_off:
            cut_off.cookies = browser.cookies
            answer = await cut_off.get("/skills")
    assert answer.status_code == 503
    assert "The platform does not answer" in answer.text
    assert "livery up" in answer.text
    assert "127.0.0.1:1" in answer.text


def keys_of(browser: Any) -> Any:
    shield = browser._transport.app
    return shield._app.state.door.settings.session_keys


async def test_an_answer_that_is_not_the_contracts(fake: Any, portal: Any, enter: Any) -> None:
    async with portal(fake) as browser:
        await enter(browser)

        def strange(token: str | None, correlation_id: str) -> LiveryClient:
            answer = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
            return LiveryClient("http://x.test", token, transport=answer)

        fake.client = strange
        async with portal(fake, session_keys=keys_of(browser)) as browser2:
            browser2.cookies = browser.cookies
            answer = await browser2.get("/skills")
    assert answer.status_code == 502
    assert "something else" in answer.text


async def test_a_fault_of_ours_tells_nothing_of_the_inside(
    fake: Any, portal: Any, enter: Any
) -> None:
    async with portal(fake) as browser:
        await enter(browser)

        def broken(token: str | None, correlation_id: str) -> LiveryClient:
            raise RuntimeError("secret-of-the-inside")

        fake.client = broken
        async with portal(fake, session_keys=keys_of(browser)) as browser2:
            browser2._transport.raise_app_exceptions = False
            browser2.cookies = browser.cookies
            answer = await browser2.get("/skills")
    assert answer.status_code == 500
    assert "secret-of-the-inside" not in answer.text
    assert "Something went wrong here" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_wrong_addresses_and_methods(operator: Any) -> None:
    missing = await operator.get("/nowhere")
    assert missing.status_code == 404
    assert "There is nothing here" in missing.text
    assert (await operator.post("/skills")).status_code == 405
    assert (await operator.get("/skills/..%2f..%2fwhoami")).status_code == 404
    assert (await operator.get("/skills/%2e%2e")).status_code in {404, 422, 303}
    assert (await operator.get("/static/../app.py")).status_code == 404


async def test_a_chart_that_cannot_be_drawn_says_so(operator: Any, fake: Any) -> None:
    fake.content["art-chart"] = ("chart.vl.json", "application/json", b"{")
    answer = await operator.get("/artifacts/art-chart/chart.svg")
    assert answer.status_code >= 400
    assert "no JSON" in answer.text
    assert (await operator.get("/artifacts/art-digest")).status_code == 200
