"""The two servers of the `http` benchmark, each a process: `python -m benchmarks.http_server runs|noop PORT FOLDER`.

Both are granian on uvloop, made with the same settings. A line of JSON on standard output says that it is ready.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvloop
from fastapi import FastAPI

from benchmarks.house import open_house
from livery.entrypoints.api import make_server


async def runs(port: int, folder: Path) -> None:
    """The platform's own door."""
    async with open_house(folder) as house:
        ready = {"token": house.token, "workspaces": house.workspaces, **await house.server()}
        await _serve(make_server(house.platform, "127.0.0.1", port), ready)


async def noop(port: int, _: Path) -> None:
    """A route that does nothing."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.post("/noop")
    async def answer() -> dict[str, bool]:
        return {"ok": True}

    platform: Any = SimpleNamespace(app=app)
    await _serve(make_server(platform, "127.0.0.1", port), {})


async def _serve(server: Any, ready: dict[str, Any]) -> None:
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, server.stop)
    server.on_startup(lambda: print(json.dumps(ready), flush=True))
    await server.serve()


if __name__ == "__main__":
    uvloop.run({"runs": runs, "noop": noop}[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3])))
