"""Where a container skill runs here, its image and the engine's runtime: part of what a grant of code is given to."""

from __future__ import annotations

from collections.abc import Callable

from livery.entrypoints.settings import Settings
from livery.execution.container.image.record import recorded
from livery.execution.container.limits import runs_in
from livery.manifest.contract import Contract
from livery.manifest.errors import LiveryError
from livery.services.runs.code_hash import pinned_image


def image_of(settings: Settings) -> Callable[[Contract], str]:
    """The image that a contract names, else the platform's own, and the runtime where the operator names one; empty
    where there is no image."""
    runtime = settings.environ.get("LIVERY_SANDBOX_RUNTIME", "")

    def find(contract: Contract) -> str:
        return runs_in(named(contract), runtime)

    def named(contract: Contract) -> str:
        own = pinned_image(contract) or settings.environ.get("LIVERY_SANDBOX_IMAGE", "")
        if own:
            return own
        try:
            built = recorded(settings.home)
        except LiveryError:
            return ""
        return built.image if built is not None else ""

    return find
