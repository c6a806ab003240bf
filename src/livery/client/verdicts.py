"""What verification found: verdicts, and the report they add up to."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from livery.manifest.errors import LiveryError

MAX_STRANGE = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check. `ok` is None where there was nothing to check; `detail` says why, either way."""

    name: str
    ok: bool | None
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail}


@dataclass(slots=True)
class Report:
    """All verdicts on one document. A report in which nothing was proven is not ok.

    `unsigned` names what the document says beside the signature, and nobody has signed: it was not verified.
    """

    kind: str
    about: str
    verdicts: list[Verdict] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether something was proven and nothing was refuted."""
        found = [verdict.ok for verdict in self.verdicts]
        return True in found and False not in found

    def refuted(self) -> list[Verdict]:
        """The checks that failed."""
        return [verdict for verdict in self.verdicts if verdict.ok is False]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON: `{ok, kind, about, checks: [{name, ok, detail}], unsigned: [name]}`."""
        checks = [verdict.to_dict() for verdict in self.verdicts]
        about = {"ok": self.ok, "kind": self.kind, "about": self.about}
        return {**about, "checks": checks, "unsigned": list(self.unsigned)}

    def add(self, name: str, ok: bool | None, detail: object) -> bool:
        """Record one check and return whether it passed."""
        self.verdicts.append(Verdict(name, ok, str(detail)))
        return bool(ok)

    def same(self, name: str, found: object, expected: object, what: str) -> bool:
        """Record whether two values are the same one, and not absent."""
        if found == expected and found not in (None, ""):
            return self.add(name, True, found)
        return self.add(name, False, f"{what}: {found!r} is not {expected!r}")

    def only(self, where: str, found: Mapping[str, Any], known: Collection[str]) -> bool:
        """Record every member that is not a known one: nothing vouches for it. True where there is none."""
        strange = sorted(found.keys() - set(known))
        for name in strange[:MAX_STRANGE]:
            self.add(f"{where}{name}", False, "no such member: nobody has signed it")
        return not strange

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Whatever is malformed inside is a failed check, never an exception."""
        try:
            yield
        except LiveryError as refused:
            self.add(name, False, refused.message)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as malformed:
            self.add(name, False, f"malformed: {type(malformed).__name__} {malformed}")
