"""A real HTTP server on loopback that counts what it is sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers `status` with `answer`; with `hang` it reads and never answers, with `drop` it hangs up."""

    port: int = 0
    status: int = 200
    answer: bytes = b"ok"
    answer_headers: dict[str, str] = field(default_factory=dict)
    hang: threading.Event | None = None
    drop: bool = False
    received: list[Received] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/hook"


@contextmanager
def receiver(**options: Any) -> Iterator[Receiver]:
    """A running server."""
    kept = Receiver(**options)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.received.append(Received(self.command, self.path, headers, body))
            if kept.hang is not None:
                kept.hang.wait(60)
            if kept.drop:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(kept.status)
            for name, value in kept.answer_headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(kept.answer)))
            self.end_headers()
            self.wfile.write(kept.answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _take  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield kept
    finally:
        if kept.hang is not None:
            kept.hang.set()
        server.shutdown()
        server.server_close()
