"""What a person does first, in a real Chromium: sign in -> digest -> badge -> certificate."""

from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_sign_in_digest_badge_certificate(platform: Any, chromium: Any) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support import expected_conditions as until
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(chromium, 30)

    def one(css: str) -> Any:
        return wait.until(until.presence_of_element_located((By.CSS_SELECTOR, css)))

    def title(text: str) -> None:
        # Read in one step: while a page is being replaced an element found is soon another's.
        read = "return document.querySelector('h1')?.textContent ?? ''"
        wait.until(lambda d: text in d.execute_script(read))

    # Without a session every page is the sign-in page.
    chromium.get(f"{platform.portal_url}/digest")
    title("Sign in")
    one("input[name=token]").send_keys(platform.operator_token)
    one("form button[type=submit]").click()

    title("Weekly digest")
    assert len(chromium.find_elements(By.CSS_SELECTOR, ".kpi b")) == 4
    chart = one("img.chart")
    wait.until(lambda d: d.execute_script("return arguments[0].naturalWidth", chart) > 0)
    mark = one("main a.mark")
    badge = mark.text.partition(" ")[0]
    assert badge.startswith("weekly-digest@")
    assert mark.text.endswith("verified")
    mark.click()

    title("Provenance")
    ticks = chromium.find_elements(By.CSS_SELECTOR, ".evidence svg")
    assert ticks
    assert all(tick.get_attribute("class") == "pass" for tick in ticks)
    assert one("main a.mark").text.startswith(badge)
    assert "livery verify" in one("main pre.code").text
    one("a[data-certificate]").click()

    title("weekly-digest")
    assert "/skills/weekly-digest" in chromium.current_url
    assert "valid" in one("#certificate").text
    assert chromium.find_elements(By.CSS_SELECTOR, ".evidence .pass")

    # htmx narrows the catalog in place, under the same strict policy.
    chromium.get(f"{platform.portal_url}/skills")
    one("input[name=q]").send_keys("weekly")
    wait.until(lambda d: "q=weekly" in d.current_url)
    wait.until(lambda d: len(d.find_elements(By.CSS_SELECTOR, "#table tbody tr")) == 1)

    # The page's own policy was never broken, by us or by the libraries.
    said = [entry["message"] for entry in chromium.get_log("browser")]
    assert [line for line in said if "Content Security Policy" in line] == []
    assert [line for line in said if "SEVERE" in line or "Uncaught" in line] == []

    one("form.who button").click()
    title("Sign in")
    chromium.get(f"{platform.portal_url}/skills")
    title("Sign in")
