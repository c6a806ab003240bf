"""The parts of the test kit's context: in memory, with the same rule as in execution."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from livery.authoring.context import SKILL_PROVIDER, ArtifactRef, HttpResponse, require
from livery.authoring.errors import CapabilityDenied
from livery.authoring.tool import Tool
from livery.manifest.canonical import canonical_hash, canonical_json, check_ijson
from livery.manifest.capabilities import Capabilities
from livery.manifest.denylist import redact, redact_text
from livery.manifest.urls import host_of

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]] | Callable[..., list[Row]]


class Held:
    """What a skill declared, what it was refused, and what it did outside of itself, in order."""

    def __init__(self, declared: Capabilities, shared: "Held | None" = None) -> None:
        self.declared = declared
        self.refused: list[CapabilityDenied] = shared.refused if shared else []
        self.effects: list[Row] = shared.effects if shared else []

    def require(self, kind: str, value: str) -> None:
        """Let pass what was declared; `CapabilityDenied`, and remembered, where it was not."""
        try:
            require(self.declared, kind, value)
        except CapabilityDenied as denied:
            self.refused.append(denied)
            raise

    def did(self, kind: str, what: str) -> None:
        """Remember what left the skill; without secrets."""
        self.effects.append({"kind": kind, "what": redact_text(what)})


class KitData:
    """Views over rows in memory. Measures are summed; give a function where that is not right."""

    def __init__(self, held: Held, views: Mapping[str, Rows]) -> None:
        self._held = held
        self._views = views
        self._read: dict[str, str] = {}

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """View -> hash of what this run has read from it."""
        return dict(self._read)

    def query(
        self,
        view: str,
        dimensions: Sequence[str],
        measures: Sequence[str],
        where: Mapping[str, Any] | None = None,
        order_by: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """See `Data.query`; KeyError for a view that was declared but not given to the kit."""
        self._held.require("data", view)
        rows = self._views[view]
        if callable(rows):
            found = rows(dimensions, measures, where, order_by, limit)
        else:
            found = _group(_matching(rows, where or {}), dimensions, measures)
            for column in reversed(order_by or ()):
                name = column.removeprefix("-")
                found.sort(key=lambda row, name=name: row[name], reverse=column.startswith("-"))  # type: ignore[misc]
            found = found[:limit]
        self._read[view] = canonical_hash([self._read.get(view), found])
        return found


def _matching(rows: Sequence[Mapping[str, Any]], where: Mapping[str, Any]) -> list[Row]:
    def fits(row: Mapping[str, Any]) -> bool:
        return all(
            row[name] in wanted if isinstance(wanted, list | tuple | set) else row[name] == wanted
            for name, wanted in where.items()
        )

    return [dict(row) for row in rows if fits(row)]


def _group(rows: list[Row], dimensions: Sequence[str], measures: Sequence[str]) -> list[Row]:
    groups: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in dimensions)
        total = groups.setdefault(
            key, {**dict(zip(dimensions, key, strict=True)), **dict.fromkeys(measures, 0)}
        )
        for name in measures:
            total[name] += row[name]
    return list(groups.values())


class KitHttp:
    """Answers from a table instead of the network."""

    def __init__(self, held: Held, responses: Mapping[str, HttpResponse]) -> None:
        self._held = held
        self._responses = responses
        self.requests: list[Row] = []

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
        """See `Http.request`; KeyError for a request that the kit has no answer for."""
        # `input:/…` stands for a host of the input, which the kit does not see: one that it has an answer for.
        of_input = any(entry.startswith("input:") for entry in self._held.declared.network)
        if not of_input or f"{method} {url}" not in self._responses:
            self._held.require("network", host_of(url))
        if method.upper() not in ("GET", "HEAD"):
            declared = self._held.declared.effects
            self._held.require(
                "effects", effect or (declared[0] if len(declared) == 1 else "write")
            )
        sent = {"method": method, "url": url, "headers": dict(headers or {})}
        self._held.did("network", f"{method} {url}")
        self.requests.append({**sent, "json": json, "content": content, "timeout_s": timeout_s})
        return self._responses[f"{method} {url}"]


class KitStorage:
    """Namespaces in memory; nothing expires, because no time passes inside a run."""

    def __init__(self, held: Held, shared: "KitStorage | None" = None) -> None:
        self._held = held
        self.kept: dict[tuple[str, str], Any] = shared.kept if shared else {}
        self.expires: dict[tuple[str, str], timedelta] = shared.expires if shared else {}

    def get(self, namespace: str, key: str) -> Any:
        """See `Storage.get`."""
        self._held.require("storage", namespace)
        return self.kept.get((namespace, key))

    def set(self, namespace: str, key: str, value: Any, ttl_s: int = 3600) -> None:
        """See `Storage.set`; ValueError for a ttl out of range or a value outside I-JSON."""
        self._held.require("storage", namespace)
        if not 1 <= ttl_s <= 31_536_000:
            raise ValueError(f"ttl_s must be 1 to 31,536,000 seconds, got {ttl_s}")
        check_ijson(value)
        self._held.did("storage", f"set {namespace}/{key}")
        self.kept[namespace, key] = value
        self.expires[namespace, key] = timedelta(seconds=ttl_s)

    def delete(self, namespace: str, key: str) -> bool:
        """See `Storage.delete`."""
        self._held.require("storage", namespace)
        self._held.did("storage", f"delete {namespace}/{key}")
        self.expires.pop((namespace, key), None)
        return self.kept.pop((namespace, key), self) is not self


@dataclass
class KitLog:
    """Records of ``(level, message, fields)``, redacted."""

    records: list[tuple[str, str, Row]] = field(default_factory=list)

    def info(self, message: str, **fields: Any) -> None:
        """See `Log.info`."""
        self.records.append(("info", redact_text(message), redact(fields)))

    def warning(self, message: str, **fields: Any) -> None:
        """See `Log.warning`."""
        self.records.append(("warning", redact_text(message), redact(fields)))


class KitContext:
    """A `Context` in memory; what the skill did can be read from it.

    `artifacts`: name -> (reference, bytes). `log.records`, `http.requests`, `storage.kept`.
    `effects`: `{kind, what}` of all that left the skill, in order. `refused`: what it reached for
    without having declared it, also where it went on.
    """

    def __init__(
        self,
        held: Held,
        *,
        now: datetime,
        data: KitData,
        http: KitHttp,
        storage: KitStorage,
        credentials: Mapping[str, Any],
        skills: Mapping[str, Tool],
    ) -> None:
        self._held = held
        self.now = now
        self.dry_run = False
        self.idempotency_key = "certification"
        self.data = data
        self.http = http
        self.storage = storage
        self.log = KitLog()
        self.artifacts: dict[str, tuple[ArtifactRef, bytes]] = {}
        self._credentials = credentials
        self._skills = skills

    @property
    def effects(self) -> list[Row]:
        """What left the skill, in order."""
        return list(self._held.effects)

    @property
    def refused(self) -> list[CapabilityDenied]:
        """What it reached for without having declared it."""
        return list(self._held.refused)

    def artifact(
        self, name: str, media_type: str, data: bytes | str | dict[str, Any]
    ) -> ArtifactRef:
        """See `Context.artifact`; ValueError for a name written twice."""
        if name in self.artifacts:
            raise ValueError(f"the artifact {name!r} was written already")
        content = data.encode() if isinstance(data, str) else data
        content = content if isinstance(content, bytes) else canonical_json(content)
        digest = hashlib.sha256(content).hexdigest()
        ref = ArtifactRef(name, media_type, len(content), digest)
        self.artifacts[name] = (ref, content)
        self._held.did("artifact", name)
        return ref

    def credential(self, kind: str, ref: str = "") -> Any:  # noqa: ARG002 - the kit has one of a kind
        """See `Context.credential`; KeyError for one that the kit was not given."""
        self._held.require("credentials", kind)
        return self._credentials[kind]

    def call(self, skill_key: str, input: Mapping[str, Any]) -> Any:  # noqa: A002 - its name
        """See `Context.call`; the called skill gets this context, narrowed to its own contract."""
        self._held.require("tools", f"{SKILL_PROVIDER}:{skill_key}")
        tool = self._skills[skill_key]
        self._held.did("tools", f"{SKILL_PROVIDER}:{skill_key}")
        return tool.call(dict(input), self._narrowed(tool.about.capabilities))

    def _narrowed(self, declared: Capabilities) -> "KitContext":
        held = Held(declared, self._held)
        return KitContext(
            held,
            now=self.now,
            data=KitData(held, self.data._views),
            http=KitHttp(held, self.http._responses),
            storage=KitStorage(held, self.storage),
            credentials=self._credentials,
            skills=self._skills,
        )
