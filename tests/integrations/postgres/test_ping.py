import socket
from pathlib import Path

from livery.integrations.postgres import EmbeddedPostgres
from livery.integrations.postgres.layout import SOCKET_NAME
from livery.integrations.postgres.ping import Answer, ping


def test_a_server_answers(embedded_postgres: EmbeddedPostgres) -> None:
    assert ping(embedded_postgres.socket_dir) is Answer.READY


def test_nobody_and_a_stale_socket_are_silent(folder: Path) -> None:
    assert ping(folder) is Answer.SILENT
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / SOCKET_NAME))  # nobody listens
    assert ping(folder) is Answer.SILENT


def test_a_listener_that_does_not_speak_is_not_ready(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(folder / SOCKET_NAME))
        mute.listen()
        assert ping(folder, timeout_s=0.1) is Answer.BUSY
