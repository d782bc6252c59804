"""What only the folder store promises, and which store a URL means."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from docmill.blobs import BlobNotFound
from docmill.blobs.factory import open_blobs
from docmill.blobs.folder import FolderBlobStore
from docmill.blobs.memory import MemoryBlobStore
from docmill.blobs.s3 import S3BlobStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MIB = 1024 * 1024

WRITER = """
import asyncio, sys
from pathlib import Path
from docmill.blobs.folder import FolderBlobStore

async def endless():
    while True:
        yield b"x" * 700_000  # what is less than a megabyte is written when the rest is there
        print("wrote", flush=True)

asyncio.run(FolderBlobStore(Path(sys.argv[1])).put_stream("documents/doc_1", endless()))
"""


def files(folder: Path) -> list[Path]:
    """All files below `folder`."""
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_writer_that_is_killed_leaves_nothing_visible(tmp_path: Path) -> None:
    """After kill -9 in the middle of an upload there is no blob; a day later its remains are gone too."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, tmp_path, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert writer.stdout is not None
    for _ in range(2):
        assert await writer.stdout.readline() == b"wrote\n"
    writer.send_signal(signal.SIGKILL)
    await writer.communicate()

    store = FolderBlobStore(tmp_path)
    with pytest.raises(BlobNotFound):
        await store.get("documents/doc_1")
    [remains] = files(tmp_path)
    await store.aclose()

    yesterday = time.time() - 25 * 3600
    os.utime(remains, (yesterday, yesterday))
    await FolderBlobStore(tmp_path).aclose()
    assert files(tmp_path) == []


async def test_failed_uploads_leave_no_files(tmp_path: Path) -> None:
    """Neither a source that raises nor a key that cannot be stored leaves a file behind."""
    store = FolderBlobStore(tmp_path)

    async def failing() -> AsyncIterator[bytes]:
        yield b"x"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        await store.put_stream("a", failing())
    await store.put("folder/blob", b"1")
    with pytest.raises(OSError, match="folder"):
        await store.put("folder", b"2")
    with pytest.raises(OSError, match="folder/blob"):
        await store.put("folder/blob/below", b"3")
    await store.ping()
    await store.aclose()
    assert files(tmp_path) == [tmp_path / "folder" / "blob"]


async def test_a_large_stream_needs_little_memory(tmp_path: Path) -> None:
    """64 MiB go in and out with a few MiB of memory."""
    store = FolderBlobStore(tmp_path)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(MIB)

    tracemalloc.start()
    try:
        assert await store.put_stream("large", large()) == 64 * MIB
        read = 0
        async for part in store.get_stream("large"):
            read += len(part)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await store.aclose()
    assert read == 64 * MIB
    assert peak < 6 * MIB


async def test_a_reader_keeps_the_blob_it_began_with(tmp_path: Path) -> None:
    """A blob that is replaced or deleted while it is read is read to its end."""
    store = FolderBlobStore(tmp_path)
    old = b"a" * (2 * MIB)
    await store.put("blob", old)
    stream = store.get_stream("blob")
    parts = [await anext(stream)]
    await store.put("blob", b"new")
    await store.delete("blob")
    parts += [part async for part in stream]
    assert b"".join(parts) == old
    await store.aclose()


async def test_documents_are_for_their_owner_only(tmp_path: Path) -> None:
    """Other users of the machine can read neither folders nor files."""
    store = FolderBlobStore(tmp_path / "blobs")
    await store.put("documents/doc_1", b"1")
    for path in (tmp_path / "blobs", *(tmp_path / "blobs").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    await store.aclose()


async def test_stores_share_a_folder(tmp_path: Path) -> None:
    """What one process puts, another one gets."""
    one, two = FolderBlobStore(tmp_path), FolderBlobStore(tmp_path)
    await one.put("blob", b"1")
    assert await two.get("blob") == b"1"
    await one.aclose()
    await two.aclose()


async def test_urls(tmp_path: Path) -> None:
    """The scheme of the URL chooses the store; blanks in paths are allowed."""
    folder = open_blobs(f"file://{tmp_path}/with%20blank")
    assert isinstance(folder, FolderBlobStore)
    await folder.put("a", b"1")
    assert (tmp_path / "with blank" / "a").read_bytes() == b"1"
    await folder.aclose()
    assert isinstance(open_blobs("memory://"), MemoryBlobStore)
    assert isinstance(open_blobs("s3://bucket/prefix?region=eu-central-1"), S3BlobStore)


@pytest.mark.parametrize(
    "url", ["", "/data", "file://host/path", "file://relative", "s3:///prefix", "s3://bucket?endpiont=x", "gs://bucket"]
)
def test_other_urls_are_refused(url: str) -> None:
    """With what a URL may be."""
    with pytest.raises(ValueError, match="blob store's URL"):
        open_blobs(url)


async def test_an_s3_server_that_is_away(tmp_path: Path) -> None:
    """Everything raises `OSError`, never "not found", and says nothing of keys or hosts it should not."""
    store = S3BlobStore(
        "bucket", endpoint="http://127.0.0.1:9", access_key_id="key", secret_access_key="secret", retry_seconds=0
    )
    for call in (store.ping(), store.get("a"), store.put("a", b"1"), store.size("a"), store.delete("a")):
        with pytest.raises(OSError, match="blob store") as raised:
            await call
        assert not isinstance(raised.value, FileNotFoundError)
