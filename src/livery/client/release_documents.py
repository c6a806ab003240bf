"""What the catalog answers about a skill's life: impact, channels, retirement, differences."""

from typing import Any, TypedDict

from livery.client.documents import Dsse, Skill


class Use(TypedDict):
    """One place that uses a skill; `channel` is None where it holds a version."""

    kind: str
    ref: str
    name: str
    workspace: str
    version: str
    channel: str | None


class Impact(TypedDict):
    """Who uses a skill; `version` is None where all of its versions are meant."""

    skill_key: str
    version: str | None
    uses: list[Use]
    count: int
    kinds: dict[str, int]


class ChannelMove(TypedDict):
    """One move of a channel; `kind` is `promote` or `roll_back`, `statement` its SLSA verification summary."""

    channel: str
    version: str
    previous: str | None
    kind: str
    moved_by: str
    reason: str | None
    moved_at: str
    statement: Dsse


class Moved(ChannelMove):
    """A channel as it is now; `moved` is False where it was there already."""

    skill_key: str
    moved: bool
    impact: Impact


class Channels(TypedDict):
    """What the channels of a skill name, and their moves, newest first."""

    skill_key: str
    channels: dict[str, str]
    items: list[ChannelMove]


class VersionRef(TypedDict):
    """A version, in short."""

    version: str
    digest: str
    status: str


class Retired(Skill):
    """A skill as it is now, the version that was changed, and who used it."""

    changed: VersionRef
    impact: Impact


class DeletedVersion(TypedDict):
    """A version that was deleted."""

    version: str
    digest: str


class Deleted(Skill):
    """A skill, and what was deleted of it."""

    deleted: list[DeletedVersion]


class Verdict(TypedDict):
    """`needs` is the version that the newer one would have to be, None where its number is right."""

    compatible: bool
    needs: str | None
    sentence: str


class InterfaceChange(TypedDict):
    """One field that differs, in words."""

    side: str
    pointer: str
    message: str


class InterfaceDifference(TypedDict):
    """`verdict` is `compatible` or `breaking`."""

    verdict: str
    breaks: list[InterfaceChange]
    changes: list[InterfaceChange]


class CapabilityDifference(TypedDict):
    """Capabilities, one by one: `network api.example.org`."""

    added: list[str]
    removed: list[str]


class ValueChange(TypedDict):
    """One value that is another now; None where there was, or is, none."""

    name: str
    before: Any
    after: Any


class FileChange(TypedDict, total=False):
    """A file that was `added`, `removed` or `changed`; line counts are None where it is no text, or too large."""

    path: str
    change: str
    lines_added: int | None
    lines_removed: int | None
    diff: str


Difference = TypedDict(
    "Difference",
    {
        "skill_key": str,
        "from": VersionRef,
        "to": VersionRef,
        "verdict": Verdict,
        "interface": InterfaceDifference,
        "capabilities": CapabilityDifference,
        "budgets": list[ValueChange],
        "runtime": list[ValueChange],
        "contract": list[ValueChange],
        "instructions": FileChange | None,
        "files": list[FileChange],
    },
)
"""What differs between two versions; `from` is a word of Python."""


class RestoredVersion(TypedDict):
    """A package that was looked at: `state` is `intact` or `restored`, `found` says what differed."""

    version: str
    digest: str
    state: str
    found: str | None


class Restored(TypedDict):
    """What restoring a skill did."""

    skill_key: str
    workspace: str | None
    versions: list[RestoredVersion]
