"""The processes of a deployment, each a command of its own: api, portal, worker, vault."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from typing import Annotated

import structlog
import typer

from livery.entrypoints import child
from livery.entrypoints.background import pause
from livery.entrypoints.ports import any_port, api_port
from livery.entrypoints.settings import Settings
from livery.manifest.errors import LiveryError
from livery.services.audit.audit import Audit

CHECKPOINT_S = 300.0
_worker_log = structlog.get_logger("livery.worker")

ApiPort = Annotated[int | None, typer.Option(callback=api_port, help="The port to listen on.")]
Port = Annotated[int | None, typer.Option(callback=any_port, help="The port to listen on.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]


def _settings(port: int | None = None) -> tuple[Settings, str]:
    settings = Settings.read(port=port)
    if settings.database_url is None:
        raise LiveryError(
            "configuration_error",
            "This process needs LIVERY_DATABASE_URL, the URL of its own role.",
            remedy="On one machine use `livery up`; on many see docs/deployment.md.",
        )
    settings.prepare()
    return settings, settings.database_url


def _log(settings: Settings, name: str) -> None:
    from livery.integrations.telemetry.logs import configure

    configure(settings.log_level, settings.logs_dir / f"{name}.log", linger_s=0.05)
    child.follow_parent()


def api(
    port: ApiPort = None,
    host: Host = "127.0.0.1",
    public_url: Annotated[str | None, typer.Option(help="The https address outside.")] = None,
) -> None:
    """Serve the HTTP API. LIVERY_DATABASE_URL is the URL of the role livery_api."""
    from livery.entrypoints.api import serve
    from livery.entrypoints.probes import probe_from

    settings, dsn = _settings(port)
    _log(settings, "api")
    ready = child.say_ready
    probe = probe_from(os.environ)
    child.run(serve(settings, dsn, host=host, public_url=public_url, on_ready=ready, probe=probe))


def portal(
    port: Port = None,
    host: Host = "127.0.0.1",
    api_url: Annotated[str | None, typer.Option(help="The address of the API.")] = None,
    public_url: Annotated[str | None, typer.Option(help="The https address outside.")] = None,
) -> None:
    """Serve the operator's portal. It knows the API's address and no database."""
    from livery.entrypoints.portal import build_app, serve

    if os.environ.get("LIVERY_DATABASE_URL"):
        raise LiveryError(
            "configuration_error",
            "A portal holds no database URL.",
            remedy="Start it without LIVERY_DATABASE_URL.",
        )
    settings = Settings.read(port=port)
    settings.prepare()
    _log(settings, "portal")
    url = api_url or f"http://127.0.0.1:{settings.port}"
    at = port if port is not None else settings.port + 1
    app = build_app(settings.home, url, public_url=public_url, version=settings.version)
    child.run(serve(app, host=host, port=at, public_url=public_url, on_ready=child.say_ready))


def worker() -> None:
    """Run what waits, settle what dead processes left, sign the record. LIVERY_DATABASE_URL is livery_worker's."""
    settings, dsn = _settings()
    _log(settings, "worker")
    child.run(_work(settings, dsn))


async def _work(settings: Settings, dsn: str) -> None:
    from livery.entrypoints.certificates import keep_certificates
    from livery.entrypoints.jobs import hear_wakes
    from livery.entrypoints.platform import open_platform
    from livery.integrations.queue.wakes import GRACE_S

    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(open_platform(settings, dsn, kind="worker"))
        stop, quiet = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        hearing = asyncio.create_task(hear_wakes(dsn, platform.jobs, stop))
        lapsing = asyncio.create_task(keep_certificates(platform, stop))
        signing = asyncio.create_task(keep_checkpoints(platform.services.audit, quiet))
        child.say_ready()
        await stop.wait()
        await platform.sweep.stop()
        await platform.approvals.stop()
        # What was woken and what was swept up end within the same grace; the last signature comes after both.
        await asyncio.gather(
            hearing, lapsing, platform.jobs.stop(GRACE_S), platform.services.waiting.stop(GRACE_S)
        )
        quiet.set()
        await signing


async def keep_checkpoints(audit: Audit, stop: asyncio.Event) -> None:
    """Sign the heads of the record every five minutes in which it grew, and once more at the end."""
    signed = 0
    while not stop.is_set():
        await pause(stop, CHECKPOINT_S)
        try:
            position = await audit.position()
            if position != signed:
                await audit.checkpoint()
                signed = position
        except Exception as error:
            _worker_log.warning("checkpoint_failed", error=type(error).__name__)


def vault(
    port: Port = None,
    host: Host = "127.0.0.1",
) -> None:
    """Serve the vault: on a socket in LIVERY_HOME, or on a port. LIVERY_DATABASE_URL is that of livery_vault."""
    from livery.entrypoints.vault import VaultAddress, serve

    settings, dsn = _settings(port)
    _log(settings, "vault")
    uds = settings.run_dir / "vault.sock"
    if port is None and len(os.fsencode(uds)) <= 100:
        address = VaultAddress(uds=uds)
    else:
        address = VaultAddress(host=host, port=port if port is not None else settings.port + 2)
    child.run(serve(dsn, settings.keys_dir, address, on_ready=child.say_ready))
