"""A target that will be refused is refused before anybody is asked, and before an approval is used up."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import h11
import httpcore
import pytest
from tests.kernel.test_decide import NOW, facts, graph, request

from livery.kernel.approval import targets
from livery.kernel.decide import Denial, Facts, Permit, decide
from livery.kernel.outward import refused_target
from livery.kernel.policy import PolicySet
from livery.kernel.standing import StandingApproval, reached
from livery.manifest.capabilities import Capabilities
from livery.manifest.schema import compile_schema
from livery.manifest.urls import host_of, sendable_host

SENDS = Capabilities.parse({"effects": ["send"], "network": ["input:/url"]})
READS = Capabilities.parse({"network": ["input:/url"]})

# host as it is shown, what it is, port that the way out names
REFUSED = {
    "http://127.0.0.1:9/": ("127.0.0.1", "a loopback address", 9),
    "http://127.0.0.1/": ("127.0.0.1", "a loopback address", 80),
    "https://127.0.0.1/": ("127.0.0.1", "a loopback address", 443),
    "HTTP://127.0.0.1:8080/": ("127.0.0.1", "a loopback address", 8080),
    "http://10.0.0.1/": ("10.0.0.1", "a private address", 80),
    "http://172.16.5.4/": ("172.16.5.4", "a private address", 80),
    "http://192.168.1.1/": ("192.168.1.1", "a private address", 80),
    "http://169.254.169.254/latest/meta-data": ("169.254.169.254", "a link-local address", 80),
    "http://100.64.0.1/": ("100.64.0.1", "no public address", 80),
    "http://0.0.0.0/": ("0.0.0.0", "a unspecified address", 80),
    "http://224.0.0.1/": ("224.0.0.1", "a multicast address", 80),
    "http://127.0.0.1./": ("127.0.0.1", "a loopback address", 80),
    "http://127.1/": ("127.1", "a loopback address", 80),
    "http://2130706433/": ("2130706433", "a loopback address", 80),
    "http://0177.0.0.1/": ("0177.0.0.1", "a loopback address", 80),
    "http://0x7f000001/": ("0x7f000001", "a loopback address", 80),
    "http://0X7F.1/": ("0x7f.1", "a loopback address", 80),
    "http://0xA9FEA9FE/": ("0xa9fea9fe", "a link-local address", 80),
    "http://0/": ("0", "a unspecified address", 80),
    "http://[::1]:8080/": ("::1", "a loopback address", 8080),
    "http://[::]/": ("::", "a unspecified address", 80),
    "http://[fe80::1]/": ("fe80::1", "a link-local address", 80),
    "http://[fd00:EC2::254]/": ("fd00:ec2::254", "a private address", 80),
    "http://[::ffff:127.0.0.1]/": ("::ffff:127.0.0.1", "a loopback address", 80),
    "http://[::FFFF:A9FE:A9FE]/": ("::ffff:a9fe:a9fe", "a link-local address", 80),
    "http://[64:ff9b::7f00:1]/": ("64:ff9b::7f00:1", "a loopback address", 80),
    "http://[2002:7f00:1::]/": ("2002:7f00:1::", "a loopback address", 80),
    "http://[::127.0.0.1]/": ("::127.0.0.1", "a loopback address", 80),
    "http://user:pw@127.0.0.1/": ("127.0.0.1", "a loopback address", 80),
    "http://hooks.example.com@10.0.0.1/": ("10.0.0.1", "a private address", 80),
    "http://hooks.example.com:80@10.0.0.1:81/": ("10.0.0.1", "a private address", 81),
    "http://１２７.0.0.1/": ("１２７.0.0.1", "a loopback address", 80),
    "http://127。0。0。1/": ("127。0。0。1", "a loopback address", 80),
    "http://127.0.0.1#@hooks.example.com/": ("127.0.0.1", "a loopback address", 80),
    "http://127.0.0.1?hooks.example.com": ("127.0.0.1", "a loopback address", 80),
}
# Names are judged when they are resolved; these are public.
PASSED = [
    "https://hooks.example.com/", "http://localhost:9/", "http://localhost./", "http://8.8.8.8/", "https://1.1.1.1/",
    "http://[2606:4700:4700::1111]/", "http://[::ffff:8.8.8.8]/", "http://127.0.0.1.example.com/",
    "http://10.0.0.1.nip.io/", "http://999.1.1.1/", "http://08.0.0.1/", "http://xn--bcher-kva.example/q",
    "https://HOOKS.Example.com:65535/a%20b?c=d@e#f", "http://my_host.example/", "https://hooks.example.com:443/",
]  # fmt: skip
# No request is ever sent there: a URL that is none, one with a user, one that is written in other letters.
NEVER = {
    "http://127.0.0.1@hooks.example.com/": "user name", "ftp://127.0.0.1/": "http or https",
    "127.0.0.1": "http or https", "//127.0.0.1/": "http or https", "http://[::1/": "", "": "http or https",
    "http://127.0.0.1:99999/": "port", "http:///": "name a host", "http:///x": "name a host",
    "http://u:x@example.com/": "user name", "http://@example.com/": "user name",
    "http://127.0.0.1\\@example.com:9391/": "user name", "http://127.0.0.1\\.example.com/": "the host",
    "http://example.com:93911/": "port", "http://example.com:0/": "port", "http://example.com:/": "port",
    "http://example.com:x/": "port", "http://example.com:080/": "port", "http://exa mple.com/": "space",
    "http://example.com/a b": "space", " http://example.com/": "space", "http://exa\nmple.com/": "space",
    "http://b\u00fccher.example/q": "xn--", "http://example.com/b\u00fccher": "percent-encoded",
    "http://127.0.0.1%2e:9391/": "the host", "http://a..example/": "the host", "http://.example/": "the host",
    f"http://{'a' * 64}.example/": "the host", f"http://{'a.' * 127}example/": "the host",
    "http://[fe80::1%25eth0]/": "", "http://[v1.x]/": "", "http://[::ffff:8.8.8.8]x/": "",
}  # fmt: skip


def sending(**changes: Any) -> Facts:
    known = facts(required=SENDS, entities=graph(("send",)), input_schema=compile_schema(True))
    return replace(known, **changes)


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_public_asks_nobody(url: str) -> None:
    host, what, port = REFUSED[url]
    for approval in (None, "APR-1"):
        denial = decide(request({"url": url}, approval_id=approval), sending(), NOW)
        assert isinstance(denial, Denial)
        assert denial.code == "provider_policy_denied"
        assert denial.reasons == (f"{host} is {what}; private targets are refused.",)
        assert denial.remedy == (
            f"An operator can allow it: LIVERY_ALLOW_PRIVATE_TARGETS={host}:{port}"
        )
        assert denial.args_hash is not None
    # A skill that only reads gets no further either; a dry run sends nothing and is none of this.
    reading = sending(required=READS, entities=graph(()))
    assert isinstance(decide(request({"url": url}), reading, NOW), Denial)
    assert isinstance(decide(request({"url": url}, dry_run=True), sending(), NOW), Permit)
    for allowed in (host, f"{host}:{port}"):
        known = sending(private_targets=frozenset({allowed}))
        asked = decide(request({"url": url}), known, NOW)
        assert isinstance(asked, Denial)
        if (
            "@" in url.partition("#")[0] or not url.isascii()
        ):  # allowed, and no request can be sent to it
            assert asked.code == "tool_input_invalid"
            continue
        assert asked.code == "approval_required"
        assert isinstance(decide(request({"url": url}, approval_id="APR-1"), known, NOW), Permit)
    other = sending(private_targets=frozenset({f"{host}:{port + 1}", "192.0.2.1"}))
    asked = decide(request({"url": url}), other, NOW)
    assert isinstance(asked, Denial)
    assert asked.code == "provider_policy_denied"


@pytest.mark.parametrize("url", PASSED)
def test_what_is_no_such_address_is_asked_about(url: str) -> None:
    denial = decide(request({"url": url}), sending(), NOW)
    assert isinstance(denial, Denial)
    assert denial.code == "approval_required"


@pytest.mark.parametrize("url", NEVER)
def test_what_can_never_be_sent_asks_nobody_and_uses_nothing_up(url: str) -> None:
    standing = StandingApproval("STA-1", "example.com", NOW + timedelta(days=1))
    for approval, known in ((None, ()), ("APR-1", ()), (None, (standing,)), ("STA-1", (standing,))):
        denial = decide(request({"url": url}, approval_id=approval), sending(standing=known), NOW)
        assert isinstance(denial, Denial)
        assert denial.code == "tool_input_invalid"
        [violation] = denial.violations
        assert violation.pointer == "/url"
        assert denial.reasons == (f"/url: {violation.message}",)
        assert NEVER[url] in violation.message
        assert denial.remedy is not None
        assert "/url" in denial.remedy
        assert not any(part in f"{denial.reasons} {denial.remedy}" for part in ("u:x", "127.0.0.1"))
    assert isinstance(decide(request({"url": url}, dry_run=True), sending(), NOW), Permit)


@pytest.mark.parametrize("url", [*PASSED, *NEVER, *REFUSED])
def test_who_decides_who_is_shown_and_who_connects_read_one_host(url: str) -> None:
    [shown] = targets(("input:/url",), {"url": url}) or ("",)
    if sendable_host(url) is not None:
        assert shown == sendable_host(url) == host_of(url)
        assert reached(SENDS, {"url": url}) == (shown,)
    assert "@" not in shown
    assert "pw" not in shown


@pytest.mark.parametrize("url", PASSED)
def test_the_client_can_write_what_is_admitted(url: str) -> None:
    parsed = httpcore.URL(url)
    assert parsed.host
    assert h11.Request(method="GET", target=parsed.target, headers=[("Host", host_of(url))])


@pytest.mark.parametrize(
    ("network", "args", "refused"),
    [
        (["10.0.0.1"], {}, True),
        (["10.0.0.1:8080"], {}, True),
        (["10.0.0.1", "127.0.0.1"], {}, True),
        (["10.0.0.1", "hooks.example.com"], {}, False),
        (["hooks.example.com"], {}, False),
        (["10.0.0.1", "input:/url"], {"url": "https://hooks.example.com/"}, False),
        (["hooks.example.com", "input:/url"], {"url": "http://10.0.0.1/"}, True),
        (["hooks.example.com", "input:/url"], {}, False),
        (["hooks.example.com", "input:/url"], {"url": 7}, False),
        (["input:/url", "input:/copy"], {"url": "https://a.example/", "copy": "http://[::1]/"}, True),
        (["input:/to/url"], {"to": {"url": "http://0x7f.1/"}}, True),
        ([], {"url": "http://10.0.0.1/"}, False),
    ],
)  # fmt: skip
def test_which_hosts_are_judged(network: list[str], args: Any, refused: bool) -> None:
    declared = Capabilities.parse({"effects": ["send"], "network": network})
    assert (refused_target(declared, args, frozenset()) is not None) == refused


def test_a_declared_address_without_a_port_is_allowed_by_either_usual_one() -> None:
    declared = Capabilities.parse({"network": ["10.0.0.1"]})
    for allowed in ("10.0.0.1", "10.0.0.1:80", "10.0.0.1:443"):
        assert refused_target(declared, {}, frozenset({allowed})) is None
    found = refused_target(declared, {}, frozenset({"10.0.0.1:8080"}))
    assert found is not None
    assert found[1].endswith("=10.0.0.1:443")


def test_who_may_not_run_it_at_all_learns_nothing_of_targets() -> None:
    url = {"url": "http://10.0.0.1/"}
    denial = decide(request(url, role="author"), sending(policies=PolicySet.parse("")), NOW)
    assert isinstance(denial, Denial)
    assert denial.code == "policy_denied"


def test_a_standing_approval_is_not_used_up_either() -> None:
    item = StandingApproval("STA-1", "10.0.0.1", NOW + timedelta(days=1))
    denial = decide(request({"url": "http://10.0.0.1/"}), sending(standing=(item,)), NOW)
    assert isinstance(denial, Denial)
    assert denial.code == "provider_policy_denied"
