"""The pictures of the README, taken of the program itself: `python tools/pictures.py [PORT]`.

Runs the main job in a home of its own on the sample week, in a pseudo-terminal of 104 columns, and draws what it
printed; then takes the digest's page in Chromium. Needs /usr/bin/chromium and chromedriver; stops what it started.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS = 104
PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
LIVERY = Path(sys.executable).with_name("livery")
_RGB = [
    (28, 27, 24),
    (176, 42, 55),
    (20, 108, 60),
    (138, 90, 0),
    (30, 80, 160),
    (120, 50, 140),
    (0, 110, 120),
    (110, 105, 95),
]
# White is the ground of a badge's words.
THEME = TerminalTheme(
    (250, 249, 245), (28, 27, 24), [*_RGB[:7], (255, 255, 255)], [*_RGB[:7], (255, 255, 255)]
)


def main(port: str = "18480") -> None:
    """Take all three."""
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder, "no-logs")
        logs.mkdir()
        env = {
            **os.environ, "LIVERY_HOME": f"{folder}/home", "LIVERY_SESSION_LOGS": str(logs),
            "COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "FORCE_COLOR": "1",
        }  # fmt: skip
        try:
            said = _printed([str(LIVERY), "demo", "--port", port], env)
            digest = said.index("Weekly digest", _at(said, "4/6"))
            start = said.rindex("\n", 0, digest) + 1
            draw(said[start : _at(said, "5/6")], "make run: the digest", "digest.svg")
            draw(
                said[_at(said, "6/6") : _at(said, "Done in")],
                "make run: try to cheat",
                "refused.svg",
            )
            plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
            [link] = re.findall(r"http://\S+/sign-in\?code=\S+", plain)
            photograph(link, folder)
        finally:
            subprocess.run([LIVERY, "down"], env=env, check=False, timeout=120)


def _printed(command: list[str], env: dict[str, str]) -> str:
    parts: list[bytes] = []

    def keep(handle: int) -> bytes:
        parts.append(os.read(handle, 4096))
        return parts[-1]

    before = dict(os.environ)
    os.environ.update(env)
    try:
        code = pty.spawn(command, keep)
    finally:
        os.environ.clear()
        os.environ.update(before)
    if code:
        raise SystemExit(f"{command} ended with {code}")
    return b"".join(parts).decode().replace("\r\n", "\n")


def _at(said: str, mark: str) -> int:
    """Where the line begins that holds a mark."""
    return said.rindex("\n", 0, said.index(mark)) + 1


def draw(ansi: str, title: str, name: str) -> None:
    """Write lines of a terminal as a picture."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(ansi.strip("\n")))
    (PICTURES / name).write_text(console.export_svg(title=title, theme=THEME, unique_id="t"))


def photograph(link: str, folder: str) -> None:
    """Sign in, and take the digest's page."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-background-networking", "--window-size=1280,900",
                 f"--user-data-dir={folder}/chromium"):  # fmt: skip
        options.add_argument(word)
    browser = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        browser.get(link)
        browser.find_element("css selector", "form button[type=submit]").click()
        browser.get(link.partition("/sign-in")[0] + "/digest")
        browser.save_screenshot(str(PICTURES / "portal.png"))
    finally:
        browser.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
