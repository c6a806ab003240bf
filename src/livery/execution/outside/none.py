"""Where there is no way out: imports, fixtures, and processes without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from livery.authoring.context import Http, HttpResponse
from livery.authoring.errors import SkillFailed
from livery.execution.outside.client import HttpRequest
from livery.execution.outside.dial import DialPolicy
from livery.execution.outside.effects import Withheld
from livery.execution.outside.http import RunHttp
from livery.execution.outside.scrub import Scrubber
from livery.manifest.capabilities import Capabilities


class OutsideOfRun(Protocol):
    """What a context needs of the world outside."""

    secrets: Scrubber

    @property
    def http(self) -> Http:
        """Outgoing HTTP."""

    def credential(self, kind: str, ref: str) -> Mapping[str, Any]:
        """Open a credential."""


class _Dry:
    """Every effect ends in its draft."""

    def perform(
        self,
        action: str,
        target: str,
        request_hash: str,
        do: Callable[[Callable[[], None]], HttpResponse],  # noqa: ARG002
    ) -> HttpResponse:
        """Send nothing."""
        raise Withheld({"action": action, "target": target, "request": request_hash})


class NoOutside:
    """Declared hosts answer nothing, effects end in drafts, credentials are not there."""

    def __init__(self, capabilities: Capabilities, require: Callable[[str, str], None]) -> None:
        self.secrets = Scrubber()
        self._require = require
        self.http: Http = RunHttp(
            capabilities, require, DialPolicy(resolve=_nobody), _Dry(), fetch=_nothing
        )

    def credential(self, kind: str, ref: str) -> Mapping[str, Any]:  # noqa: ARG002
        """Refuse."""
        self._require("credentials", kind)
        raise SkillFailed("No credential of this kind is connected.")


def _nobody(host: str, port: int) -> list[str]:  # noqa: ARG001
    return []


def _nothing(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    raise SkillFailed("Nothing serves network on this platform.")
