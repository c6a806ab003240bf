"""The frame of facts: complete, or refused with a reason."""

import json
from typing import Any

import pytest

from livery.manifest.segment_frame import (
    MAGIC,
    MAX_FRAME,
    FrameInvalid,
    pack_frame,
    pack_segment,
    unpack_frame,
)
from livery.manifest.session_facts import FACTS_VERSION


def frame(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return MAGIC + len(text).to_bytes(4, "big") + text + data


def test_there_and_back() -> None:
    segments = [pack_segment("sessions", 2, b"abc"), pack_segment("messages", 1, b"")]
    found = unpack_frame(pack_frame(segments, [{"file": "x"}]))
    assert found.segments == tuple(segments)
    assert found.cursors == ({"file": "x"},)
    # sha256("abc"), FIPS 180-2's first example
    assert found.segments[0].sha256.startswith("ba7816bf8f01cfea414140de5dae2223")


EMPTY = {"version": FACTS_VERSION, "segments": [], "cursors": []}
ENTRY = {"entity": "sessions", "rows": 1, "size": 0, "sha256": ""}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not a frame"),
        (b"LVF2" + frame(EMPTY)[4:], "not a frame"),
        (frame(EMPTY)[:-1], "the header is cut"),
        (MAGIC + b"\xff\xff\xff\xff", "the header is cut"),
        (frame(b"{"), "the header is not JSON"),
        (frame(b"[" * 60_000), "the header is not JSON"),
        (frame([]), "the facts are of another version"),
        (frame({**EMPTY, "version": "0"}), "the facts are of another version"),
        (frame({**EMPTY, "segments": {}}), "segments is not a list"),
        (frame({**EMPTY, "cursors": [1]}), "cursors is not a list"),
        (frame({**EMPTY, "segments": [{**ENTRY, "size": -1}]}), "a segment's size"),
        (frame({**EMPTY, "segments": [{**ENTRY, "rows": True}]}), "a segment's size"),
        (frame({**EMPTY, "segments": [ENTRY]}), "a segment does not match"),
        (frame(EMPTY, b"x"), "the frame's length"),
        (b"\0" * (MAX_FRAME + 1), "the frame is too large"),
    ],
    ids=range(15),
)
def test_anything_else_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(FrameInvalid, match=f"^{reason}"):
        unpack_frame(body)
