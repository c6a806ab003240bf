"""Which addresses may be connected to, and that the address that was checked is the one that is connected to."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.receiver import receiver

from livery.authoring.errors import SkillFailed
from livery.execution.outside.client import AnswerTooLarge, HttpRequest, OutcomeUnknown, send
from livery.execution.outside.dial import DialPolicy, TargetRefused, TargetUnreachable
from livery.manifest.addresses import not_public

# IANA's special-purpose registries, and the forms in which an IPv4 address hides in IPv6.
NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.0.1",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::",
    "::127.0.0.1",
    "::10.0.0.1",
    "2001:db8::1",
    "not-an-address",
]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not_public(address) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert not_public(address) is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_inside_ipv6(address: object) -> None:
    plain = not_public(str(address)) is None
    assert (not_public(f"::ffff:{address}") is None) == plain
    number = int(address)  # type: ignore[call-overload]
    high, low = number >> 16, number & 0xFFFF
    assert (not_public(f"64:ff9b::{high:x}:{low:x}") is None) == plain


def test_one_private_address_refuses_the_name() -> None:
    policy = DialPolicy(resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(TargetRefused, match="private"):
        policy.addresses("mixed.example", 80)


@pytest.mark.parametrize(
    ("setting", "host", "port", "allowed"),
    [
        ("localhost:9000", "localhost", 9000, True),
        ("localhost:9000", "LOCALHOST.", 9000, True),
        ("localhost:9000", "localhost", 9001, False),
        ("localhost:9000", "sub.localhost", 9000, False),
        ("localhost", "localhost", 1, True),
        ("a:1, localhost:2 b:3", "localhost", 2, True),
        (None, "localhost", 80, False),
        ("", "localhost", 80, False),
    ],
)
def test_what_the_operator_allows(setting: str | None, host: str, port: int, allowed: bool) -> None:
    parsed = DialPolicy.parse(setting)
    policy = DialPolicy(parsed.private, lambda host, port: ["127.0.0.1"])
    if allowed:
        assert policy.addresses(host, port) == ["127.0.0.1"]
    else:
        with pytest.raises(TargetRefused):
            policy.addresses(host, port)


def ask(url: str, method: str = "GET", content: bytes = b"", timeout_s: float = 5) -> HttpRequest:
    return HttpRequest.make(method, url, None, content, timeout_s)


def test_a_name_that_rebinds_is_resolved_once_and_gains_nothing() -> None:
    # The first answer is public, every later one is loopback, where a server waits for whoever asks twice.
    with receiver() as target:
        answers = itertools.chain([["192.0.2.1"]], itertools.repeat(["127.0.0.1"]))
        asked: list[str] = []

        def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return next(answers)

        # 192.0.2.1 (TEST-NET) stands for a public address that nobody answers at.
        policy = _Lenient(frozenset(), resolve)
        with pytest.raises(TargetUnreachable):
            send(ask(f"http://rebind.example:{target.port}/", timeout_s=1), policy)
        assert asked == ["rebind.example"]
        assert target.received == []
        with pytest.raises(TargetRefused):
            send(ask(f"http://rebind.example:{target.port}/"), DialPolicy(resolve=resolve))
        assert target.received == []


class _Lenient(DialPolicy):
    """Takes TEST-NET for public; everything else as it is."""

    def addresses(self, host: str, port: int) -> list[str]:
        found = list(self.resolve(host, port))
        if found == ["192.0.2.1"]:
            return found
        return DialPolicy(self.private, lambda *_: found).addresses(host, port)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::1]",
     "[::ffff:127.0.0.1]", "0", "localhost."],
)  # fmt: skip
def test_every_spelling_of_loopback_is_refused(host: str) -> None:
    with receiver() as target:
        with pytest.raises((TargetRefused, TargetUnreachable, SkillFailed)):
            send(ask(f"http://{host}:{target.port}/", timeout_s=2), DialPolicy())
        assert target.received == []


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with receiver() as inner, receiver(status=302) as outer:
        outer.answer_headers = {"Location": inner.url}
        policy = DialPolicy(frozenset({outer.host}))
        answer = send(ask(outer.url), policy)
        assert (answer.status, answer.headers["location"]) == (302, inner.url)
        assert inner.received == []


def test_the_mark_comes_before_the_first_byte() -> None:
    with receiver() as target:
        seen: list[int] = []
        policy = DialPolicy(frozenset({target.host}))
        send(
            ask(target.url, "POST", b"x"), policy, before=lambda: seen.append(len(target.received))
        )
        assert seen == [0]
        assert len(target.received) == 1


def test_a_mark_that_fails_lets_nothing_leave() -> None:
    with receiver() as target:

        def refuse() -> None:
            raise TargetRefused(message="The record is closed.")

        with pytest.raises(TargetRefused):
            send(ask(target.url, "POST", b"x"), DialPolicy(frozenset({target.host})), before=refuse)
        assert target.received == []


def test_bytes_that_left_without_an_answer_are_unknown() -> None:
    with receiver(drop=True) as target, pytest.raises(OutcomeUnknown):
        send(ask(target.url, "POST", b"x"), DialPolicy(frozenset({target.host})))


def test_an_endless_answer_is_cut() -> None:
    with receiver(answer=b"x" * (10 * 1024 * 1024 + 1)) as target, pytest.raises(AnswerTooLarge):
        send(ask(target.url), DialPolicy(frozenset({target.host})))


@pytest.mark.parametrize(
    ("method", "headers", "timeout_s"),
    [
        ("TRACE", {}, 1),
        ("CONNECT", {}, 1),
        ("GET", {"X\r\nHost": "a"}, 1),
        ("GET", {"X": "a\r\nHost: evil"}, 1),
        ("GET", {"Host": "evil"}, 1),
        ("GET", {"Content-Length": "1"}, 1),
        ("GET", {"Transfer-Encoding": "chunked"}, 1),
        ("GET", {}, 0),
        ("GET", {}, 121),
    ],
)
def test_a_request_that_could_smuggle_is_refused(
    method: str, headers: dict[str, str], timeout_s: float
) -> None:
    with pytest.raises(SkillFailed):
        HttpRequest.make(method, "http://a.example/", headers, b"", timeout_s)


@pytest.mark.parametrize(
    "url", ["http://u:p@127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "http:///x"]
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises((SkillFailed, TargetRefused, TargetUnreachable)):
        send(ask(url), DialPolicy())
