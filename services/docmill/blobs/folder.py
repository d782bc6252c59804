"""Blobs as files of a folder: whole or not at all, and on the disk before `put` returns.

A file is written under a name of its own, synced, renamed onto its key, and the folder synced (rename(2) is atomic,
fsync(2) of the directory makes it last). obstore's LocalStore only renames.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import stat
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from docmill.blobs import BlobNotFound
from docmill.blobs.keys import checked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

__all__ = ["FolderBlobStore"]

T = TypeVar("T")

_CHUNK = 1024 * 1024
_INCOMING = "~incoming"  # no key can have a ~
_STALE_SECONDS = 24 * 3600
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FolderBlobStore:
    """`docmill.blobs.BlobStore` on a local folder, for any number of processes of one machine.

    A key cannot be a folder of another key (`a` and `a/b`): the second one raises `OSError`.
    """

    def __init__(self, folder: Path, *, threads: int = 8) -> None:
        """Make the folder if it is not there; `threads` bounds the files worked on at one time."""
        self._folder = folder
        self._incoming = folder / _INCOMING
        for made in (self._folder, self._incoming):
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._forget_stale()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="blobs")

    async def put(self, key: str, data: bytes) -> None:
        """Synced to the disk."""
        path = self._path(key)
        await self._run(self._put, path, data)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Synced to the disk after the last chunk."""
        path = self._path(key)
        pieces = aiter(_joined(chunks))
        first = await anext(pieces, b"")
        if len(first) < _CHUNK:  # it is all: one trip to a thread instead of three
            await self._run(self._put, path, first)
            return len(first)
        incoming = await self._opened()
        try:
            await self._run(incoming.write, first)
            async for piece in pieces:
                await self._run(incoming.write, piece)
            await self._run(incoming.commit, path)
        except BaseException:
            self._later(incoming.discard)
            raise
        return incoming.size

    async def get(self, key: str) -> bytes:
        """The file's bytes."""
        path = self._path(key)
        with _absent_is_not_found(key):
            return await self._run(path.read_bytes)

    async def get_stream(self, key: str) -> AsyncIterator[bytes]:
        """The blob as it was when the reading began, also if it is replaced meanwhile."""
        path = self._path(key)
        with _absent_is_not_found(key):
            first, file = await self._run(_begin, path)
        if file is None:
            if first:
                yield first
            return
        try:
            yield first
            while chunk := await self._run(file.read, _CHUNK):
                yield chunk
        finally:
            self._later(file.close)

    async def size(self, key: str) -> int:
        """Bytes."""
        path = self._path(key)
        with _absent_is_not_found(key):
            return await self._run(_size, path)

    async def delete(self, key: str) -> None:
        """Remove the file; its folder stays."""
        path = self._path(key)
        with contextlib.suppress(*_NO_FILE):
            await self._run(path.unlink)

    async def delete_under(self, folder: str) -> None:
        """Remove the folder."""
        path = self._path(folder)
        with contextlib.suppress(*_NO_FILE):
            await self._run(shutil.rmtree, path)

    async def ping(self) -> None:
        """Write and remove a file; raises `OSError`, for example for a full disk."""
        await self._run(self._try)

    async def aclose(self) -> None:
        """Wait for what is under way."""
        await asyncio.to_thread(self._pool.shutdown)

    async def _run(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    async def _opened(self) -> _Incoming:
        """A file for a blob; discarded if whoever wants it is cancelled while a thread opens it."""
        opening = self._pool.submit(_Incoming, self._incoming)
        try:
            return await asyncio.wrap_future(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_discard_opened)
            raise

    def _later(self, function: Callable[[], None]) -> None:
        """Clean up behind a task that may have been cancelled, and must not wait."""
        try:
            self._pool.submit(function)
        except RuntimeError:  # the store was closed under its users
            function()

    def _path(self, key: str) -> Path:
        return self._folder / checked(key)

    def _put(self, path: Path, data: bytes) -> None:
        incoming = _Incoming(self._incoming)
        try:
            incoming.write(data)
            incoming.commit(path)
        except BaseException:
            incoming.discard()
            raise

    def _try(self) -> None:
        incoming = _Incoming(self._incoming)
        try:
            incoming.write(b"?")
        finally:
            incoming.discard()

    def _forget_stale(self) -> None:
        """Remove what processes that were killed left behind; younger files may be somebody's at work."""
        for path in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()


class _Incoming:
    """A blob on its way. The lock keeps a discard from closing the file under a write of another thread."""

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self._path = folder / secrets.token_hex(16)
        self._lock = threading.Lock()
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        """Append."""
        with self._lock:
            left = memoryview(data)
            while left:
                left = left[os.write(self._descriptor, left) :]
            self.size += len(data)

    def commit(self, path: Path) -> None:
        """Sync and show the blob under `path`."""
        with self._lock:
            os.fsync(self._descriptor)
            try:
                self._path.rename(path)
            except FileNotFoundError:
                _make_folders(path.parent)
                self._path.rename(path)
            _sync_folder(path.parent)
            self._close()

    def discard(self) -> None:
        """Forget it, if it is not yet shown."""
        with self._lock:
            if self._descriptor >= 0:
                self._close()
                self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def _discard_opened(opening: Future[_Incoming]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().discard()


def _make_folders(folder: Path) -> None:
    """Make `folder` and what is missing above it, each one synced into the one above."""
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(path)
    return status.st_size


def _begin(path: Path) -> tuple[bytes, BinaryIO | None]:
    """The beginning of a file, and the file if there may be more: one trip to a thread for a small one."""
    file = path.open("rb", buffering=0)
    try:
        first = file.read(_CHUNK)
    except BaseException:
        file.close()
        raise
    if len(first) == _CHUNK:
        return first, file
    file.close()  # read(2) of a regular file falls short at its end only
    return first, None


async def _joined(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of `_CHUNK` or more, but for the last one: no trip to a thread for each line of a file."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


@contextlib.contextmanager
def _absent_is_not_found(key: str) -> Iterator[None]:
    try:
        yield
    except _NO_FILE:
        raise BlobNotFound(key) from None
