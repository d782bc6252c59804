"""Where bytes live: documents, page texts, outputs. One interface; a folder, S3 or memory behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

__all__ = ["BlobNotFound", "BlobStore"]


class BlobNotFound(LookupError):
    """No blob under this key."""


class BlobStore(Protocol):
    """Bytes under keys. Keys are relative paths of `[A-Za-z0-9._=-]` segments divided by `/`.

    Obligations of every implementation, checked by one contract suite:

    - `put` and `put_stream` make the whole blob visible at once or not at all, durably before they return, and
      replace an older one; two writers of one key leave one of the two whole blobs.
    - `get`, `get_stream` and `size` raise `BlobNotFound` for an absent key.
    - `delete` of an absent key, and `delete_under` where nothing is, do nothing.
    - `put_stream` and `get_stream` never hold more than a few chunks in memory.
    - A key that leaves the store's folder or bucket prefix raises `ValueError`.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`."""

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store the chunks under `key`; the size in bytes. If the iterator raises, nothing is stored."""

    async def get(self, key: str) -> bytes:
        """The whole blob."""

    def get_stream(self, key: str) -> AsyncIterator[bytes]:
        """The blob in chunks of at most 1 MiB."""

    async def size(self, key: str) -> int:
        """Bytes."""

    async def delete(self, key: str) -> None:
        """Forget the blob."""

    async def delete_under(self, folder: str) -> None:
        """Forget every blob whose key begins with `folder` and a `/`. Raises halfway: do it again."""

    async def ping(self) -> None:
        """Raise if the store cannot be used now."""

    async def aclose(self) -> None:
        """Let go of connections."""
