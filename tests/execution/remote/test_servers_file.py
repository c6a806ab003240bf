"""The file of MCP servers: what it may say, and what is refused in words."""

from pathlib import Path

import pytest

from livery.execution.remote.pin import changed, pin_of
from livery.execution.remote.settings import Server, servers_of
from livery.manifest.errors import LiveryError

GOOD = """
files:
  command: [mcp-files, --root, /srv]
  env_allow: [TZ]
crm: {url: "https://crm.example.com/mcp", credential_ref: "cred:crm"}
"""


def test_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "servers.yaml"
    path.write_text(GOOD)
    assert servers_of(path) == {
        "files": Server("files", ("mcp-files", "--root", "/srv"), ("TZ",)),
        "crm": Server("crm", url="https://crm.example.com/mcp", credential_ref="cred:crm"),
    }
    assert servers_of(None) == {}
    path.write_text("")
    assert servers_of(path) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a]", "mapping of names"),
        ("a: 1", "with a mapping"),
        ("'a b': {command: [x]}", "must be a name"),
        ("a: {}", "either a command or a url"),
        ("a: {command: [x], url: 'http://x'}", "either a command or a url"),
        ("a: {command: x}", "list of texts"),
        ("a: {command: []}", "is empty"),
        ("a: {command: [x], env: {K: v}}", "env is no member"),
        ("a: {command: [x], env_allow: ['K=v']}", "without values"),
        ("a: {command: [x], credential_ref: c}", "belongs to a url"),
        ("a: {url: 'ftp://x'}", "http or https"),
        ("a: {url: 'http://u:p@x/'}", "credential_ref"),
        ("a: {url: 'http://x', env_allow: [K]}", "belongs to a command"),
        ("a: {url: 'http://x', credential_ref: 7}", "is a text"),
        ("a: [", "line"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "servers.yaml"
    path.write_text(text)
    with pytest.raises(LiveryError) as caught:
        servers_of(path)
    assert caught.value.code == "configuration_error"
    assert words in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LiveryError, match="cannot be read"):
        servers_of(tmp_path / "none.yaml")


def test_any_part_of_a_tool_that_changes_is_named() -> None:
    server, schema = Server("s", ("run",)), {"type": "object"}
    tool = {"name": "t", "description": "Says hello.", "inputSchema": schema}
    pinned = pin_of(server, tool)
    assert changed(pinned, pin_of(server, dict(reversed(tool.items())))) == ()
    for part, words in (
        ({"description": "Says hello. "}, "its description"),
        ({"inputSchema": {"type": "object", "title": "x"}}, "its input schema"),
        ({"outputSchema": schema}, "its output schema"),
        ({"title": "Hello"}, "its title"),
        ({"annotations": {"readOnlyHint": True}}, "its annotations"),
    ):
        assert changed(pinned, pin_of(server, {**tool, **part})) == (words,)
    other = Server("s", ("run", "--other"))
    assert changed(pinned, pin_of(other, tool)) == ("the server behind its name",)
    renamed = pin_of(server, {**tool, "name": "u"})
    assert changed(pinned, renamed) == ("its name",)
