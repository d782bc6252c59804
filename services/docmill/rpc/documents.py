# ruff: noqa: N802, ARG002  # names and arguments of the methods are the contract's
"""DocumentService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from docmill.domain.errors import InvalidArgument, Reason
from docmill.engine import Engine
from docmill.rpc.context import Context, caller
from docmill.rpc.convert.documents import to_document
from docmill.v1 import documents_pb2, documents_pb2_grpc

__all__ = ["DocumentService"]


class DocumentService(documents_pb2_grpc.DocumentServiceServicer):
    """Uploads, shows and deletes documents."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def UploadDocument(
        self, request_iterator: AsyncIterator[documents_pb2.UploadDocumentRequest], context: Context
    ) -> documents_pb2.UploadDocumentResponse:
        """Metadata first, then chunks."""
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or not first.HasField("metadata"):
            message = "The first message of an upload must be its metadata"
            raise InvalidArgument(Reason.FIELD_MISSING, message, {"field": "metadata"})
        document = await self._engine.upload_document(
            caller(),
            filename=first.metadata.filename,
            declared_type=first.metadata.mime_type,
            chunks=_chunks(requests),
            flow_id=first.metadata.flow_id,
            version=first.metadata.version,
        )
        return documents_pb2.UploadDocumentResponse(document=to_document(document))

    async def GetDocument(
        self, request: documents_pb2.GetDocumentRequest, context: Context
    ) -> documents_pb2.GetDocumentResponse:
        """One document."""
        document = await self._engine.get_document(caller(), request.document_id)
        return documents_pb2.GetDocumentResponse(document=to_document(document))

    async def DeleteDocument(
        self, request: documents_pb2.DeleteDocumentRequest, context: Context
    ) -> documents_pb2.DeleteDocumentResponse:
        """A document that is not needed."""
        await self._engine.delete_document(caller(), request.document_id)
        return documents_pb2.DeleteDocumentResponse()


async def _chunks(requests: AsyncIterator[documents_pb2.UploadDocumentRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.HasField("metadata"):
            message = "The metadata of an upload comes once, before its chunks"
            raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "metadata"})
        yield request.chunk
