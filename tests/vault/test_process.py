"""The vault as it runs: its own process on a unix socket or loopback, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tests.support.postgres import session_home

from livery.entrypoints.vault import VaultAddress, rotate_key
from livery.integrations.postgres import binaries
from livery.vault import errors
from livery.vault.client import VaultClient
from livery.vault.errors import VaultMisconfigured
from livery.vault.secret import Secret
from livery.vault.tokens import read_token
from livery.vault.types import Grant

from .conftest import CANARY, Database, Make

SERVE = """
import asyncio, os, sys
from pathlib import Path
from livery.entrypoints.vault import VaultAddress, serve
arguments = dict(a.split("=", 1) for a in sys.argv[2:])
kinds = {"host": str, "port": int}
address = VaultAddress(**{k: kinds.get(k, Path)(v) for k, v in arguments.items()})
ready = lambda: print("ready", flush=True)
asyncio.run(serve(os.environ["VAULT_DSN"], Path(sys.argv[1]), address, on_ready=ready))
"""


class Process:
    """A vault in a process of its own; `log` is all that it printed."""

    def __init__(self, child: asyncio.subprocess.Process, keys_dir: Path, log: Path) -> None:
        self.child = child
        self.keys_dir = keys_dir
        self.log = log

    def client(self, grant: Grant, **where: Any) -> VaultClient:
        return VaultClient(read_token(self.keys_dir, grant), **where)

    async def end(self, number: int) -> int:
        self.child.send_signal(number)
        return await asyncio.wait_for(self.child.wait(), 30)


@asynccontextmanager
async def running(database: Database, folder: Path, **address: Any) -> AsyncIterator[Process]:
    log = folder / "vault.log"
    with log.open("ab") as output:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVE, str(folder / "keys"),
            *[f"{key}={value}" for key, value in address.items()],
            stdout=output, stderr=output, env={**os.environ, "VAULT_DSN": database.dsn},
        )  # fmt: skip
    try:
        for _ in range(600):
            if b"ready" in log.read_bytes() or child.returncode is not None:
                break
            await asyncio.sleep(0.05)
        yield Process(child, folder / "keys", log)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("v")  # a short path: a socket's may have 107 bytes


@pytest.fixture
async def database(make_database: Make) -> Database:
    return await make_database()


async def _use(process: Process, **where: Any) -> tuple[uuid.UUID, str]:
    space = uuid.uuid4()
    async with (
        process.client(Grant.WRITE, **where) as writer,
        process.client(Grant.RESOLVE, **where) as resolver,
    ):
        stored = await writer.store(space, "k", "l", Secret({"key": CANARY}))
        with pytest.raises(errors.InputInvalid):
            await writer.store(space, "K K", "l", Secret({"key": CANARY}))
        with pytest.raises(errors.Forbidden):
            await resolver.store(space, "k", "l", Secret({"key": CANARY}))
        await writer.rotate(space, stored.credential_ref, Secret({"key": CANARY + CANARY}))
        resolved = await resolver.resolve(
            stored.credential_ref, kind="k", workspace_id=space, run_id="r", skill_key="s"
        )
        assert resolved.secret.reveal() == {"key": CANARY + CANARY}
    return space, stored.credential_ref


async def test_a_secret_is_found_nowhere(database: Database, folder: Path) -> None:
    uds = folder / "vault.sock"
    async with running(database, folder, uds=uds) as process:
        await _use(process, uds=uds)
        assert await process.end(signal.SIGTERM) == 0
    await rotate_key(database.dsn, folder / "keys")
    tokens = [read_token(folder / "keys", grant).reveal().encode() for grant in Grant]
    needles = [CANARY.encode(), CANARY.encode().hex().encode(), *tokens]

    admin = await asyncpg.connect(database.admin_dsn)
    await admin.execute("CHECKPOINT")
    await admin.close()
    dump = subprocess.run(
        [binaries.tool("pg_dump"), f"--dbname={database.urls.vault_owner}"],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    assert b"cred_" in dump
    places = [path for path in session_home().rglob("*") if path.is_file()]
    assert any("pg_wal" in str(path) for path in places)
    places += [process.log]
    for text in [dump, *map(_content, places)]:
        assert [needle for needle in needles if needle in text] == []
    assert b"ready" in process.log.read_bytes()


async def test_the_socket_is_private_and_ends_with_the_process(
    database: Database, folder: Path
) -> None:
    uds = folder / "vault.sock"
    async with running(database, folder, uds=uds) as process:
        assert uds.stat().st_mode & 0o777 == 0o600
        limits = Path(f"/proc/{process.child.pid}/limits")
        if limits.exists():
            (line,) = [x for x in limits.read_text().splitlines() if x.startswith("Max core file")]
            assert line.split()[4:6] == ["0", "0"]
        with pytest.raises(VaultMisconfigured, match="Another vault"):
            VaultAddress(uds=uds).check()
        assert await process.end(signal.SIGTERM) == 0
    assert not uds.exists()


async def test_a_killed_vault_does_not_stop_the_next(database: Database, folder: Path) -> None:
    uds = folder / "vault.sock"
    async with running(database, folder, uds=uds) as process:
        space, ref = await _use(process, uds=uds)
        assert await process.end(signal.SIGKILL) == -signal.SIGKILL
    assert uds.exists()
    async with VaultClient(Secret("t"), uds=uds) as client:
        with pytest.raises(errors.VaultUnreachable):
            await client.list(space)
    process.log.unlink()
    async with running(database, folder, uds=uds) as process:
        async with process.client(Grant.WRITE, uds=uds) as client:
            assert [c.credential_ref for c in (await client.list(space))[0]] == [ref]
        assert await process.end(signal.SIGINT) == 0


async def test_loopback(database: Database, folder: Path) -> None:
    port = _free_port()
    async with running(database, folder, port=port) as process:
        await _use(process, base_url=f"http://127.0.0.1:{port}")
        assert await process.end(signal.SIGTERM) == 0


async def test_tls(database: Database, folder: Path) -> None:
    port = _free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "tls.key", "-out", folder / "tls.pem"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    trust = ssl.create_default_context(cafile=folder / "tls.pem")
    async with running(
        database, folder, host="127.0.0.1", port=port,
        tls_cert=folder / "tls.pem", tls_key=folder / "tls.key",
    ) as process:  # fmt: skip
        for grant in (Grant.WRITE,):
            async with process.client(
                grant,
                base_url=f"https://127.0.0.1:{port}",
                transport=httpx.AsyncHTTPTransport(verify=trust),
            ) as client:
                assert await client.list(uuid.uuid4()) == ([], None)
        async with process.client(Grant.WRITE, base_url=f"https://127.0.0.1:{port}") as client:
            with pytest.raises(errors.VaultUnreachable):
                await client.list(uuid.uuid4())


def test_addresses_in_the_open_are_refused(folder: Path) -> None:
    with pytest.raises(VaultMisconfigured, match="TLS"):
        VaultAddress(host="0.0.0.0").check()
    with pytest.raises(VaultMisconfigured, match="107"):
        VaultAddress(uds=folder / ("x" * 100)).check()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # other tests use the same server
        return b""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
