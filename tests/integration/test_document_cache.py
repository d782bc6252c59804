"""Documents on a worker's disk."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docmill.blobs.memory import MemoryBlobStore
from docmill.domain.errors import DocmillError, NotFound, Reason
from docmill.worker.cache import DocumentCache


class CountingStore(MemoryBlobStore):
    """Counts downloads, and holds them up until told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.downloads = 0
        self.go = asyncio.Event()
        self.go.set()

    async def get_stream(self, key: str) -> AsyncIterator[bytes]:
        self.downloads += 1
        await self.go.wait()
        async for chunk in super().get_stream(key):
            yield chunk


@pytest.fixture
async def store() -> CountingStore:
    """Three documents of 1,000 bytes."""
    store = CountingStore()
    for name in "abc":
        await store.put(name, name.encode() * 1000)
    return store


@pytest.fixture
async def cache(store: CountingStore, tmp_path: Path) -> AsyncIterator[DocumentCache]:
    """A worker's cache."""
    cache = DocumentCache(tmp_path / "cache", store)
    yield cache
    await cache.aclose()


async def _read(cache: DocumentCache, key: str, sha256: str = "") -> bytes:
    async with cache.hold(key, sha256) as path:
        return path.read_bytes()


async def test_a_document_is_fetched_once(store: CountingStore, cache: DocumentCache) -> None:
    """Everybody who asks shares one download, also those who come while it is under way."""
    store.go.clear()
    readers = [asyncio.create_task(_read(cache, "a", hashlib.sha256(b"a" * 1000).hexdigest())) for _ in range(5)]
    await asyncio.sleep(0)
    store.go.set()
    assert await asyncio.gather(*readers) == [b"a" * 1000] * 5
    assert await _read(cache, "a") == b"a" * 1000
    assert store.downloads == 1


async def test_one_asker_leaving_does_not_disturb_the_others(store: CountingStore, cache: DocumentCache) -> None:
    """A cancelled job does not take the download away from the other pages' jobs."""
    store.go.clear()
    first, second = (asyncio.create_task(_read(cache, "a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    store.go.set()
    assert await second == b"a" * 1000


async def test_the_folder_is_bounded(store: CountingStore, tmp_path: Path) -> None:
    """The least recently used document goes first, and one in use stays."""
    cache = DocumentCache(tmp_path / "cache", store, max_bytes=2000)
    async with cache.hold("a") as held:
        await _read(cache, "b")
        await _read(cache, "c")
        assert held.read_bytes() == b"a" * 1000
        assert len(list((tmp_path / "cache" / "0").iterdir())) == 2
    assert await _read(cache, "c") == b"c" * 1000
    assert store.downloads == 3
    assert await _read(cache, "b") == b"b" * 1000
    assert store.downloads == 4
    await cache.aclose()


async def test_a_document_that_is_gone(store: CountingStore, cache: DocumentCache) -> None:
    """An absent blob is the user's to upload again; a later try looks again."""
    with pytest.raises(NotFound) as caught:
        await _read(cache, "d")
    assert (caught.value.reason, caught.value.retryable) == (Reason.DOCUMENT_NOT_FOUND, False)
    await store.put("d", b"there now")
    assert await _read(cache, "d") == b"there now"


async def test_other_bytes_than_promised(cache: DocumentCache, tmp_path: Path) -> None:
    """A document whose checksum differs is never worked on, and may be right at the next attempt."""
    with pytest.raises(DocmillError) as caught:
        await _read(cache, "a", hashlib.sha256(b"b").hexdigest())
    assert caught.value.retryable
    assert not list((tmp_path / "cache" / "0").iterdir())


async def test_it_begins_and_ends_empty(store: CountingStore, tmp_path: Path) -> None:
    """What a killed worker left behind is removed, and a stopped one leaves nothing."""
    folder = tmp_path / "cache"
    (folder / "0").mkdir(parents=True)
    (folder / "0" / "old.part").write_bytes(b"left behind")
    cache = DocumentCache(folder, store)
    assert not list((folder / "0").iterdir())
    await _read(cache, "a")
    await cache.aclose()
    await cache.aclose()
    assert not [path for path in folder.rglob("*") if path.is_dir() or path.stat().st_size]


async def test_workers_share_a_folder(store: CountingStore, tmp_path: Path) -> None:
    """A worker that starts or stops beside another one leaves the other's documents alone, and goes where one ended."""
    folder = tmp_path / "cache"
    first, second = DocumentCache(folder, store), DocumentCache(folder, store)
    async with first.hold("a") as held, second.hold("b") as other:
        assert held.parent != other.parent
        third = DocumentCache(folder, store)
        await third.aclose()
        assert (held.read_bytes(), other.read_bytes()) == (b"a" * 1000, b"b" * 1000)
    await first.aclose()
    successor = DocumentCache(folder, store)
    async with successor.hold("a") as again:
        assert again == held
        assert other.read_bytes() == b"b" * 1000
    await successor.aclose()
    await second.aclose()


async def test_a_killed_worker_leaves_its_place(store: CountingStore, tmp_path: Path) -> None:
    """The place of a worker that was killed is taken by the next one, and what it left there is removed."""
    folder = tmp_path / "cache"
    script = (
        "import sys, time; from pathlib import Path; from docmill.blobs.memory import MemoryBlobStore\n"
        "from docmill.worker.cache import DocumentCache\n"
        "cache = DocumentCache(Path(sys.argv[1]), MemoryBlobStore())\n"
        "(Path(sys.argv[1]) / '0' / 'left').touch(); print(flush=True); time.sleep(60)\n"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    await worker.stdout.readline()
    worker.kill()
    await worker.wait()
    cache = DocumentCache(folder, store)
    async with cache.hold("a") as held:
        assert (held.parent.name, list(held.parent.iterdir())) == ("0", [held])
    await cache.aclose()
