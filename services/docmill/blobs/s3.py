"""Blobs in an S3 bucket, or in anything that speaks S3."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from docmill.blobs import BlobNotFound
from docmill.blobs.keys import checked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from obstore.store import S3Config

__all__ = ["S3BlobStore"]

_CHUNK = 1024 * 1024
_PART = 5 * 1024 * 1024  # the least that S3 takes as a part, but the last
_PARTS_AT_ONCE = 2  # so that an upload holds about 15 MiB, whatever its size
_DELETED_AT_ONCE = 1000  # what S3 takes in one request
_PING_KEY = "docmill-ping"


class S3BlobStore:
    """`docmill.blobs.BlobStore` on a bucket. S3 shows objects whole and keeps them before it answers.

    Everything but an absent blob that S3 or the network refuses is an `OSError`, after some retries.
    An upload that was cut off leaves nothing visible; give the bucket a lifecycle rule that aborts incomplete
    multipart uploads, for those whose process was killed.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        endpoint: str = "",
        region: str = "us-east-1",
        access_key_id: str = "",
        secret_access_key: str = "",
        session_token: str = "",
        retry_seconds: float = 20.0,
    ) -> None:
        """An empty `endpoint` is AWS; without keys, those of the machine's role are used."""
        config: S3Config = {"region": region}
        if endpoint:
            # Names like BUCKET.host resolve on AWS only.
            config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
        if access_key_id:
            config |= {"access_key_id": access_key_id, "secret_access_key": secret_access_key}
        if session_token:
            config |= {"session_token": session_token}
        self._store = S3Store(
            bucket,
            prefix=prefix.strip("/") or None,
            config=config,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(minutes=5),  # of a whole answer, with a slow reader
            },
            retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=retry_seconds)},
        )

    async def put(self, key: str, data: bytes) -> None:
        """One request, or a multipart upload if it is large."""
        with _mapped(checked(key)):
            await obstore.put_async(self._store, key, data, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """A multipart upload, completed after the last chunk."""
        counted = _Counted(chunks)
        with _mapped(checked(key), counted):
            await obstore.put_async(self._store, key, counted, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)
        return counted.size

    async def get(self, key: str) -> bytes:
        """The object's bytes."""
        with _mapped(checked(key)):
            response = await obstore.get_async(self._store, key)
            return bytes(await response.bytes_async())

    async def get_stream(self, key: str) -> AsyncIterator[bytes]:
        """The object as it was when the reading began."""
        with _mapped(checked(key)):
            response = await obstore.get_async(self._store, key)
            async for part in response.stream(min_chunk_size=_CHUNK):
                for start in range(0, len(part), _CHUNK):
                    yield bytes(part[start : start + _CHUNK])

    async def size(self, key: str) -> int:
        """Bytes."""
        with _mapped(checked(key)):
            return (await obstore.head_async(self._store, key))["size"]

    async def delete(self, key: str) -> None:
        """S3 itself does nothing for an absent key."""
        with _mapped(checked(key)):
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                return

    async def delete_under(self, folder: str) -> None:
        """In lists of at most a thousand objects, each deleted with one request."""
        with _mapped(checked(folder)):
            async for objects in obstore.list(self._store, prefix=f"{folder}/", chunk_size=_DELETED_AT_ONCE):
                await obstore.delete_async(self._store, [each["path"] for each in objects])

    async def ping(self) -> None:
        """Ask for an object; that there is none is an answer too. Raises `OSError`."""
        try:
            await self.size(_PING_KEY)
        except BlobNotFound:
            return

    async def aclose(self) -> None:
        """Connections end with the object."""


class _Counted:
    """Counts the bytes of an upload, and keeps what its source raised."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.size = 0
        self.failure: BaseException | None = None
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            raise
        except BaseException as error:
            self.failure = error
            raise
        self.size += len(chunk)
        return chunk


@contextmanager
def _mapped(key: str, source: _Counted | None = None) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise BlobNotFound(key) from None
    except BaseError as error:
        if source is not None and source.failure is not None:
            raise source.failure from None
        raise OSError(f"The blob store refused {key}: {type(error).__name__}") from error
