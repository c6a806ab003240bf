"""A process that starts what was approved and kills itself on the way. Run: python waiter.py '<json>'."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.crash.crasher import Bomb

from livery.entrypoints.platform import open_platform
from livery.entrypoints.settings import Settings


async def main(order: dict[str, Any]) -> None:
    environ = {"LIVERY_HOME": order["home"], "LIVERY_ALLOW_PRIVATE_TARGETS": order["target"]}
    settings = replace(Settings.read(environ), log_level="ERROR")
    settings.prepare()
    bomb = Bomb(order["point"], 1)
    async with open_platform(settings, order["dsn"], kind="crash", probe=bomb) as platform:
        assert await platform.approvals.sweep() == 1
        await platform.services.waiting.settled()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
