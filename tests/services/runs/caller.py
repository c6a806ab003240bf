"""A process of a platform that calls one skill until its end. Run: python caller.py '<json>'.

Before each call it looks whether the file `acknowledged` is there. It prints `ready` after the first answer of each of
its loops, and at the end a JSON list of [whether the file was there before the call, the call's code].
"""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from livery.entrypoints.epochs import EpochListener
from livery.entrypoints.platform import open_platform
from livery.entrypoints.settings import Settings
from livery.integrations.telemetry.logs import configure
from livery.manifest.errors import LiveryError
from livery.services.runs.types import Call

LOOPS = 4
CALLS_AFTER = 25


async def hears_nothing(self: EpochListener) -> None:
    """A process whose listener never connects."""


async def main(order: dict[str, Any]) -> None:
    if order["deaf"]:
        EpochListener.start = hears_nothing  # type: ignore[method-assign]
    settings = replace(Settings.read({"LIVERY_HOME": order["home"]}), log_level="ERROR")
    settings.prepare()
    configure(settings.log_level, settings.logs_dir / "caller.log")
    acknowledged = Path(order["acknowledged"])
    events: list[tuple[bool, str]] = []
    async with open_platform(settings, order["dsn"], kind="caller") as platform:
        caller = await platform.services.tokens.authenticate(order["token"])

        async def once() -> bool:
            after = acknowledged.exists()
            try:
                call = Call(caller, order["skill"], {"a": 20, "b": 2})
                code = (await platform.runner.run(call)).code
            except LiveryError as error:
                code = error.code
            events.append((after, code))
            return after

        async def loop() -> None:
            left = CALLS_AFTER
            while left:
                left -= await once()

        await asyncio.gather(*(once() for _ in range(LOOPS)))
        print("ready", flush=True)
        await asyncio.gather(*(loop() for _ in range(LOOPS)))
    print(json.dumps(events), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
