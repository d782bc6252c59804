"""What `docmill.blobs` promises, for every implementation."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from docmill.blobs import BlobNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from docmill.blobs import BlobStore

MIB = 1024 * 1024


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """The parts one by one."""
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def read(store: BlobStore, key: str) -> bytes:
    """The whole blob through `get_stream`, whose chunks must be of bounded size."""
    parts = [part async for part in store.get_stream(key)]
    assert all(0 < len(part) <= MIB for part in parts)
    return b"".join(parts)


@pytest.mark.parametrize(
    "data", [b"", b"one", b"x" * MIB, b"\x00\xff" * 700_000], ids=["empty", "small", "a piece", "large"]
)
async def test_put_and_get(blobs: BlobStore, data: bytes) -> None:
    """What was put comes back byte for byte, whole, in chunks and as its size."""
    await blobs.put("documents/doc_1", data)
    assert await blobs.get("documents/doc_1") == data
    assert await read(blobs, "documents/doc_1") == data
    assert await blobs.size("documents/doc_1") == len(data)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"",),
        (b"a",),
        (b"a", b"", b"bc"),
        (b"x" * MIB,),
        (os.urandom(3 * MIB), os.urandom(4 * MIB), b"end"),
        (b"x" * 1000,) * 50,
        (b"x" * 1000,) * 3000,
    ],
    ids=["none", "empty", "one", "some", "a piece", "large", "many", "more"],
)
async def test_put_stream(blobs: BlobStore, parts: tuple[bytes, ...]) -> None:
    """Chunks of any size make one blob, and the size is returned."""
    data = b"".join(parts)
    assert await blobs.put_stream("documents/doc_1", chunks(*parts)) == len(data)
    assert await blobs.get("documents/doc_1") == data
    assert await read(blobs, "documents/doc_1") == data


async def test_a_second_put_replaces_the_first(blobs: BlobStore) -> None:
    """Whatever way either was put, also by something shorter."""
    await blobs.put("a", b"the first one")
    await blobs.put("a", b"second")
    assert await blobs.get("a") == b"second"
    await blobs.put_stream("a", chunks(b"3", b"rd"))
    assert await blobs.get("a") == b"3rd"
    await blobs.put("a", b"")
    assert await blobs.get("a") == b""


async def test_keys_are_apart(blobs: BlobStore) -> None:
    """Every character that a key may have makes another key."""
    keys = ["a", "A", "a.b", "a_b", "a-b", "a=b", "0", "x/y/z", "x/y.z", ".hidden", "...", "x/..z", "z" * 200]
    for key in keys:
        await blobs.put(key, key.encode())
    assert [await blobs.get(key) for key in keys] == [key.encode() for key in keys]


async def test_an_absent_blob_is_not_found(blobs: BlobStore) -> None:
    """`get`, `get_stream` and `size` say so, also for a key below or above an existing one."""
    await blobs.put("a/b", b"")
    for key in ("absent", "a", "a/b/c", "a/absent"):
        with pytest.raises(BlobNotFound):
            await blobs.get(key)
        with pytest.raises(BlobNotFound):
            await read(blobs, key)
        with pytest.raises(BlobNotFound):
            await blobs.size(key)
        await blobs.delete(key)
    assert await blobs.get("a/b") == b""


async def test_delete(blobs: BlobStore) -> None:
    """A deleted blob is gone, and deleting an absent one does nothing."""
    await blobs.put("a/b", b"1")
    await blobs.delete("a/b")
    with pytest.raises(BlobNotFound):
        await blobs.get("a/b")
    await blobs.delete("a/b")
    await blobs.delete("never/there")
    await blobs.put("a/b", b"2")
    assert await blobs.get("a/b") == b"2"


class Boom(Exception):
    """What the source of an upload may raise."""


async def failing(*parts: bytes) -> AsyncIterator[bytes]:
    """The parts, then trouble."""
    for part in parts:
        yield part
    raise Boom


@pytest.mark.parametrize("size", [10, 12 * MIB])
async def test_a_failed_stream_leaves_nothing(blobs: BlobStore, size: int) -> None:
    """If the iterator raises, that comes out, nothing is stored, and an older blob stays as it was."""
    part = b"x" * min(size, MIB)
    with pytest.raises(Boom):
        await blobs.put_stream("new", failing(*[part] * (size // len(part))))
    with pytest.raises(BlobNotFound):
        await blobs.get("new")
    await blobs.put("old", b"as it was")
    with pytest.raises(Boom):
        await blobs.put_stream("old", failing(*[part] * (size // len(part))))
    assert await blobs.get("old") == b"as it was"


async def test_a_cancelled_stream_leaves_nothing(blobs: BlobStore) -> None:
    """A caller that goes away in the middle of an upload leaves the older blob as it was."""
    await blobs.put("old", b"as it was")
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            started.set()
            await asyncio.sleep(0.001)

    upload = asyncio.create_task(blobs.put_stream("old", endless()))
    await started.wait()
    upload.cancel()
    with suppress(asyncio.CancelledError):
        await upload
    assert upload.cancelled()
    assert await blobs.get("old") == b"as it was"


async def test_a_reader_sees_whole_blobs_only(blobs: BlobStore) -> None:
    """While two writers replace a blob again and again, every read gives one of the whole blobs."""
    versions = [bytes([letter]) * 300_000 for letter in b"ab"]
    await blobs.put("shared", versions[0])

    async def write(version: bytes) -> None:
        for _ in range(8):
            await blobs.put("shared", version)
            await blobs.put_stream("shared", chunks(version[:100_000], version[100_000:]))

    writers = [asyncio.create_task(write(version)) for version in versions]
    while not all(writer.done() for writer in writers):
        assert await blobs.get("shared") in versions
        assert await read(blobs, "shared") in versions
        await asyncio.sleep(0)
    await asyncio.gather(*writers)
    assert await blobs.get("shared") in versions


async def test_many_at_once(blobs: BlobStore) -> None:
    """A hundred blobs put and read at the same time do not mix."""
    await asyncio.gather(*(blobs.put(f"pages/{n % 7}/{n}", b"%d" % n) for n in range(100)))
    found = await asyncio.gather(*(blobs.get(f"pages/{n % 7}/{n}") for n in range(100)))
    assert list(found) == [b"%d" % n for n in range(100)]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../outside",
        "a/../../outside",
        "a/./b",
        "a//b",
        "a/",
        "~incoming/x",
        "a b",
        "a\\b",
        "a\n",
        "a\0b",
        "é",
        "a?x=1",
        "a%2e%2e",
        "x" * 1000,
    ],
)
async def test_other_keys_are_refused(blobs: BlobStore, key: str) -> None:
    """A key that leaves the store, or that any store could read in another way, raises `ValueError` everywhere."""
    for call in (blobs.get(key), blobs.size(key), blobs.delete(key), blobs.put(key, b""), read(blobs, key)):
        with pytest.raises(ValueError, match="no blob key"):
            await call
    with pytest.raises(ValueError, match="no blob key"):
        await blobs.put_stream(key, chunks(b""))


async def test_an_abandoned_reader_harms_nothing(blobs: BlobStore) -> None:
    """A reader may stop after the first chunk."""
    await blobs.put("a", b"x" * (3 * MIB))
    stream = blobs.get_stream("a")
    async for part in stream:
        assert part
        break
    await stream.aclose()  # type: ignore[attr-defined]  # an async generator in every implementation
    assert await blobs.size("a") == 3 * MIB


async def test_ping(blobs: BlobStore) -> None:
    """A store that can be used answers."""
    await blobs.ping()


async def test_delete_under(blobs: BlobStore) -> None:
    """All that is below a name goes, at any depth, and nothing whose name only begins alike; twice does no harm."""
    below = [f"pages/a/{n // 100}/{n}" for n in range(120)]
    beside = ["pages/ab/1", "pages/b/a/1", "other"]
    await asyncio.gather(*(blobs.put(key, b"x") for key in (*below, *beside)))
    for _ in range(2):
        await blobs.delete_under("pages/a")
    for key in below:
        with pytest.raises(BlobNotFound):
            await blobs.size(key)
    assert [await blobs.get(key) for key in beside] == [b"x"] * 3
    await blobs.put(below[0], b"again")
    assert await blobs.get(below[0]) == b"again"
    await blobs.delete_under("never/was")
    await blobs.delete_under("other")  # a blob, and nothing below it
    assert await blobs.get("other") == b"x"
    with pytest.raises(ValueError, match="key"):
        await blobs.delete_under("../elsewhere")
