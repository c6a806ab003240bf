"""What a skill may touch: nothing but this, and of this only what it declared.

Execution gives a skill a `Context`; the test kit gives it one in memory. Whatever was not declared
in the contract raises `CapabilityDenied`. All members are synchronous.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from livery.authoring.errors import CapabilityDenied
from livery.manifest.capabilities import Capabilities

SKILL_PROVIDER = "livery"
"""Provider under which skills are tools: calling `add` needs the capability `livery:add`."""


def require(declared: Capabilities, kind: str, value: str) -> None:
    """Let pass what was declared.

    Raises:
        CapabilityDenied: it was not.
    """
    if not declared.allows(kind, value):
        raise CapabilityDenied(kind, value)


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """An artifact that a skill wrote: its name, media type, size in bytes and sha256 (hex)."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Answer of an outside service; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Data(Protocol):
    """Semantic views (capability `data`)."""

    def query(
        self,
        view: str,
        dimensions: Sequence[str],
        measures: Sequence[str],
        where: Mapping[str, Any] | None = None,
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of a view: one for each value of the dimensions, with the measures.

        ``where`` maps a dimension to a value or to a list of values; ``order_by`` names columns,
        with a leading ``-`` for falling order.
        """

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """View -> ``sha256:…`` of the data that this run has read; part of its provenance."""


class Http(Protocol):
    """Outgoing HTTP (capability `network`: hosts)."""

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
        """Send one request; redirects are not followed. Any status is returned, not raised.

        What is neither GET nor HEAD is an effect (capability `effects`): it is on record before its first byte
        leaves, and a dry run ends there. ``effect`` says which one where several are declared.
        """


class Storage(Protocol):
    """Key-value namespaces of the workspace (capability `storage`)."""

    def get(self, namespace: str, key: str) -> Any:
        """The JSON value, or None."""

    def set(self, namespace: str, key: str, value: Any, ttl_s: int = 3600) -> None:
        """Keep a JSON value for ``ttl_s`` seconds, 1 to 31,536,000."""

    def delete(self, namespace: str, key: str) -> bool:
        """Forget a key; was it there?"""


class Log(Protocol):
    """The run's log. Secrets are redacted; fields are JSON values."""

    def info(self, message: str, **fields: Any) -> None:
        """Say what happened."""

    def warning(self, message: str, **fields: Any) -> None:
        """Say what a reader should look at."""


class Context(Protocol):
    """What execution hands to a skill for one run."""

    @property
    def now(self) -> datetime:
        """Time of the run, aware. The same for the whole run, so that a replay sees it again."""

    @property
    def dry_run(self) -> bool:
        """Is this run to leave nothing but a draft?"""

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of one call: hand it to a provider that takes one."""

    @property
    def data(self) -> Data:
        """Semantic views."""

    @property
    def http(self) -> Http:
        """Outgoing HTTP."""

    @property
    def storage(self) -> Storage:
        """Key-value namespaces."""

    @property
    def log(self) -> Log:
        """The run's log."""

    def artifact(
        self, name: str, media_type: str, data: bytes | str | dict[str, Any]
    ) -> ArtifactRef:
        """Keep an output with its provenance. A dict is written as canonical JSON, a str as UTF-8.

        A name is written once in a run.
        """

    def credential(self, kind: str, ref: str = "") -> Any:
        """The secret behind a ``credential_ref``, of this kind (capability `credentials`): the
        mapping that the vault keeps.

        Never log, return or store it; the platform takes it out of whatever the run leaves behind.
        """

    def call(self, skill_key: str, input: Mapping[str, Any]) -> Any:  # noqa: A002 - its name
        """Result of another skill (capability `tools`: ``livery:<key>``)."""
