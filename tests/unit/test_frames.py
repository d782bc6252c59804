"""Frames between a worker and its child."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.worker import frames

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_headers = st.dictionaries(st.text(), _json, max_size=6)


def _receive(data: bytes) -> frames.Frame:
    async def receive() -> frames.Frame:
        stream = asyncio.StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        return await frames.receive(stream)

    return asyncio.run(receive())


@given(st.lists(st.tuples(_headers, st.binary(max_size=2000)), max_size=4))
def test_what_is_written_is_read(sent: list[tuple[dict[str, object], bytes]]) -> None:
    """Frames come out as they went in, in order, until the stream ends."""
    stream = io.BytesIO(b"".join(b"".join(frames.encode(header, body)) for header, body in sent))
    received = list(iter(lambda: frames.read(stream), None))
    assert [(frame.header, frame.body) for frame in received] == sent


@given(_headers, st.binary(max_size=200))
def test_both_readers_agree(header: dict[str, object], body: bytes) -> None:
    """The worker's asynchronous reader reads what the child writes."""
    assert _receive(b"".join(frames.encode(header, body))) == frames.Frame(header, body)


@given(_headers, st.binary(min_size=1, max_size=200), st.data())
def test_a_cut_stream_is_no_frame(header: dict[str, object], body: bytes, data: st.DataObject) -> None:
    """Both readers refuse a frame that ends early."""
    whole = b"".join(frames.encode(header, body))
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(frames.FrameError):
        frames.read(io.BytesIO(cut))
    with pytest.raises(EOFError):
        _receive(cut)


@given(st.binary(max_size=200))
def test_noise_never_raises_anything_else(noise: bytes) -> None:
    """Whatever a broken child sends is a frame, an end or a FrameError."""
    readers: list[Callable[[], frames.Frame | None]] = [lambda: frames.read(io.BytesIO(noise)), lambda: _receive(noise)]
    for reader in readers:
        try:
            frame = reader()
        except (frames.FrameError, EOFError):
            continue
        assert frame is None or isinstance(frame.header, dict)


@pytest.mark.parametrize("header", [b"[]", b"1", b"null", b'{"a":', b"\xff", b"[" * 5000])
def test_a_header_is_a_json_object(header: bytes) -> None:
    """Anything else is refused, also JSON nested beyond reason."""
    with pytest.raises(frames.FrameError):
        _receive(struct.pack(">I", len(header)) + header + struct.pack(">I", 0))


@pytest.mark.parametrize("limit", [frames.MAX_HEADER, frames.MAX_BODY])
def test_lengths_are_bounded_before_anything_is_read(limit: int) -> None:
    """A length beyond the bound is refused although none of its bytes has come."""
    head = struct.pack(">I", 2) + b"{}" if limit == frames.MAX_BODY else b""
    with pytest.raises(frames.FrameError):
        _receive(head + struct.pack(">I", limit + 1))


def test_a_frame_too_large_is_not_sent() -> None:
    """The sender learns it before a byte is written."""
    with pytest.raises(frames.FrameError):
        frames.encode({"text": "x" * frames.MAX_HEADER})
