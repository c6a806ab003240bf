"""One container: made, started and waiting; handed one call; gone after it. Blocking; callers use threads."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from livery.execution.container import inside
from livery.execution.container.engine import HOME, OWNER, Ended, Engine, EngineUnavailable, Profile
from livery.execution.container.limits import OUTPUT_BYTES, OUTPUT_FILES, RESULT_BYTES
from livery.execution.container.stream import Answer, Closed, Malformed, Silent, Stream
from livery.manifest.canonical import canonical_json
from livery.manifest.errors import LiveryError
from livery.manifest.package import PackageFile
from livery.private import private_folder

_START_S: Final = 20.0
_END_S: Final = 5.0
COMMAND: Final = ["python3", "-I", "-B", "-c", Path(inside.__file__).read_text(encoding="utf-8")]


class TooMuch(LiveryError):
    """More credentials than fit through a container's door."""

    code = "plugin_contract_invalid"


class Stale(Exception):
    """The container ended while it waited; nothing of the call has run."""


@dataclass(frozen=True, slots=True)
class Hand:
    """What one call brings: the verified files, the entry, the input, and who asks."""

    files: tuple[PackageFile, ...]
    entry: str
    payload: Any
    session_id: str
    agent_id: str
    skill_name: str
    env: Mapping[str, str]
    keep: bool
    credentials: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """Kind -> secret: it travels on the container's stdin, and nowhere else."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process keeps the folders of its containers, and the labels that they wear."""

    folder: Path
    home: str
    owner: str


class Prepared:
    """Use `make`, then `call` once, then `discard`."""

    def __init__(self, engine: Engine, place: Place, profile: Profile) -> None:
        self.profile = profile
        self.name = f"livery-{token_hex(8)}"
        self.log = b""
        self.logged = 0
        self._engine = engine
        self._folder = place.folder / self.name
        self._place = place
        self._id = ""
        self._sock: Any = None
        self._kept: Any = None
        self._stream: Stream | None = None
        self._egress = False

    @classmethod
    def make(
        cls, engine: Engine, place: Place, profile: Profile, egress: Path | None = None
    ) -> Prepared:
        """Start one and wait until it waits. Raises EngineUnavailable; leaves nothing behind then."""
        made = cls(engine, place, profile)
        try:
            made._start(egress)
        except BaseException:
            with contextlib.suppress(EngineUnavailable):
                made.discard()
            raise
        return made

    def _start(self, egress: Path | None) -> None:
        place = self._place
        self._egress = egress is not None
        private_folder(place.folder)
        # Its own folder is readable by the container's user; the one above keeps everybody else out.
        self._folder.mkdir(mode=0o755)
        self._folder.chmod(0o755)
        self._id = self._engine.create(
            self.profile,
            COMMAND,
            name=self.name,
            labels={HOME: place.home, OWNER: place.owner},
            input_folder=self._folder,
            egress=egress,
        )
        # Attached before it starts, so that nothing that it says is missed.
        self._sock, self._kept = self._engine.attach(self._id)
        self._engine.start(self._id)
        self._stream = Stream(self._sock)
        try:
            self._stream.ready(time.monotonic() + _START_S)
        except (Silent, Closed, Malformed):
            said = self._stream.log.decode(errors="replace").strip()[-300:]
            raise EngineUnavailable(
                message="The sandbox's image did not start; it needs python3 (3.9 or newer) on its PATH.",
                details={"log": said} if said else {},
                remedy="livery sandbox build, then livery sandbox test",
            ) from None

    def call(self, hand: Hand, timeout_s: float) -> Answer:
        """Run the plugin; seconds count from the moment it has its input.

        Raises Stale, or what Stream.read raises.
        """
        assert self._stream is not None
        if self._stream.stale():
            raise Stale
        nonce = token_hex(16)
        call = {
            "nonce": nonce,
            "entry": hand.entry,
            "session_id": hand.session_id,
            "agent_id": hand.agent_id,
            "skill_name": hand.skill_name,
            "env": {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": "/tmp",  # noqa: S108
                "LANG": "C.UTF-8",
                **hand.env,
            },
            "credentials": hand.credentials,
            "egress": self._egress,
            "keep": hand.keep,
            "max_files": OUTPUT_FILES,
            "max_output": OUTPUT_BYTES,
            "max_result": RESULT_BYTES,
        }
        line = json.dumps(call).encode() + b"\n"
        if len(line) > inside.MAX_LINE:
            raise TooMuch(
                message="The credentials of this call are larger than a plugin is handed."
            )
        _write(self._folder, hand)
        try:
            self._stream.send(line, nonce)
        except OSError:
            raise Stale from None
        try:
            return self._stream.read(nonce, time.monotonic() + timeout_s)
        finally:
            self.log, self.logged = self._stream.log, self._stream.logged

    def ended(self) -> Ended | None:
        """How it ended, after it closed its answers; None where it did not end by itself."""
        until = time.monotonic() + _END_S
        while time.monotonic() < until:
            found = self._engine.ended(self._id)
            if found is not None:
                return found
            time.sleep(0.02)
        return None

    def abandon(self) -> None:
        """Let a thread that waits in `call` go."""
        with contextlib.suppress(OSError, AttributeError):
            self._sock.shutdown(2)

    def discard(self) -> None:
        """Kill and remove it and its folder. May be called again. Raises EngineUnavailable."""
        # First the socket: an engine that cannot hand on what was said does not see a container end.
        self.abandon()
        kept: Any
        for kept in (self._sock, self._kept, getattr(self._kept, "_response", None)):
            with contextlib.suppress(Exception):
                kept.close()
        try:
            if self._id:
                self._engine.remove(self._id)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _write(folder: Path, hand: Hand) -> None:
    """The verified bytes and the input, readable by all in there, writable by none: the mount is read-only."""
    skill = folder / "skill"
    made = {skill}
    skill.mkdir()
    skill.chmod(0o755)
    for file in hand.files:
        path = skill / file.path
        for parent in _missing(path.parent, made):
            parent.mkdir()
            parent.chmod(0o755)
        path.write_bytes(file.data)
        path.chmod(0o555 if file.executable else 0o444)
    payload = folder / "payload.json"
    payload.write_bytes(canonical_json(hand.payload))
    payload.chmod(0o444)


def _missing(folder: Path, made: set[Path]) -> Iterable[Path]:
    found = []
    while folder not in made:
        found.append(folder)
        made.add(folder)
        folder = folder.parent
    return reversed(found)
