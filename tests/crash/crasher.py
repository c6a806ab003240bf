"""A process of a platform that kills itself on its way through 64 calls. Run: python crasher.py '<json>'.

Each acknowledged call is a line `key run_id status` in the file `acknowledged`, written before anything else happens.
"""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import tests.support.evaluator  # noqa: F401 - skills import it, and under the guard no file is opened
from uuid_utils.compat import uuid7

from livery.entrypoints.platform import Platform, open_platform
from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError
from livery.services.runs.types import Call, Invocation, Invoked

CALLS = 64
# Every fourth call has an effect; the others only cost money.
WRITER, PAID = "crash-writer", "crash-paid"
TARGET = "hooks.example.com"


def skill_of(number: int) -> str:
    return WRITER if number % 4 == 0 else PAID


def with_effects(platform: Platform) -> None:
    """Record the effect of each run of the writer, as an executor with a provider does: intent, sent, confirmed."""
    executors = platform.runner._executors
    invoke = executors.invoke

    async def state(invocation: Invocation, effect_id: Any, value: str) -> None:
        async with platform.database.write([invocation.contract.workspace_id]) as tx:
            await tx.connection.execute(
                "insert into livery.effect (effect_id, run_id, workspace_id, action, target, state)"
                " values ($1, $2, $3, 'send', 'hooks.example.com', $4)"
                " on conflict (effect_id) do update set state = excluded.state",
                effect_id,
                invocation.run_id,
                invocation.contract.workspace_id,
                value,
            )

    async def invoked(invocation: Invocation) -> Invoked:
        if invocation.contract.skill_key != WRITER:
            return await invoke(invocation)
        effect_id = uuid7()
        for value in ("intended", "sent"):
            await state(invocation, effect_id, value)
        answer = await invoke(invocation)
        await state(invocation, effect_id, "confirmed")
        return answer

    executors.invoke = invoked  # type: ignore[method-assign]


class Bomb:
    """Kills this process at the n-th passing of a point; no cleanup runs."""

    def __init__(self, point: str, passings: int) -> None:
        self.point, self.left = point, passings

    def __call__(self, point: str) -> None:
        if point == self.point:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def main(order: dict[str, Any]) -> None:
    settings = replace(Settings.read({"LIVERY_HOME": order["home"]}), log_level="ERROR")
    settings.prepare()
    bomb = Bomb(order["point"], order["passings"])
    out = os.open(order["acknowledged"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with open_platform(settings, order["dsn"], kind="crash", probe=bomb) as platform:
        with_effects(platform)
        caller = await platform.services.tokens.authenticate(order["token"])

        async def one(number: int) -> None:
            key = f"{order['prefix']}-{number}"
            call = Call(
                caller,
                skill_of(number),
                {"code": f"result = {number}"},
                idempotency_key=key,
                correlation_id=key,
            )
            try:
                envelope = await platform.runner.run(call)
            except LiveryError as error:
                os.write(out, f"{key} - {error.code}\n".encode())
                return
            os.write(out, f"{key} {envelope.run_id} {envelope.status}\n".encode())

        await asyncio.gather(*(one(number) for number in range(CALLS)))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
