"""Hosts as URLs name them, and targets as people write them: one form for both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest.urls import host_of, named_host, parse_target


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example.com/a?b#c", "hooks.example.com"),
        ("https://hooks.example.com:443/", "hooks.example.com"),
        ("http://hooks.example.com:80/", "hooks.example.com"),
        ("http://hooks.example.com:443/", "hooks.example.com:443"),
        ("https://hooks.example.com:80/", "hooks.example.com:80"),
        ("HTTPS://Hooks.Example.COM/", "hooks.example.com"),
        ("https://hooks.example.com./", "hooks.example.com."),
        ("https://hooks.example.com:8443/", "hooks.example.com:8443"),
        ("https://hooks.example.com@evil.example/", "hooks.example.com@evil.example"),
        ("https://evil.example#@hooks.example.com/", "evil.example"),
        ("https://evil.example/@hooks.example.com", "evil.example"),
        ("https://evil.example?https://hooks.example.com", "evil.example"),
        ("https://evil.example\\@hooks.example.com/", "evil.example\\@hooks.example.com"),
        ("https://[2001:DB8::1]:8080/", "[2001:db8::1]:8080"),
        ("ftp://hooks.example.com/", None),
        ("hooks.example.com", None),
        ("https:///path", None),
        ("https://[::1/", None),
        ("", None),
    ],
)
def test_the_host_of_a_url(url: str, host: str | None) -> None:
    assert named_host(url) == host
    if host is None:
        with pytest.raises(ValueError):
            host_of(url)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("hooks.example.com", "hooks.example.com"),
        (" Hooks.Example.COM ", "hooks.example.com"),
        ("hooks.example.com:8443", "hooks.example.com:8443"),
        ("127.0.0.1:65535", "127.0.0.1:65535"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("[2001:DB8::1]:8080", "[2001:db8::1]:8080"),
    ],
)
def test_a_target(text: str, target: str) -> None:
    assert parse_target(text) == target
    assert host_of(f"https://{target}/any?thing") == target


@pytest.mark.parametrize(
    "text",
    ["", " ", "*", "*.example.com", "https://hooks.example.com", "hooks.example.com/path", "a b", "a@b", "user:pw@a",
     "hooks.example.com:443", "hooks.example.com:80", "hooks.example.com:0", "hooks.example.com:65536", "a:99999",
     "hooks.example.com:", "hooks.example.com.", ".example.com", "a..b", "-a.example", "[::1", "[nonsense]",
     "hooks.example.com#x", "hooks.example.com?x", "hooks.example.com\\x", "hooks.example.com\x00", "hooks\n.example",
     "[1.2.3.4]", "hööks.example", "x" * 260],
)  # fmt: skip
def test_no_target(text: str) -> None:
    with pytest.raises(ValueError, match=r"target|ports"):
        parse_target(text)


@given(st.text(max_size=30) | st.text("ab.-:[]@/0123456789", max_size=30))
def test_whatever_is_a_target_is_what_a_url_with_it_names(text: str) -> None:
    try:
        target = parse_target(text)
    except ValueError:
        return
    assert named_host(f"https://{target}/") == named_host(f"http://{target}/x") == target
    assert parse_target(target) == target
