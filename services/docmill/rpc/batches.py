# ruff: noqa: N802, ARG002  # names and arguments of the methods are the contract's
"""BatchService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.api import httpbody_pb2  # type: ignore[import-untyped]  # its package has no py.typed

from docmill.engine import Engine
from docmill.rpc.context import Context, caller, trace_id
from docmill.rpc.convert.batches import from_create_batch, from_statuses, to_batch, to_watched
from docmill.rpc.convert.flows import page_size
from docmill.v1 import batches_pb2, batches_pb2_grpc

__all__ = ["BatchService"]


class BatchService(batches_pb2_grpc.BatchServiceServicer):
    """Makes, shows, follows and cancels batches."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def CreateBatch(
        self, request: batches_pb2.CreateBatchRequest, context: Context
    ) -> batches_pb2.CreateBatchResponse:
        """A batch of uploaded documents."""
        made = await self._engine.create_batch(caller(), from_create_batch(request, trace_id=trace_id(context)))
        return batches_pb2.CreateBatchResponse(batch=to_batch(made))

    async def GetBatch(self, request: batches_pb2.GetBatchRequest, context: Context) -> batches_pb2.GetBatchResponse:
        """A batch as it is now."""
        found = await self._engine.get_batch(caller(), request.batch_id)
        return batches_pb2.GetBatchResponse(batch=to_batch(found, files=request.include_files))

    async def ListBatches(
        self, request: batches_pb2.ListBatchesRequest, context: Context
    ) -> batches_pb2.ListBatchesResponse:
        """The caller's batches."""
        found = await self._engine.list_batches(
            caller(), from_statuses(request), limit=page_size(request.page_size), page_token=request.page_token
        )
        return batches_pb2.ListBatchesResponse(
            batches=[to_batch(view) for view in found.items], total=found.total, next_page_token=found.next_page_token
        )

    async def WatchBatch(
        self, request: batches_pb2.WatchBatchRequest, context: Context
    ) -> AsyncIterator[batches_pb2.WatchBatchResponse]:
        """A batch's events, as they are recorded."""
        shown = request.after_sequence
        async for item in self._engine.watch_batch(caller(), request.batch_id, shown):
            message = to_watched(item, shown, files=request.include_files)
            shown = message.sequence
            yield message

    async def CancelBatch(
        self, request: batches_pb2.CancelBatchRequest, context: Context
    ) -> batches_pb2.CancelBatchResponse:
        """A batch whose open files are to end now."""
        found = await self._engine.cancel_batch(caller(), request.batch_id)
        return batches_pb2.CancelBatchResponse(batch=to_batch(found))

    async def GetBatchResults(
        self, request: batches_pb2.GetBatchResultsRequest, context: Context
    ) -> AsyncIterator[batches_pb2.GetBatchResultsResponse]:
        """A batch's results file, in pieces."""
        content_type = "application/json"
        async for piece in self._engine.batch_results(caller(), request.batch_id):
            results = httpbody_pb2.HttpBody(content_type=content_type, data=piece)
            yield batches_pb2.GetBatchResultsResponse(results=results)
            content_type = ""  # the first piece has said it

    async def DownloadResults(
        self, request: batches_pb2.DownloadResultsRequest, context: Context
    ) -> AsyncIterator[batches_pb2.DownloadResultsResponse]:
        """The results file that a token is for, in pieces."""
        content_type = "application/json"
        async for batch_id, piece in self._engine.download_results(request.results_token):
            results = httpbody_pb2.HttpBody(content_type=content_type, data=piece)
            yield batches_pb2.DownloadResultsResponse(batch_id=batch_id if content_type else "", results=results)
            content_type = ""
