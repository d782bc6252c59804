"""The batches of the async client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from docmill.client import _convert
from docmill.client._connection import Connection
from docmill.client._convert_batches import batch, batch_result, status_number
from docmill.client._deliveries import delivery
from docmill.client._documents import AsyncDocuments, discard
from docmill.client._source import Source, name_of
from docmill.client._watch import BatchWatch
from docmill.client.batch import Batch, BatchEvent, BatchResult, BatchStatus
from docmill.client.delivery import Delivery
from docmill.client.errors import ApiError, DocmillError, WaitTimeoutError
from docmill.v1 import batches_pb2, webhooks_pb2

__all__ = ["AsyncBatches"]

_PAGE_SIZE = 100  # batches a list call asks for at once
_PARALLEL = 4  # uploads at the same time


class AsyncBatches:
    """Documents submitted together: one call, one watch, one results file."""

    def __init__(self, connection: Connection, documents: AsyncDocuments, reconnect_timeout: float) -> None:
        self._connection = connection
        self._documents = documents
        self._reconnect_timeout = reconnect_timeout

    async def submit(
        self,
        files: Sequence[Source],
        *,
        flow_id: str = "universal-extract",
        version: str = "",
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
        webhook_url: str = "",
        webhook_secret: str = "",
        on_upload: Callable[[int], None] | None = None,
    ) -> Batch:
        """Upload `files` (see `documents.upload`), some at a time, and make one batch of them, in their order.

        All of them become runs, or none: then what was uploaded is deleted again. A document that turns out to be
        unreadable later has its error in the results, in its place.

        Args:
            files: The documents; the plan of the organization says how many at most.
            flow_id: The flow that each of them goes through.
            version: Of the flow; the current one when empty.
            variables: Values for the flow, the same for every document.
            metadata: Anything of yours, given back with the batch; at most 16 KiB of JSON.
            idempotency_key: The same call with the same key within 24 hours gives the same batch; another one is a
                `ConflictError`.
            webhook_url: Where to send word once the batch is complete.
            webhook_secret: Key of the signature under that word; the organization's own when empty.
            on_upload: Called with the index of each file that was uploaded. The blocking client calls it on its own
                thread.
        """
        inputs = _convert.struct(variables, "variables")
        extra = _convert.struct(metadata, "metadata")
        uploads = _Uploads(self._documents, flow_id, version, on_upload)
        try:
            request = batches_pb2.CreateBatchRequest(
                document_ids=await uploads.send(files),
                flow_id=flow_id,
                version=version,
                variables=inputs,
                metadata=extra,
                idempotency_key=idempotency_key,
                webhook_url=webhook_url,
                webhook_secret=webhook_secret,
            )
            answer = await self._connection.call(self._connection.batches.CreateBatch, request)
        except (DocmillError, OSError):
            await uploads.drop()
            raise
        return batch(answer.batch)

    async def get(self, batch_id: str, *, files: bool = False) -> Batch:
        """A batch as it is now; with its files, if asked for."""
        request = batches_pb2.GetBatchRequest(batch_id=batch_id, include_files=files)
        answer = await self._connection.call(self._connection.batches.GetBatch, request)
        return batch(answer.batch)

    async def list(self, *, statuses: Iterable[BatchStatus] = ()) -> AsyncIterator[Batch]:
        """Batches in one of the states (none: all), newest first; drawn from the server as needed."""
        request = batches_pb2.ListBatchesRequest(
            statuses=[status_number(status) for status in statuses], page_size=_PAGE_SIZE
        )
        while True:
            answer = await self._connection.call(self._connection.batches.ListBatches, request)
            for each in answer.batches:
                yield batch(each)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    def watch(
        self,
        batch_id: str,
        *,
        after_sequence: int = 0,
        files: bool = False,
        on_batch: Callable[[Batch], None] | None = None,
    ) -> AsyncGenerator[BatchEvent, None]:
        """The events of a batch after a number, each once and in order, until the last one.

        `on_batch` is called with the batch as it is: before its first event, whenever pages were read since, and after
        a reconnect; with its `files`, if they are asked for. The blocking client calls it on its own thread.

        A broken connection is opened again and the watch resumes where it was, as with `runs.watch`.
        """
        return BatchWatch(
            self._connection,
            batch_id,
            after_sequence=after_sequence,
            reconnect_timeout=self._reconnect_timeout,
            files=files,
            on_batch=on_batch,
        ).events()

    async def wait_for_completion(self, batch_id: str, *, timeout: float | None = None) -> Batch:  # noqa: ASYNC109 - a `WaitTimeoutError` says more than asyncio's
        """Wait until a batch is complete. Raises `WaitTimeoutError` after `timeout` seconds; the batch goes on."""
        try:
            async with asyncio.timeout(timeout), aclosing(self.watch(batch_id)) as events:
                async for _ in events:
                    pass
        except TimeoutError:
            message = f"batch {batch_id} was not complete within {timeout:g} seconds; it goes on"
            raise WaitTimeoutError(message) from None
        return await self.get(batch_id, files=True)

    async def results(self, batch_id: str) -> AsyncIterator[BatchResult]:
        """What became of each document of a complete batch, in their order; read from the server one after the other.

        `FailedPreconditionError` for a batch that is not complete.
        """
        request = batches_pb2.GetBatchResultsRequest(batch_id=batch_id)
        rest = b""
        async for piece in self._connection.streamed(self._connection.batches.GetBatchResults, request):
            *lines, rest = (rest + piece.results.data).split(b"\n")
            for line in lines:
                if entry := _entry(line):
                    yield entry
        if entry := _entry(rest):
            yield entry

    async def cancel(self, batch_id: str) -> Batch:
        """Cancel the files that have not ended: the batch completes at once. `FailedPreconditionError` when it is."""
        request = batches_pb2.CancelBatchRequest(batch_id=batch_id)
        answer = await self._connection.call(self._connection.batches.CancelBatch, request)
        return batch(answer.batch)

    async def deliveries(self, batch_id: str) -> Sequence[Delivery]:
        """What was sent, or is to be sent, to the webhook that came with a batch: one delivery, or none."""
        request = webhooks_pb2.ListDeliveriesRequest(batch_id=batch_id)
        answer = await self._connection.call(self._connection.webhooks.ListDeliveries, request)
        return [delivery(each) for each in answer.deliveries]

    async def redeliver(self, batch_id: str, delivery_id: str) -> Delivery:
        """Send a delivery again, as `runs.redeliver` does."""
        request = webhooks_pb2.RedeliverRequest(batch_id=batch_id, delivery_id=delivery_id)
        answer = await self._connection.call(self._connection.webhooks.Redeliver, request)
        return delivery(answer.delivery)


def _entry(line: bytes) -> BatchResult | None:
    """The results are a JSON array with an object on each line, and brackets or a comma at its ends."""
    bare = line.strip(b"[], ")
    return batch_result(json.loads(bare)) if bare else None


class _Uploads:
    """The documents of a batch on their way."""

    def __init__(
        self, documents: AsyncDocuments, flow_id: str, version: str, on_upload: Callable[[int], None] | None
    ) -> None:
        self._documents = documents
        self._flow_id = flow_id
        self._version = version
        self._on_upload = on_upload
        self._ids: dict[int, str] = {}

    async def send(self, files: Sequence[Source]) -> Sequence[str]:
        """The ids of the documents, in order; nothing more is sent once one of them is refused."""
        waiting = iter(enumerate(files))

        async def take() -> None:
            for index, file in waiting:
                self._ids[index] = await self._sent(index, file)
                if self._on_upload is not None:
                    self._on_upload(index)

        takers = [asyncio.create_task(take()) for _ in range(min(_PARALLEL, len(files)))]
        try:
            await asyncio.gather(*takers)
        finally:
            for taker in takers:
                taker.cancel()
            await asyncio.gather(*takers, return_exceptions=True)
        return [self._ids[index] for index in range(len(files))]

    async def _sent(self, index: int, file: Source) -> str:
        """The id of a document; an error about what it is says which one it is."""
        try:
            return (await self._documents.upload(file, flow_id=self._flow_id, version=self._version)).id
        except ApiError as error:
            if error.reason.startswith("MEDIA_"):
                name = name_of(file)
                error.message = f"File {index + 1}{f' ({name})' if name else ''}: {error.message}"
            raise

    async def drop(self) -> None:
        """Delete what was sent."""
        await asyncio.gather(*(discard(self._documents, document_id) for document_id in self._ids.values()))
