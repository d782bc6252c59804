"""A document that comes inside a JSON body: small ones are kept, larger ones go on to the services as they come."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from typing import Any

from docmill.gateway.exchange import Exchange
from docmill.gateway.uploads import Upload
from docmill.gateway.upstream import Upstream, UpstreamError
from docmill.v1 import documents_pb2, flows_pb2

__all__ = ["Intake"]

_INLINE = 1024 * 1024
"""Bytes up to which a document goes along with the run in one call."""

_DELETE = documents_pb2.DESCRIPTOR.services_by_name["DocumentService"].methods_by_name["DeleteDocument"]


class Intake(AsyncExitStack):
    """Takes the bytes of one document. Leaving the block drops an upload that was not finished."""

    def __init__(self, upstream: Upstream, exchange: Exchange, flow_id: str) -> None:
        super().__init__()
        self._upstream = upstream
        self._exchange = exchange
        self._metadata = documents_pb2.DocumentMetadata(flow_id=flow_id)
        self._kept = bytearray()
        self._upload: Upload | None = None
        self.document_id = ""
        """Id of the uploaded document, once `finish` has made one."""

    def begin(self, front: Any) -> None:
        """Keep what the body says of the document before it comes. What comes behind it cannot go up with it."""
        document = front["input"]["document"]
        self._metadata.version = _sane(front.get("version"), 64)
        self._metadata.filename = _sane(document.get("filename"), 255)
        kind = _sane(document.get("mimeType"), 127)
        self._metadata.mime_type = kind if kind.count("/") == 1 and " " not in kind else ""

    async def take(self, content: bytes) -> None:
        """The next bytes. UpstreamError when the services refuse the document."""
        if self._upload is None and len(self._kept) + len(content) > _INLINE:
            upload = Upload(self._upstream, self._metadata, self._exchange.call)
            self._upload = await self.enter_async_context(upload)
            await self._upload.send(self._kept)
            self._kept.clear()
        if self._upload is None:
            self._kept += content
        else:
            await self._upload.send(content)

    async def finish(self, source: flows_pb2.RunInput) -> None:
        """Put the document into the input of a run: its bytes, or the id of what was uploaded."""
        if self._upload is None:
            source.document.base64 = bytes(self._kept)
            return
        self.document_id = (await self._upload.finish()).id
        source.document_id = self.document_id

    async def drop_unused(self, used: str = "") -> None:
        """Delete what was uploaded unless it is the document `used`. One that stays behind is deleted in its time."""
        if not self.document_id or self.document_id == used:
            return
        request = documents_pb2.DeleteDocumentRequest(document_id=self.document_id)
        with suppress(UpstreamError):
            await self._upstream.unary(_DELETE, request, self._exchange.call)


def _sane(text: Any, limit: int) -> str:
    """Text that the services take; what they would refuse is refused with the run."""
    return text if isinstance(text, str) and len(text) <= limit and text.isprintable() else ""
