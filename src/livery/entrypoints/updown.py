"""`livery up`, `down` and `status`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from livery.cli import exits
from livery.cli.desk import Desk, JsonFlag, desk_of
from livery.entrypoints.local import server_info
from livery.entrypoints.ports import api_port
from livery.entrypoints.settings import Settings
from livery.entrypoints.startup import (
    READY_S,
    STOP_S,
    AlreadyUp,
    StartFailed,
    is_starting,
    last_words,
)
from livery.manifest.errors import LiveryError
from livery.private import append_private, write_private

_POLL_S, _LOOK_S = 0.05, 0.5
_PATIENCE_S = 30.0
"""How long a platform that runs may take until it is ready: its supervisor may be bringing something back."""
NOT_READY = (
    "What has died is brought back by itself; look again with `livery status`. "
    "If it stays so: `livery down`, then `livery up --detach`."
)


def up(
    ctx: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(callback=api_port, help="The API's port; the portal is on the next."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when it is ready.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Start the platform: database, vault, API, portal, worker.

    Example: livery up --port 8700 --detach
    """
    settings = Settings.read(port=port)
    screen = desk_of(ctx).screen
    if detach:
        info = start_detached(settings, port, screen.note)
        if as_json:
            screen.document(info)
        else:
            screen.note(f"Up: API {info['url']}, portal {info['portal_url']}. Stop it: livery down")
        return
    from livery.entrypoints.databases import prepare
    from livery.entrypoints.supervisor import supervise
    from livery.integrations.telemetry.logs import configure

    prepare(settings)
    configure(settings.log_level, settings.logs_dir / "up.log")

    def tell(name: str) -> None:
        screen.note(
            f"{name} is up" if name != "worker" else "worker is up. Ctrl-C stops everything."
        )

    asyncio.run(supervise(settings, tell))


def start_detached(
    settings: Settings, asked: int | None = None, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Start the platform in the background; returns what `server.json` says once it is ready.

    Interrupted, or out of patience, it stops what it started, and tells.
    """
    known = server_info(settings)
    if known is not None:
        return _joined(known, asked)
    from livery.entrypoints.databases import prepare

    prepare(settings)
    # A file of its own: two that start at once must not read each other's words.
    out = settings.logs_dir / f"up-{os.getpid()}.out"
    write_private(out, b"")
    with append_private(out) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "livery", "up", "--port", str(settings.port), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "LIVERY_HOME": str(settings.home), "NO_COLOR": "1"},
        )
    try:
        return _await_up(settings, process, out, asked)
    except BaseException:
        if process.poll() is None:
            tell(_end(process))
        raise
    finally:
        out.replace(settings.logs_dir / "up.out")


def _await_up(
    settings: Settings, process: subprocess.Popen[bytes], out: Path, asked: int | None
) -> dict[str, Any]:
    deadline = time.monotonic() + READY_S + 30
    while time.monotonic() < deadline:
        info = server_info(settings)
        if info is not None:
            return info if info["pid"] == process.pid else _joined(info, asked)
        if process.poll() is not None:
            refused = _start_error(out.read_text(errors="replace"), settings.home)
            # Somebody else was first; where that one is not ready yet, it is waited for.
            if not isinstance(refused, AlreadyUp) or not is_starting(settings):
                raise refused
        time.sleep(_POLL_S)
    raise StartFailed(
        message=f"The platform was not ready in time; see {settings.logs_dir}.",
        remedy="Stop what is left of it with `livery down`, then start it again.",
    )


def _joined(info: dict[str, Any], asked: int | None) -> dict[str, Any]:
    """`info` of a platform that somebody else started, once it is ready."""
    if asked is not None and not str(info["url"]).endswith(f":{asked}"):
        raise StartFailed(
            message=f"The platform of this home is up already, on {info['url']}.",
            remedy="Stop it first: livery down",
        )
    deadline = time.monotonic() + _PATIENCE_S
    while (missing := _missing(str(info["url"]))) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    if missing:
        said = " ".join(f"{name}: {check['detail']}" for name, check in missing.items())
        raise LiveryError(
            "unavailable",
            f"The platform of this home runs (pid {info['pid']}, {info['url']}), but it is not ready: {said}",
            remedy=_ways_out(missing),
        )
    return info


def _missing(url: str) -> dict[str, Any]:
    """The checks that a platform fails; none where it is ready."""
    try:
        answer = httpx.get(f"{url}/v1/ready", timeout=5, trust_env=False)
        return _failed(answer.json()["checks"])
    except httpx.TransportError as error:
        return {"api": {"detail": f"it does not answer ({type(error).__name__})."}}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"api": {"detail": "what answers there is no Livery API."}}


def _failed(checks: dict[str, Any]) -> dict[str, Any]:
    return {name: check for name, check in checks.items() if not check["ok"]}


def _ways_out(failed: dict[str, Any]) -> str:
    """What to do, where the checks say it; else that most of it passes by itself."""
    known = dict.fromkeys(str(check["remedy"]) for check in failed.values() if "remedy" in check)
    return "\n".join(known) or NOT_READY


def _end(process: subprocess.Popen[bytes]) -> str:
    """Stop what was started and is not ready: its tree stops with it. Says what became of it."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        return f"What was starting is still stopping; if it does not end: kill -9 {process.pid}"
    except KeyboardInterrupt:
        return f"What was starting (pid {process.pid}) was told to stop, and will in a moment."
    return "What was starting is stopped again; nothing is left running."


def _start_error(text: str, home: Path) -> LiveryError:
    # The child was asked for JSON: its last words are a problem document, unless it crashed hard.
    try:
        said = json.loads(text[text.index("{") :])
        kind = AlreadyUp if said["code"] == AlreadyUp.code else StartFailed
        return kind(message=str(said["detail"]), remedy=str(said["remedy"]))
    except (ValueError, KeyError, TypeError):
        from livery.integrations.postgres.errors import disk_full

        # On a full disk its words could not be kept.
        return disk_full(home, text, seen=True) or StartFailed(
            message=f"The platform did not come up. {last_words(text)}",
            remedy="Run `livery up` without --detach to see it start, or `livery doctor`.",
        )


def down(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Stop the platform of this home.

    Example: livery down
    """
    settings = Settings.read()
    info = server_info(settings)
    stopped = info is not None and _stop(int(info["pid"]))
    screen = desk_of(ctx).screen
    if as_json:
        screen.document({"stopped": stopped})
    else:
        screen.note("Stopped." if stopped else f"Nothing is running in {settings.home}.")


def _stop(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 5 * STOP_S
    while time.monotonic() < deadline:
        if not _alive(pid):
            return True
        time.sleep(_POLL_S)
    raise StartFailed(message=f"Process {pid} does not stop.", remedy=f"kill -9 {pid}")


def _alive(pid: int) -> bool:
    try:
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with suppress(OSError, IndexError), open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return True


def _ready(desk: Desk) -> Any:
    """How the API says it is; that it does not answer is an answer too (it may be starting again)."""
    try:
        return desk.ask(lambda client: client.ready())
    except LiveryError as error:
        return {"status": "degraded", "checks": {"api": {"ok": False, "detail": error.message}}}


def status(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Say whether the platform of this home runs, and how it is; 0 only where it is ready.

    Example: livery status --json
    """
    settings = Settings.read()
    desk = desk_of(ctx)
    info = server_info(settings)
    document: dict[str, Any] = {"running": info is not None, "home": str(settings.home)}
    if info is not None:
        document |= info
        document["ready"] = _ready(desk)
    if as_json:
        desk.screen.document(document)
    elif info is None:
        desk.screen.say(f"Nothing is running in {settings.home}. Start it: livery up --detach")
    else:
        state = document["ready"]["status"]
        desk.screen.say(
            f"{state}: API {info['url']}, portal {info['portal_url']}, pid {info['pid']}"
        )
        for name, check in document["ready"]["checks"].items():
            desk.screen.say(f"{'✓' if check['ok'] else '✗'} {name}: {check['detail']}")
        if state != "ready":
            desk.screen.note(_ways_out(_failed(document["ready"]["checks"])))
    if info is None or document["ready"]["status"] != "ready":
        raise typer.Exit(exits.FAILED)
