"""The smallest images of each kind, written by hand; of the JPEG only what its readers walk by."""

import base64
import struct
import zlib


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _segment(mark: int, data: bytes) -> bytes:
    return bytes([0xFF, mark]) + struct.pack(">H", len(data) + 2) + data


def png(*more: bytes) -> bytes:
    """One pixel; `more` are texts in chunks of their own."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = [_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(b"\0\0"))]
    chunks += [_chunk(b"tEXt", b"x\0" + text) for text in more]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def jpeg(comment: bytes = b"x") -> bytes:
    """With a comment, a thumbnail's end inside of a segment, stuffed bytes and a restart."""
    pixels = b"\x12\xff\x00\x34\xff\xd0\x56"
    parts = [_segment(0xE0, b"JFIF\0\xff\xd9"), _segment(0xFE, comment), b"\xff"]
    return b"\xff\xd8" + b"".join(parts) + _segment(0xDA, b"\1\1\0\0\x3f\0") + pixels + b"\xff\xd9"


GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
WEBP = base64.b64decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
IMAGES = {"a.png": png(), "a.jpg": jpeg(), "a.jpeg": jpeg(), "a.gif": GIF, "a.webp": WEBP}
