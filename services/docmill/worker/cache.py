"""Documents on the worker's own disk: fetched once, read page by page, forgotten when others need the room."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import itertools
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from docmill.blobs import BlobNotFound, BlobStore
from docmill.domain.errors import NotFound, Reason
from docmill.worker import faults
from docmill.worker.outages import chunks_of

__all__ = ["DocumentCache"]

log = structlog.stdlib.get_logger("docmill.worker")


@dataclass(slots=True)
class _Entry:
    download: asyncio.Task[None]
    size: int = 0
    """Bytes, once downloaded."""
    holders: int = 0


class DocumentCache:
    """Documents of one worker on disk, least recently used first out.

    Workers share `folder`: each takes the first of its subfolders `0`, `1`, ... that no living worker has, and empties
    it of what a killed one left. Documents in use are never removed, so there may be more than `max_bytes` of them.
    """

    def __init__(self, folder: Path, blobs: BlobStore, *, max_bytes: int = 2 * 1024**3) -> None:
        self._folder, self._lock = _take_subfolder(folder)
        self._blobs = blobs
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    @asynccontextmanager
    async def hold(self, key: str, sha256: str = "") -> AsyncIterator[Path]:
        """The document's file, which stays while it is held. Everybody who asks meanwhile shares one download.

        Raises `NotFound` for an absent blob, and `TryAgain` if what came is not what `sha256` (hex) says.
        """
        name = hashlib.sha256(key.encode()).hexdigest()
        entry = self._entries.get(name) or self._begin(name, key, sha256)
        self._entries.move_to_end(name)
        entry.holders += 1
        try:
            await asyncio.shield(entry.download)  # one asker's end is not the end of the others' download
            yield self._folder / name
        finally:
            entry.holders -= 1
            self._evict()

    async def aclose(self) -> None:
        """Stop downloads, remove the documents, and let another worker have the subfolder."""
        downloads = [entry.download for entry in self._entries.values()]
        for download in downloads:
            download.cancel()
        await asyncio.gather(*downloads, return_exceptions=True)
        self._entries.clear()
        self._bytes = 0
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        self._lock.close()

    def _begin(self, name: str, key: str, sha256: str) -> _Entry:
        download = asyncio.create_task(self._download(key, sha256, self._folder / name))
        download.add_done_callback(lambda done: self._finish(name, done))
        entry = self._entries[name] = _Entry(download)
        return entry

    def _finish(self, name: str, download: asyncio.Task[None]) -> None:
        """A failed download is forgotten, so that the next asker tries again."""
        if (download.cancelled() or download.exception()) and name in self._entries:
            del self._entries[name]

    async def _download(self, key: str, sha256: str, path: Path) -> None:
        """Fetch to a temporary name first, so that a file under its name is a whole one."""
        part = path.with_suffix(".part")
        digest = hashlib.sha256()
        size = 0
        try:
            with part.open("wb") as file:
                async for chunk in chunks_of(self._blobs, key):
                    size += len(chunk)
                    await asyncio.to_thread(_write, file, digest, chunk)
            if sha256 and digest.hexdigest() != sha256:
                log.error(
                    "a document is not what was uploaded", event_key="document.checksum_mismatch", key=key, size=size
                )
                raise faults.internal()
            part.replace(path)
        except BlobNotFound as error:
            raise NotFound(Reason.DOCUMENT_NOT_FOUND, "The document's bytes are gone: upload it again") from error
        finally:
            part.unlink(missing_ok=True)
        self._entries[path.name].size = size
        self._bytes += size

    def _evict(self) -> None:
        """Forget the least recently used documents beyond the bound."""
        while self._bytes > self._max_bytes:
            idle = next(
                (name for name, entry in self._entries.items() if not entry.holders and entry.download.done()), None
            )
            if idle is None:
                return
            self._bytes -= self._entries.pop(idle).size
            (self._folder / idle).unlink(missing_ok=True)


def _write(file: BinaryIO, digest: hashlib._Hash, chunk: bytes) -> None:
    digest.update(chunk)
    file.write(chunk)


def _take_subfolder(folder: Path) -> tuple[Path, BinaryIO]:
    """An empty subfolder, and the lock that makes it ours until it is closed or this process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count():  # it ends: every lock that is held is another living worker's
        with ExitStack() as stack:
            lock = stack.enter_context((folder / f"{number}.lock").open("wb"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            ours = folder / str(number)
            shutil.rmtree(ours, ignore_errors=True)
            ours.mkdir()
            stack.pop_all()
            return ours, lock
    raise AssertionError  # itertools.count goes on for ever
