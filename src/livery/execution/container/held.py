"""The credentials of one call of a plugin: opened for it, and taken out of all that it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from livery.execution.container import answers
from livery.execution.container.prepared import Prepared
from livery.execution.container.stream import Answer
from livery.execution.outside.credentials import CredentialSource, opened, refs_named
from livery.execution.outside.scrub import Scrubber
from livery.services.runs.types import Invocation, Invoked


class Held:
    """What one call holds. A fixture (no invocation) and a dry run hold nothing."""

    def __init__(self, source: CredentialSource | None, invocation: Invocation | None) -> None:
        self.secrets = Scrubber()
        self._source = source
        self._run = invocation
        self._opened: dict[str, Mapping[str, Any]] | None = None

    async def open(self) -> Mapping[str, Mapping[str, Any]]:
        """Kind -> secret, of the declared kinds that the input has a ref for. Raises LiveryError."""
        if self._opened is None:
            self._opened = await self._open()
        return self._opened

    async def _open(self) -> dict[str, Mapping[str, Any]]:
        run = self._run
        if run is None or run.dry_run:
            return {}
        found: dict[str, Mapping[str, Any]] = {}
        for kind, ref in refs_named(run.contract.capabilities.credentials, run.args).items():
            found[kind] = await opened(self._source, run, kind, ref)
            self.secrets.learn(found[kind])
        return found

    def log(self, used: Prepared) -> bytes:
        """The log without them, before anything is cut off it: half a secret is found by nobody."""
        return self.secrets.data(used.log, cut=used.logged > len(used.log))

    def answer(self, answer: Answer) -> Answer:
        """An answer whose words are without them, for the same reason."""
        return replace(answer, said=self.secrets.text(answer.said))

    def cleaned(self, invoked: Invoked) -> Invoked:
        """What the platform keeps and shows of the call."""
        secrets = self.secrets
        if any(secrets.text(item.name) != item.name for item in invoked.artifacts):
            return answers.broken("a file in /output is named after a secret", b"")
        invoked.result = secrets.value(invoked.result)
        invoked.message = secrets.text(invoked.message) if invoked.message else None
        invoked.details = secrets.value(invoked.details)
        for item in invoked.artifacts:
            item.content = secrets.data(item.content)
        return invoked
