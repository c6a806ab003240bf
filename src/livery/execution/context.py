"""The context of one run: what was declared, and nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from livery.authoring.context import ArtifactRef, Http
from livery.authoring.errors import SkillFailed
from livery.execution.calls import CallsOfRun, NoCalls
from livery.execution.guard import Watch, trusted
from livery.execution.outside.none import NoOutside, OutsideOfRun
from livery.execution.outside.scrub import Scrubber
from livery.manifest.canonical import canonical_json
from livery.manifest.capabilities import Capabilities
from livery.manifest.denylist import find_secret, redact, redact_text
from livery.services.runs.types import Produced

MAX_ARTIFACTS = 20
MAX_ARTIFACT_BYTES = 10 * 1024 * 1024
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][\w!#$&^.+-]{0,126}/[A-Za-z0-9][\w!#$&^.+-]{0,126}(?:; ?[\w-]+=[\w.+-]+){0,4}",
    re.ASCII,
)


class Views(Protocol):
    """Semantic views over one data window."""

    window: str

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """View -> hash of all that was asked of it."""

    def query(
        self,
        view: str,
        dimensions: Sequence[str],
        measures: Sequence[str],
        where: Mapping[str, Any] | None,
        order_by: Sequence[str] | None,
        limit: int | None,
    ) -> list[dict[str, Any]]:
        """Rows of a view."""

    def close(self) -> None:
        """Let go of the data."""


class Declared:
    """What the contract declares, and the watch that remembers what was refused."""

    __slots__ = ("_capabilities", "_watch")

    def __init__(self, capabilities: Capabilities, watch: Watch) -> None:
        self._capabilities = capabilities
        self._watch = watch

    def require(self, kind: str, value: str) -> None:
        """Let pass what was declared; raises CapabilityDenied."""
        if not isinstance(value, str) or not self._capabilities.allows(kind, value):
            raise self._watch.refuse(kind, str(value))


class GuardedData:
    """`ctx.data`: the declared views only; remembers what was asked."""

    def __init__(self, declared: Declared, opened: Callable[[], Views]) -> None:
        self._declared = declared
        self._open = opened
        self._views: Views | None = None

    def query(
        self,
        view: str,
        dimensions: Sequence[str] = (),
        measures: Sequence[str] = (),
        where: Mapping[str, Any] | None = None,
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """See authoring.context.Data."""
        self._declared.require("data", view)
        with trusted():
            if self._views is None:
                self._views = self._open()
            return self._views.query(view, dimensions, measures, where, order_by, limit)

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """View -> hash of all that was asked of it, in this run."""
        return self._views.fingerprints if self._views else {}

    def close(self) -> None:
        """Close what was opened."""
        if self._views is not None:
            self._views.close()

    def provenance(self) -> list[dict[str, Any]]:
        """The data window and query fingerprints of the run."""
        if self._views is None:
            return []
        return [{"window": self._views.window, "queries": dict(self._views.fingerprints)}]


class _Log:
    """`ctx.log`: structured, redacted."""

    def __init__(self, run_id: str, skill: str, secrets: Scrubber) -> None:
        self._log = structlog.get_logger("livery.skill").bind(run_id=run_id, skill=skill)
        self._secrets = secrets

    def _say(self, say: Callable[..., Any], message: str, fields: dict[str, Any]) -> None:
        with trusted():
            text = redact_text(self._secrets.text(str(message)))
            # Under one name of their own, so that no field can pass for one of the platform.
            say(text, **({"fields": redact(self._secrets.value(fields))} if fields else {}))

    def info(self, message: str, **fields: Any) -> None:
        """Say what happened."""
        self._say(self._log.info, message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Say what a reader should look at."""
        self._say(self._log.warning, message, fields)


class _Unbound:
    """A part of the context that nothing here serves: declared or not, it is refused."""

    def __init__(self, declared: Declared, kind: str) -> None:
        self._declared = declared
        self._kind = kind

    def _refuse(self, value: str) -> Any:
        self._declared.require(self._kind, value)
        raise SkillFailed(f"Nothing serves {self._kind} on this platform.")

    def get(self, namespace: str, key: str) -> Any:  # noqa: ARG002
        """Refuse a read."""
        return self._refuse(namespace)

    def set(self, namespace: str, key: str, value: Any, ttl_s: int = 3600) -> None:  # noqa: ARG002
        """Refuse a write."""
        self._refuse(namespace)

    def delete(self, namespace: str, key: str) -> bool:  # noqa: ARG002
        """Refuse a removal."""
        return bool(self._refuse(namespace))


class RunContext:
    """See authoring.context.Context."""

    def __init__(
        self,
        run_id: str,
        skill_key: str,
        declared: Capabilities,
        now: datetime,
        views: Callable[[], Views],
        *,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> None:
        self.watch = Watch()
        self._declared = Declared(declared, self.watch)
        self.outside: OutsideOfRun = NoOutside(declared, self._declared.require)
        self.calls: CallsOfRun = NoCalls(self._declared.require)
        self.dry_run = dry_run
        self.idempotency_key = idempotency_key or run_id
        self._now = now
        self._run_id = run_id
        self._skill_key = skill_key
        self._log: _Log | None = None
        self._data = GuardedData(self._declared, views)
        self.produced: list[Produced] = []

    @property
    def now(self) -> datetime:
        """Time of the run."""
        return self._now

    @property
    def data(self) -> GuardedData:
        """Semantic views."""
        return self._data

    @property
    def require(self) -> Callable[[str, str], None]:
        """Lets pass what was declared; raises CapabilityDenied, and the run remembers it."""
        return self._declared.require

    @property
    def http(self) -> Http:
        """Outgoing HTTP."""
        return self.outside.http

    @property
    def storage(self) -> Any:
        """Key-value namespaces."""
        return _Unbound(self._declared, "storage")

    @property
    def log(self) -> _Log:
        """The run's log."""
        if self._log is None:
            self._log = _Log(self._run_id, self._skill_key, self.outside.secrets)
        return self._log

    def _without_secrets(self, data: Any) -> Any:
        secrets = self.outside.secrets
        return secrets.data(data) if isinstance(data, bytes) else secrets.value(data)

    def artifact(
        self, name: str, media_type: str, data: bytes | str | dict[str, Any]
    ) -> ArtifactRef:
        """Keep an output with its provenance."""
        if not isinstance(name, str) or not 0 < len(name) <= 200 or "/" in name:
            raise SkillFailed("An artifact has a plain name of at most 200 characters.")
        if not name.isprintable() or redact_text(self.outside.secrets.text(name)) != name:
            raise SkillFailed("An artifact's name is printable and holds no secret.")
        if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
            raise SkillFailed(f"The artifact {name!r} has no media type like text/markdown.")
        content = _content(name, self._without_secrets(data))
        if len(self.produced) >= MAX_ARTIFACTS or len(content) > MAX_ARTIFACT_BYTES:
            raise SkillFailed(
                f"A run leaves at most {MAX_ARTIFACTS} artifacts of {MAX_ARTIFACT_BYTES} bytes each."
            )
        if any(item.name == name for item in self.produced):
            raise SkillFailed(f"The artifact {name!r} was written before.")
        self.produced.append(Produced(name, media_type, content))
        return ArtifactRef(name, media_type, len(content), hashlib.sha256(content).hexdigest())

    def credential(self, kind: str, ref: str = "") -> Any:
        """The secret behind a credential_ref."""
        return self.outside.credential(kind, ref)

    def call(self, skill_key: str, input: Mapping[str, Any]) -> Any:  # noqa: A002
        """Result of another skill."""
        return self.calls.call(skill_key, input)


def _content(name: str, data: object) -> bytes:
    """The bytes of an artifact: canonical JSON of a dict, UTF-8 of a text, without any raw secret.

    Raises SkillFailed where the artifact holds one.
    """
    try:
        if isinstance(data, dict):
            content, secret = canonical_json(data), find_secret(data) is not None
        elif isinstance(data, str):
            # A known form is a secret for certain. What only reads like one, by a name before it,
            # may be a sentence that a log quotes: it is taken out, and the run goes on.
            content, secret = redact_text(data).encode(), find_secret(data) is not None
        elif isinstance(data, bytes):
            # Bytes that are no text are decoded all the same: a key stands in them as it is.
            text = data.decode(errors="replace")
            content, secret = data, find_secret(text) is not None
        else:
            raise SkillFailed(f"The artifact {name!r} is neither bytes, text nor a JSON object.")
    except ValueError as error:
        raise SkillFailed(f"The artifact {name!r} is no {_form(data)}: {error}") from None
    if secret:
        raise SkillFailed(f"The artifact {name!r} holds a raw secret.")
    return content


def _form(data: object) -> str:
    return "JSON" if isinstance(data, dict) else "UTF-8 text"
