"""Frames between a worker and its child process: one JSON object and one body, each behind its length.

    u32 length of the JSON | JSON object (UTF-8) | u32 length of the body | body          (big endian)

The child opens untrusted bytes and may be taken over by them, so nothing it sends is ever unpickled or executed:
a frame is bounded, parsed as JSON and checked field by field by whoever reads it.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

__all__ = ["MAX_BODY", "MAX_HEADER", "Frame", "FrameError", "encode", "read", "receive"]

MAX_HEADER = 8 * 1024 * 1024
MAX_BODY = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """What came is no frame: the peer is broken and must not be listened to any more."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A request or a reply."""

    header: dict[str, Any]
    body: bytes = b""


def encode(header: dict[str, Any], body: bytes = b"") -> tuple[bytes, bytes]:
    """The frame in two parts to be written one after the other, so that a large body is not copied.

    Raises `FrameError` for a part beyond its bound.
    """
    packed = orjson.dumps(header)
    _check(len(packed), MAX_HEADER)
    _check(len(body), MAX_BODY)
    return b"".join((_LENGTH.pack(len(packed)), packed, _LENGTH.pack(len(body)))), body


def read(stream: BinaryIO) -> Frame | None:
    """The next frame of a blocking stream; None at its end. Raises `FrameError`."""
    size = stream.read(_LENGTH.size)
    if not size:
        return None
    header = _exactly(stream, _length(size, MAX_HEADER))
    body = _exactly(stream, _length(_exactly(stream, _LENGTH.size), MAX_BODY))
    return Frame(_parse(header), body)


async def receive(stream: asyncio.StreamReader) -> Frame:
    """The next frame of an asyncio stream. Raises `EOFError` at its end, also amid a frame, and `FrameError`."""
    header = await stream.readexactly(_length(await stream.readexactly(_LENGTH.size), MAX_HEADER))
    body = await stream.readexactly(_length(await stream.readexactly(_LENGTH.size), MAX_BODY))
    return Frame(_parse(header), body)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise FrameError(f"the stream ended {size - len(data)} bytes early")
    return data


def _length(packed: bytes, limit: int) -> int:
    if len(packed) != _LENGTH.size:
        raise FrameError("the stream ended inside a length")
    (size,) = _LENGTH.unpack(packed)
    _check(size, limit)
    return int(size)


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise FrameError(f"a part of {size} bytes, at most {limit} are allowed")


def _parse(packed: bytes) -> dict[str, Any]:
    try:
        header = orjson.loads(packed)
    except orjson.JSONDecodeError as error:
        raise FrameError(f"the header is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise FrameError("the header is no JSON object")
    return header
