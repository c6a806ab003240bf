import errno
import io
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from livery.integrations.telemetry.logs import GatheredLines, SpareLines

PROGRAM = """
import sys
from pathlib import Path
import structlog
from livery.integrations.telemetry.logs import configure
configure("INFO", Path(sys.argv[1]), linger_s=60.0)
for number in range(3):
    structlog.get_logger("x").info("line", number=number)
"""


def test_lines_of_many_threads_all_arrive_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("ab", buffering=0) as file:
        lines = GatheredLines(file, 0.005)
        writers = [
            threading.Thread(
                target=lambda who=who: [lines.write(b"%d %d\n" % (who, i)) for i in range(500)]
            )
            for who in range(4)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        until = time.monotonic() + 120
        while path.read_bytes().count(b"\n") < 2000 and time.monotonic() < until:
            time.sleep(0.01)
        lines.write_out()
    found = [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
    assert sorted(found) == [(who, i) for who in range(4) for i in range(500)]
    for who in range(4):
        assert [i for w, i in found if w == who] == list(range(500))


def test_what_waits_at_the_end_of_the_process_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log"
    subprocess.run([sys.executable, "-c", PROGRAM, path], check=True, timeout=60)
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [0, 1, 2]


class Full(io.RawIOBase):
    def write(self, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_stops_the_log_only() -> None:
    SpareLines(Full()).write(b"lost\n")
    lines = GatheredLines(Full(), 60.0)
    lines.write(b"lost\n")
    lines.write_out()
