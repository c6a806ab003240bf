"""`ctx.http`: the declared hosts only; what changes something there is an effect."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import urlsplit

from livery.authoring.context import HttpResponse
from livery.authoring.errors import SkillFailed
from livery.execution.guard import trusted
from livery.execution.outside.client import HttpRequest, OutcomeUnknown, send
from livery.execution.outside.dial import DialPolicy, TargetRefused, TargetUnreachable
from livery.manifest.canonical import NotIJson, canonical_hash, canonical_json
from livery.manifest.capabilities import Capabilities, hosts_meant
from livery.manifest.urls import host_of, named_host


class Gate(Protocol):
    """The breaker and the rate of a target."""

    def ask(self, host: str) -> None:
        """Let one request go, or raise."""

    def ended(self, host: str, ok: bool) -> None:
        """Say what came of it."""


class Effects(Protocol):
    """What sends an effect, on record."""

    def perform(
        self,
        action: str,
        target: str,
        request_hash: str,
        do: Callable[[Callable[[], None]], HttpResponse],
    ) -> HttpResponse:
        """Send it once; see execution.outside.effects."""


_SAFE = frozenset({"GET", "HEAD"})
_BUSY = frozenset({429, 502, 503, 504})
ATTEMPTS = 3


class RunHttp:
    """Outgoing HTTP of one run. `require(kind, value)` raises CapabilityDenied and remembers it."""

    def __init__(
        self,
        capabilities: Capabilities,
        require: Callable[[str, str], None],
        policy: DialPolicy,
        effects: Effects,
        tls: ssl.SSLContext | None = None,
        fetch: Callable[[HttpRequest], HttpResponse] | None = None,
        gate: Gate | None = None,
        delay_s: Callable[[int], float] | None = None,
    ) -> None:
        self._capabilities = capabilities
        self._require = require
        self._policy = policy
        self._effects = effects
        self._tls = tls
        self._gate = gate
        self._delay_s = delay_s
        self._fetch = fetch or (lambda request: send(request, policy, tls=tls))

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        timeout_s: float = 30.0,
        effect: str | None = None,
    ) -> HttpResponse:
        """See authoring.context.Http."""
        host = _host(url)
        self._require("network", host)
        with trusted():
            body, headers = _body(json, content, headers)
            request = HttpRequest.make(method, url, headers, body, timeout_s)
            if request.method in _SAFE and effect is None:
                return self._read(host, request)
        action = self._action(effect)
        with trusted():
            return self._effects.perform(
                action,
                f"{request.method} {urlsplit(url).scheme}://{host}",
                _fingerprint(request),
                lambda before: self._through(
                    host, lambda: send(request, self._policy, before=before, tls=self._tls)
                ),
            )

    def _read(self, host: str, request: HttpRequest) -> HttpResponse:
        """A request that changes nothing: sent again where the target is busy or silent, after a fixed wait.

        The waits follow from the run and the attempt alone, so that the same run always waits the same.
        """
        for attempt in range(1, ATTEMPTS):
            try:
                answer = self._through(host, lambda: self._fetch(request))
                if answer.status not in _BUSY or self._delay_s is None:
                    return answer
            except (TargetUnreachable, OutcomeUnknown):
                if self._delay_s is None:
                    raise
            time.sleep(self._delay_s(attempt))
        return self._through(host, lambda: self._fetch(request))

    def _through(self, host: str, do: Callable[[], HttpResponse]) -> HttpResponse:
        """One request through the target's breaker and rate. A refused address says nothing of the target."""
        if self._gate is None:
            return do()
        self._gate.ask(host)
        ok = False
        try:
            answer = do()
            ok = answer.status < 500
        except TargetRefused:
            ok = True
            raise
        finally:
            self._gate.ended(host, ok)
        return answer

    def _action(self, effect: str | None) -> str:
        declared = self._capabilities.effects
        if effect is None:
            if len(declared) == 1:
                return declared[0]
            if declared:
                raise SkillFailed("Say which effect this is: ctx.http.request(…, effect=…).")
            effect = "write"  # it would change something out there, and declared nothing
        self._require("effects", effect)
        return effect


def _host(url: str) -> str:
    try:
        host = host_of(url)
    except ValueError as error:
        raise SkillFailed(f"The request is refused: {error}.") from None
    # A user name or password in a URL makes its host no declared one; neither is repeated.
    return host if "@" not in host else f"…@{host.rpartition('@')[2]}"


def _body(
    json: Any, content: bytes | None, headers: Mapping[str, str] | None
) -> tuple[bytes, Mapping[str, str]]:
    kept = dict(headers or {})
    if json is None:
        return content or b"", kept
    if content is not None:
        raise SkillFailed("A request has json or content, not both.")
    try:
        body = canonical_json(json)
    except NotIJson as error:
        raise SkillFailed(f"The JSON at {error.pointer or '/'}: {error.reason}.") from None
    if not any(name.lower() == "content-type" for name in kept):
        kept["Content-Type"] = "application/json"
    return body, kept


def _fingerprint(request: HttpRequest) -> str:
    return canonical_hash([request.method, request.url, sha256(request.content).hexdigest()])


def declared_targets(capabilities: Capabilities, args: Any) -> Capabilities:
    """Capabilities with each `input:/pointer` host replaced by the host that this input names.

    The input is what was approved, so that an effect goes where the approval says and nowhere else.
    """
    if not any(entry.startswith("input:") for entry in capabilities.network):
        return capabilities
    return replace(capabilities, network=hosts_meant(capabilities.network, args, named_host))
