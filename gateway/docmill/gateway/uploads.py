"""A document on its way to the services, piece by piece.

Uploads go through gRPC's blocking channel, on a thread of gRPC's own: grpc.aio loses the status of services that answer
before they have read everything (a bad key, a document that is too large) and says "Internal error from Core".
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import grpc

from docmill.gateway.bindings import path_of
from docmill.gateway.upstream import Call, Upstream, error_of, serializers
from docmill.v1 import documents_pb2

__all__ = ["Upload"]

_UPLOAD = documents_pb2.DESCRIPTOR.services_by_name["DocumentService"].methods_by_name["UploadDocument"]
_CHUNK = 1024 * 1024
"""Bytes of one piece; the services take no larger ones."""
_WAITING = 2
"""Pieces that may wait to be sent: the sender is slowed down to the speed of the services."""
_TIMEOUT = 3600.0


class Upload:
    """One upload. `send` pieces, then `finish`; leaving the block without that drops what was sent."""

    def __init__(self, upstream: Upstream, metadata: documents_pb2.DocumentMetadata, call: Call) -> None:
        self._upstream = upstream
        self._metadata = metadata
        self._note = call
        self._loop = asyncio.get_running_loop()
        self._pieces: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_WAITING)
        self._ended = asyncio.Event()
        self._buffer = bytearray()
        self._call: Any = None

    async def __aenter__(self) -> Self:
        """Begin, as soon as there are not too many others: each has a thread, and some MiB under way."""
        await self._upstream.uploads.acquire()
        method: Any = self._upstream.blocking_channel.stream_unary(path_of(_UPLOAD), *serializers(_UPLOAD))
        self._call = method.future(self._requests(), metadata=self._note.metadata, timeout=_TIMEOUT)
        self._call.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._on_end))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call.cancel()  # does nothing to a call that ended
        self._pieces.put(None)
        self._upstream.uploads.release()

    async def send(self, content: bytes | bytearray | memoryview) -> None:
        """Send the next bytes, some time. UpstreamError when the services do not want them."""
        self._buffer += content
        while len(self._buffer) >= _CHUNK:
            piece = bytes(self._buffer[:_CHUNK])
            del self._buffer[:_CHUNK]
            await self._put(piece)

    async def finish(self) -> documents_pb2.Document:
        """The document, once all its bytes are kept. UpstreamError when the services do not want it."""
        if self._buffer:
            await self._put(bytes(self._buffer))
        self._pieces.put(None)
        await self._ended.wait()
        return self._result()

    async def _put(self, piece: bytes) -> None:
        await self._room.acquire()
        if self._ended.is_set():
            self._room.release()
            self._result()
        self._pieces.put(piece)

    def _result(self) -> documents_pb2.Document:
        try:
            answer: documents_pb2.UploadDocumentResponse = self._call.result()
        except grpc.RpcError as error:
            raise error_of(error, _UPLOAD, self._note) from None
        self._note.note(self._call.initial_metadata())
        self._note.note(self._call.trailing_metadata())
        return answer.document

    def _on_end(self) -> None:
        self._ended.set()
        self._room.release()
        self._pieces.put(None)  # lets the thread go that draws the pieces

    def _requests(self) -> Iterator[documents_pb2.UploadDocumentRequest]:
        """Drawn on gRPC's thread."""
        yield documents_pb2.UploadDocumentRequest(metadata=self._metadata)
        while (piece := self._pieces.get()) is not None:
            yield documents_pb2.UploadDocumentRequest(chunk=piece)
            self._loop.call_soon_threadsafe(self._room.release)
