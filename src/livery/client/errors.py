"""What can go wrong between a client and the platform."""

from collections.abc import Mapping
from typing import Any, cast

import httpx

from livery.client.documents import Envelope, JsonObject
from livery.manifest.codes import CODES
from livery.manifest.errors import LiveryError, Violation

MAX_BODY_IN_MESSAGE = 200
_CODE_OF_STATUS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    409: "already_exists",
    410: "gone",
    422: "validation_error",
}


class InputNotJson(LiveryError):
    """An input that JSON cannot write: it is not sent."""

    code = "tool_input_invalid"

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(self.code, violations=[Violation(pointer, reason, self.code)])


class Unreachable(LiveryError):
    """No platform answers at the address."""

    code = "network_error"

    def __init__(self, base_url: str, reason: str) -> None:
        self.base_url = base_url
        super().__init__(
            self.code,
            f"No platform answers at {base_url}: {reason}.",
            remedy="Is it running? Start it with `livery up`, or point LIVERY_URL at one that is.",
        )


class TooSlow(LiveryError):
    """The platform did not answer in time. What was asked may have been done all the same."""

    code = "timeout"

    def __init__(self, what: str, seconds: float | None) -> None:
        within = f" within {seconds:g} s" if seconds is not None else " in time"
        super().__init__(
            self.code,
            f"{what} was not answered{within}.",
            remedy="Ask again with the same idempotency key: what was done is not done twice.",
        )


class NotUnderstood(LiveryError):
    """The answer was not what the contract says."""

    code = "api_error"

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(
            self.code,
            f"{what} was answered with something else than the contract says: {detail}.",
            remedy="Is LIVERY_URL the address of a Livery API of this version?",
        )


class ApiProblem(LiveryError):
    """The platform refused: an RFC 9457 problem.

    `problem` is the document as received (a body that was none is turned into one), `status` the
    HTTP status, `code` the stable code, `correlation_id` what to quote to an operator,
    `retry_after` the seconds to wait where the server said so.
    """

    def __init__(self, problem: Mapping[str, Any], status: int, retry_after: float | None) -> None:
        code = str(problem.get("code") or _code_of(status))
        message = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
        super().__init__(
            code if code in CODES else _code_of(status),  # a newer server may know more codes
            message,
            violations=_violations(problem.get("violations")),
            details={k: v for k, v in problem.items() if k not in _PLAIN},
            remedy=str(problem["remedy"]) if problem.get("remedy") else None,
        )
        self.code = code
        self.status = status
        self.document: JsonObject = dict(problem)
        self.correlation_id = str(problem.get("correlation_id") or "")
        self.retry_after = retry_after

    @classmethod
    def from_response(cls, response: httpx.Response) -> "ApiProblem":
        """Read a refusal; a body that is not a problem document becomes one, never an exception."""
        problem = _document(response)
        problem.setdefault("status", response.status_code)
        if not problem.get("correlation_id"):
            problem["correlation_id"] = response.headers.get("x-correlation-id", "")
        retry_after = _seconds(response.headers.get("retry-after"))
        if isinstance(problem.get("envelope"), dict):
            return RunDenied(problem, response.status_code, retry_after)
        return cls(problem, response.status_code, retry_after)


class RunDenied(ApiProblem):
    """A run was refused; `envelope` and `run_id` say what was recorded about it."""

    @property
    def envelope(self) -> Envelope:
        """The envelope of the denied run."""
        return cast(Envelope, self.document["envelope"])

    @property
    def run_id(self) -> str:
        """The denied run: `livery runs show` has the rest."""
        return str(self.document.get("run_id") or self.envelope.get("run_id") or "")

    @property
    def approval_request_id(self) -> str | None:
        """The approval that was asked for, where one would let the run pass."""
        found = self.document.get("approval_request_id")
        return str(found) if found else None


_PLAIN = frozenset(
    {"type", "title", "status", "detail", "code", "violations", "remedy", "envelope"}
)


def _code_of(status: int) -> str:
    return _CODE_OF_STATUS.get(status, "api_error" if status < 500 else "internal_error")


def _document(response: httpx.Response) -> JsonObject:
    try:
        found = response.json()
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return dict(found)
    said = " ".join(response.text[:MAX_BODY_IN_MESSAGE].split())
    title = f"HTTP {response.status_code} {response.reason_phrase}".strip()
    return {"title": title, "detail": f"{title}: {said}" if said else title}


def _violations(found: object) -> tuple[Violation, ...]:
    if not isinstance(found, list):
        return ()
    return tuple(
        Violation(str(v.get("pointer", "")), str(v.get("message", "")), v.get("code"))
        for v in found
        if isinstance(v, dict)
    )


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
