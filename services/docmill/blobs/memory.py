"""Blobs in a dictionary, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.blobs import BlobNotFound
from docmill.blobs.keys import checked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["MemoryBlobStore"]

_CHUNK = 1024 * 1024


class MemoryBlobStore:
    """`docmill.blobs.BlobStore` that ends with the process."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        """At once."""
        self._blobs[checked(key)] = bytes(data)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Visible after the last chunk."""
        checked(key)
        data = b"".join([chunk async for chunk in chunks])
        await self.put(key, data)
        return len(data)

    async def get(self, key: str) -> bytes:
        """The bytes as they were put."""
        try:
            return self._blobs[checked(key)]
        except KeyError:
            raise BlobNotFound(key) from None

    async def get_stream(self, key: str) -> AsyncIterator[bytes]:
        """The blob as it was when the reading began."""
        data = await self.get(key)
        for start in range(0, len(data), _CHUNK):
            yield data[start : start + _CHUNK]

    async def size(self, key: str) -> int:
        """Bytes."""
        return len(await self.get(key))

    async def delete(self, key: str) -> None:
        """At once."""
        self._blobs.pop(checked(key), None)

    async def delete_under(self, folder: str) -> None:
        """At once."""
        for key in [key for key in self._blobs if key.startswith(f"{checked(folder)}/")]:
            del self._blobs[key]

    async def ping(self) -> None:
        """Always there."""

    async def aclose(self) -> None:
        """Nothing to let go of."""
