"""The vault's process: its database, its key, its socket; nothing of the platform."""

from __future__ import annotations

import asyncio
import ctypes
import ipaddress
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.applications import Starlette

from livery.vault.errors import VaultMisconfigured
from livery.vault.keys import KeyFile
from livery.vault.postgres import PostgresBackend
from livery.vault.server import make_app
from livery.vault.store import Store
from livery.vault.tokens import Callers

_LONGEST_SOCKET_PATH = 107  # sun_path of sockaddr_un, without its final NUL
_PR_SET_DUMPABLE = 4


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """Where the vault listens: a unix socket, or a TCP address (with TLS unless on loopback)."""

    uds: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8702
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def check(self) -> None:
        """Raise `VaultMisconfigured` for an address that is taken, too long or in the open."""
        if self.uds is None:
            if self.tls_cert is None and not ipaddress.ip_address(self.host).is_loopback:
                raise VaultMisconfigured("The vault needs TLS on an address beyond loopback.")
            return
        if len(os.fsencode(self.uds.resolve())) > _LONGEST_SOCKET_PATH:
            raise VaultMisconfigured(
                f"The socket path is longer than {_LONGEST_SOCKET_PATH} bytes.",
                remedy="Use a shorter LIVERY_HOME, or a TCP port.",
            )
        if _answers(self.uds):
            raise VaultMisconfigured(f"Another vault listens on {self.uds}.")
        self.uds.unlink(missing_ok=True)  # left by a killed process


@asynccontextmanager
async def build_app(dsn: str, keys_dir: Path) -> AsyncIterator[Starlette]:
    """Open the vault (database role `livery_vault`, keys and tokens in `keys_dir`) as an app."""
    async with PostgresBackend.open(dsn, keys_dir) as backend:
        yield make_app(backend, Callers.load_or_create(keys_dir))


async def serve(
    dsn: str,
    keys_dir: Path,
    address: VaultAddress,
    *,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. The database must be migrated (`livery.vault.migrate`)."""
    harden()
    address.check()
    async with build_app(dsn, keys_dir) as app:
        server = Server(
            app,
            uds=address.uds,
            address=address.host,
            port=address.port,
            interface=Interfaces.ASGINL,
            websockets=False,
            log_access=False,
            log_level=LogLevels.error,
            ssl_cert=address.tls_cert,
            ssl_key=address.tls_key,
        )

        @server.on_startup
        def listening() -> None:
            if address.uds is not None:
                address.uds.chmod(0o600)
            if on_ready is not None:
                on_ready()

        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, server.stop)
        await server.serve()


async def rotate_key(dsn: str, keys_dir: Path) -> int:
    """Rotate the key-encryption key, with or without a running vault; return the new version."""
    keys = KeyFile(keys_dir)
    async with Store.open(dsn) as store:
        return await PostgresBackend(store, keys, keys.load_or_create()).rotate_kek()


def harden() -> None:
    """Keep secrets out of core dumps and other processes' debuggers; new files are ours alone."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(str(path))
        return True
    return False
