"""A process that sends 50 approved webhooks at once and kills itself on the way. Run: python sender.py '<json>'."""

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.crash.crasher import Bomb

from livery.entrypoints.platform import open_platform
from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError
from livery.services.runs.types import Call


async def main(order: dict[str, Any]) -> None:
    environ = {"LIVERY_HOME": order["home"], "LIVERY_ALLOW_PRIVATE_TARGETS": order["target"]}
    settings = replace(Settings.read(environ), log_level="ERROR")
    settings.prepare()
    bomb = Bomb(order["point"], order["passings"])
    out = os.open(order["acknowledged"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with open_platform(settings, order["dsn"], kind="crash", probe=bomb) as platform:
        caller = await platform.services.tokens.authenticate(order["token"])

        async def one(number: int, approval: str) -> None:
            args = {"url": order["url"], "payload": {"n": number}}
            key = f"{order['prefix']}-{number}"
            call = Call(
                caller,
                "webhook-send",
                args,
                approval_id=approval,
                idempotency_key=key,
                correlation_id=key,
            )
            try:
                envelope = await platform.runner.run(call)
            except LiveryError as error:
                os.write(out, f"{number} - {error.code}\n".encode())
                return
            os.write(out, f"{number} {envelope.run_id} {envelope.status}\n".encode())

        await asyncio.gather(*(one(int(n), approval) for n, approval in order["approvals"].items()))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
