"""The static files: what is committed is what the sources build, and none names a stranger."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from livery.portals.ui.render import STATIC

ROOT = Path(__file__).parents[3]
WEB = ROOT / "web"
PORTALS = ROOT / "src" / "livery" / "portals"


def test_a_rebuild_gives_the_same_bytes(tmp_path: Path) -> None:
    node = shutil.which("node")
    if not node or not (WEB / "node_modules").is_dir():
        pytest.skip("Left out: the portals' toolchain is not installed (`npm install` in web/).")
    subprocess.run([node, str(WEB / "build.mjs"), str(tmp_path)], check=True, timeout=120)
    for made in tmp_path.iterdir():
        assert made.read_bytes() == (STATIC / made.name).read_bytes(), (
            f"{made.name} is not what web/ builds: run `npm run build` in web/ and commit it"
        )
    assert {made.name for made in tmp_path.iterdir()} == {
        "htmx.min.js",
        "licenses.txt",
        "livery.css",
    }


def test_the_lock_names_no_address_of_a_package() -> None:
    lock = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock


def test_the_page_needs_nothing_from_elsewhere() -> None:
    css = (STATIC / "livery.css").read_text()
    assert re.findall(r"@import|@font-face|url\((?!\"?data:)", css) == []


@pytest.mark.parametrize("template", sorted(PORTALS.rglob("*.html")), ids=lambda path: path.name)
def test_templates_hold_no_inline_code_and_escape_everything(template: Path) -> None:
    html = template.read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)", html)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", html)
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", html)
    assert not re.search(r"(?:src|href|action)=\"https?:", html)
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", html, re.DOTALL):
        assert 'name="csrf"' in form
