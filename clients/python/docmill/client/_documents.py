"""The documents of the async client."""

from __future__ import annotations

from contextlib import suppress

from docmill.client import _convert
from docmill.client._connection import Connection
from docmill.client._source import Source, UploadRequests, name_of, opened
from docmill.client.document import Document
from docmill.client.errors import DocmillError
from docmill.v1 import documents_pb2

__all__ = ["AsyncDocuments", "discard"]


class AsyncDocuments:
    """Bytes to be read by runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def upload(
        self,
        source: Source,
        *,
        filename: str = "",
        mime_type: str = "",
        flow_id: str = "",
        version: str = "",
        time_limit: float = 600.0,
    ) -> Document:
        """Send a document: a path, bytes, or a file opened for reading bytes (from where it stands).

        It is sent in pieces, so its size does not matter for memory. `filename` is taken from the path where there is
        one; `mime_type` is a hint, the bytes decide. With the flow that it is for (and its version), more bytes than
        that flow takes are refused on the way. Takes at most `time_limit` seconds.
        """
        metadata = documents_pb2.DocumentMetadata(
            filename=filename or name_of(source), mime_type=mime_type, flow_id=flow_id, version=version
        )
        with opened(source) as file:
            requests = UploadRequests(file, metadata)
            answer = await self._connection.upload(requests, time_limit)
        return _convert.document(answer.document)

    async def get(self, document_id: str) -> Document:
        """What is known of a document."""
        request = documents_pb2.GetDocumentRequest(document_id=document_id)
        answer = await self._connection.call(self._connection.documents.GetDocument, request)
        return _convert.document(answer.document)

    async def delete(self, document_id: str) -> None:
        """Delete a document that no run is over, nor was: else `FailedPreconditionError`."""
        request = documents_pb2.DeleteDocumentRequest(document_id=document_id)
        await self._connection.call(self._connection.documents.DeleteDocument, request)


async def discard(documents: AsyncDocuments, document_id: str) -> None:
    """Delete a document that no run came of, if it can be done now: the server does it a day later."""
    with suppress(DocmillError):
        await documents.delete(document_id)
