"""Is a PostgreSQL answering? Asked on the wire, as libpq's PQping does."""

import socket
import struct
from enum import Enum
from pathlib import Path

from livery.integrations.postgres.layout import SOCKET_NAME

_PROTOCOL_3 = 196608
_PARAMETERS = b"user\0livery_ping\0database\0postgres\0\0"
_STARTUP = struct.pack("!ii", 8 + len(_PARAMETERS), _PROTOCOL_3) + _PARAMETERS
_CANNOT_CONNECT_NOW = b"C57P03\0"


class Answer(Enum):
    """What came back: `READY` asks for a password, `BUSY` starts or stops, `SILENT` is nobody."""

    READY = "ready"
    BUSY = "busy"
    SILENT = "silent"


def ping(socket_dir: Path, timeout_s: float = 2.0) -> Answer:
    """Open a session on the socket in `socket_dir` and read the first answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(timeout_s)
        try:
            door.connect(str(socket_dir / SOCKET_NAME))
            door.sendall(_STARTUP)
            reply = door.recv(1024)
        except TimeoutError:
            return Answer.BUSY
        except OSError:
            return Answer.SILENT
    if not reply:
        return Answer.SILENT
    # An error other than "starting up" (too many sessions, say) is still a living server.
    return Answer.BUSY if reply[:1] == b"E" and _CANNOT_CONNECT_NOW in reply else Answer.READY
