"""Outgoing HTTP for skills: checked addresses, no redirects, bounded answers, and a mark before the first byte."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore

from livery.authoring.context import HttpResponse
from livery.authoring.errors import SkillFailed
from livery.execution.outside.dial import DialPolicy, TargetUnreachable
from livery.manifest.errors import LiveryError

MAX_ANSWER = 10 * 1024 * 1024
MAX_TIMEOUT_S = 120.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
# What frames a request, or is meant for the next hop alone: two readings of it are two requests.
_OWN_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "max-forwards",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)


class OutcomeUnknown(LiveryError):
    """Bytes have left and no answer came: whether it happened is not known."""

    code = "network_error"


class AnswerTooLarge(LiveryError):
    """The target answered more than is read."""

    code = "api_error"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, ready to be sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    content: bytes
    timeout_s: float

    @classmethod
    def make(
        cls,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        content: bytes,
        timeout_s: float,
    ) -> HttpRequest:
        """Check what a skill asks for; raises SkillFailed in words."""
        verb = str(method).upper()
        if verb not in _METHODS:
            raise SkillFailed(f"{verb[:16]} is no method that skills may use.")
        if not 0 < float(timeout_s) <= MAX_TIMEOUT_S:
            raise SkillFailed(f"A time limit is above 0 and at most {MAX_TIMEOUT_S:g} s.")
        kept = tuple((str(name), str(value)) for name, value in (headers or {}).items())
        for name, value in kept:
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
                raise SkillFailed("A header's name has letters, digits and hyphens only.")
            # Servers read - and _ as one: content_length is Content-Length to what stands behind them.
            if name.lower().replace("_", "-") in _OWN_HEADERS:
                raise SkillFailed(f"The header {name} is not a skill's to set.")
            if any(char in value for char in "\r\n\x00") or not value.isascii():
                raise SkillFailed(f"The header {name} holds a character that no header may hold.")
        return cls(verb, url, kept, content, float(timeout_s))


class _Stream(httpcore.NetworkStream):
    """A connection that says so before its first byte of the request leaves."""

    def __init__(self, stream: httpcore.NetworkStream, before: Callable[[], None]) -> None:
        self._stream, self._before, self._said = stream, before, False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._said:
            self._said = True
            self._before()
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        # The handshake is not the request: it passes underneath.
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._before)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects where the policy lets it, and nowhere else."""

    def __init__(self, policy: DialPolicy, before: Callable[[], None]) -> None:
        self._policy, self._before = policy, before
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        last: Exception | None = None
        for address in self._policy.addresses(host, port):
            try:
                stream = self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return _Stream(stream, self._before)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise TargetUnreachable(message=f"{host} does not answer.") from last


def send(
    request: HttpRequest,
    policy: DialPolicy,
    *,
    before: Callable[[], None] = lambda: None,
    tls: ssl.SSLContext | None = None,
) -> HttpResponse:
    """Send one request and read its answer, whatever its status. Redirects are answers.

    `before` is called once, right before the first byte of the request leaves. Raises TargetRefused,
    TargetUnreachable (nothing was sent), OutcomeUnknown (something was), AnswerTooLarge.
    """
    state = {"sent": False}

    def leaving() -> None:
        if not state["sent"]:
            before()
            state["sent"] = True

    parts = urlsplit(request.url)
    if parts.username or parts.password or parts.scheme not in ("http", "https"):
        raise SkillFailed("The URL is http or https, without user name and password.")
    backend = _Backend(policy, leaving)
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), request.timeout_s)
    headers = [("Host", parts.netloc), *request.headers]
    if request.content or request.method in ("POST", "PUT", "PATCH"):
        headers.append(("Content-Length", str(len(request.content))))
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=tls, network_backend=backend, retries=0, max_keepalive_connections=0
            ) as pool,
            pool.stream(
                request.method,
                request.url,
                headers=headers,
                content=request.content or None,
                extensions={"timeout": timeout},
            ) as answer,
        ):
            return _read(answer)
    except LiveryError:
        raise
    except (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError, ValueError) as error:
        if state["sent"]:
            raise OutcomeUnknown(
                message="The connection broke after the request was sent."
            ) from error
        raise SkillFailed("The request cannot be sent as it is.") from error
    except Exception as error:
        if state["sent"]:
            what = "in time " if isinstance(error, httpcore.TimeoutException) else ""
            raise OutcomeUnknown(
                message=f"The request was sent and no answer came {what}({type(error).__name__})."
            ) from error
        raise TargetUnreachable(
            message=f"The target does not answer ({type(error).__name__})."
        ) from error


def _read(answer: httpcore.Response) -> HttpResponse:
    body = bytearray()
    for chunk in answer.iter_stream():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise AnswerTooLarge(message=f"The answer has more than {MAX_ANSWER} bytes.")
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return HttpResponse(answer.status, headers, bytes(body))
