"""Hosts that are addresses, in every spelling that a resolver takes: the same verdict as for the plain one."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest.addresses import (
    is_allowed,
    literal,
    not_public,
    plain_host,
    plain_target,
    refused_literal,
)

LITERALS = {
    "127.0.0.1": "127.0.0.1",
    "127.0.0.1.": "127.0.0.1",
    "127.1": "127.0.0.1",
    "127.0.1": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0x7f000001": "127.0.0.1",
    "0X7F000001": "127.0.0.1",
    "017700000001": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",
    "0x7f.0x0.0x0.0x1": "127.0.0.1",
    "0x7F.0.0.01": "127.0.0.1",
    "127.0.0.0x1": "127.0.0.1",
    "0000000000000000177.1": "127.0.0.1",
    "10.256": "10.0.1.0",
    "10.1.256": "10.1.1.0",
    "0": "0.0.0.0",
    "00": "0.0.0.0",
    "0x0": "0.0.0.0",
    "2852039166": "169.254.169.254",
    "0xA9FEA9FE": "169.254.169.254",
    "0xa9.0xfe.0xa9.0xfe": "169.254.169.254",
    "0251.0376.0251.0376": "169.254.169.254",
    "169.254.43518": "169.254.169.254",
    "4294967295": "255.255.255.255",
    "１２７.0.0.1": "127.0.0.1",
    "127。0。0。1": "127.0.0.1",
    "127｡0．0.1": "127.0.0.1",
    "①②⑦.0.0.1": "127.0.0.1",
    "8.8.8.8": "8.8.8.8",
    "::1": "::1",
    "[::1]": "::1",
    "[0:0:0:0:0:0:0:1]": "::1",
    "[::FFFF:127.0.0.1]": "::ffff:7f00:1",
    "[::ffff:7f00:1]": "::ffff:7f00:1",
    "[fe80::1%25eth0]": "fe80::1",
    "fe80::1%eth0": "fe80::1",
    "[2606:4700:4700::1111]": "2606:4700:4700::1111",
}
NAMES = [
    "localhost", "localhost.", "example.com", "127.0.0.1.example.com", "127.0.0.1.nip.io", "4294967296", "256.1.1.1",
    "1.2.3.4.5", "127.0.0.256", "127.0.16777216", "08.1", "0x", "0xg", "127..1", "127.0.0.1..x", "", ".", "-1", "+1",
    "1e3", "1_0", "٣", "1.2.3.٤x", "0x7f.0x", "x" * 5000, "9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize(("host", "address"), LITERALS.items())
def test_an_address_is_known_in_every_spelling(host: str, address: str) -> None:
    found = literal(host)
    assert found is not None
    assert ipaddress.ip_address(found) == ipaddress.ip_address(address)


@pytest.mark.parametrize("host", NAMES)
def test_a_name_is_none(host: str) -> None:
    assert literal(host) is None


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
)
def test_any_ipv4_in_any_parts_and_bases(number: int, parts: int, bases: list[int]) -> None:
    """Written by hand here, and as the system itself reads it."""
    head = [number >> (24 - 8 * place) & 255 for place in range(parts - 1)]
    values = [*head, number & (256 ** (5 - parts) - 1)]
    said = ".".join(
        (str(value), f"0{value:o}", f"0x{value:x}")[base]
        for value, base in zip(values, bases, strict=False)
    )
    expected = str(ipaddress.IPv4Address(number))
    assert literal(said) == expected
    assert socket.inet_ntoa(socket.inet_aton(said)) == expected


@given(st.text("0123456789abcdefx.", max_size=16))
def test_what_the_system_takes_for_an_address_is_one_here(text: str) -> None:
    try:
        address = socket.inet_ntoa(socket.inet_aton(text))
    except OSError:
        return
    assert literal(text) == address


@given(st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    found = literal(text)
    assert found is None or ipaddress.ip_address(found)


@pytest.mark.parametrize(
    ("host", "port", "allowed", "refused"),
    [
        ("10.0.0.1", 80, (), True),
        ("10.0.0.1", 80, ("10.0.0.1:80",), False),
        ("10.0.0.1.", 80, ("10.0.0.1",), False),
        ("10.0.0.1", 81, ("10.0.0.1:80",), True),
        ("[::1]", 9, ("::1:9",), False),
        ("[::1]", 9, ("127.0.0.1",), True),
        # As at the moment of the call: what is allowed is allowed as it is written.
        ("127.1", 80, ("127.0.0.1",), True),
        ("8.8.8.8", 80, (), False),
        ("localhost", 80, (), False),
    ],
)
def test_what_is_refused(host: str, port: int, allowed: tuple[str, ...], refused: bool) -> None:
    found = refused_literal(host, port, frozenset(allowed))
    assert (found is not None) == refused
    if found is not None:
        shown = host.strip("[]").rstrip(".")
        assert (
            found[0]
            == f"{shown} is {not_public(literal(host) or '')}; private targets are refused."
        )
        assert found[1] == f"An operator can allow it: LIVERY_ALLOW_PRIVATE_TARGETS={shown}:{port}"


@pytest.mark.parametrize(
    ("written", "host", "port", "allowed"),
    [
        ("[::1]:9391", "[::1]", 9391, True),
        ("[::1]:9391", "::1", 9391, True),
        ("[::1]:9391", "::1", 9392, False),
        ("::1:9391", "[::1]", 9391, True),
        ("[FD00::1]", "[fd00::1]", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]x", "::1", 80, False),
        ("LocalHost:80", "localhost", 80, True),
    ],
)
def test_an_address_may_be_written_as_in_a_url(
    written: str, host: str, port: int, allowed: bool
) -> None:
    assert is_allowed(plain_host(host), port, {plain_target(written)}) is allowed
