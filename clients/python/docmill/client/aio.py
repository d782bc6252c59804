"""The async client.

async with AsyncDocmill("localhost:50051", api_key) as docmill:
    handle = await docmill.flows.run("invoice-extractor", "invoice.pdf")
    async for event in handle.watch():
        print(event.sequence, event.kind, event.page_number)
    run = await handle.result()
    print(run.output)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, get_args

from google.protobuf import duration_pb2

from docmill.client import _convert
from docmill.client._account import AsyncAccount
from docmill.client._batches import AsyncBatches
from docmill.client._connection import TLS, Connection
from docmill.client._deliveries import delivery
from docmill.client._documents import AsyncDocuments, discard
from docmill.client._handle import AsyncRunHandle
from docmill.client._source import Source
from docmill.client._watch import RunWatch
from docmill.client.delivery import Delivery
from docmill.client.errors import ApiError, WaitTimeoutError
from docmill.client.flow import Estimate, Flow, FlowConfig, FlowSummary
from docmill.client.page import Page
from docmill.client.run import Priority, Run, RunEvent, RunStatus
from docmill.v1 import flows_pb2, runs_pb2, webhooks_pb2

__all__ = [
    "AsyncAccount",
    "AsyncBatches",
    "AsyncDocmill",
    "AsyncDocuments",
    "AsyncFlows",
    "AsyncRunHandle",
    "AsyncRuns",
]

Include: TypeAlias = Literal["artifacts", "evidence", "metrics"]
"""What a run may be asked for with."""

PAGE_SIZE = 100
"""Items a list call asks for at once."""


class AsyncDocmill:
    """A connection to docmill.

    Args:
        target: `host:port`, or `unix:/path/of/socket`; ValueError for `http://...`.
        api_key: The key, e.g. `dc_live_...`.
        tls: False for plain text (the key is readable on the way: trusted networks only), True for TLS with the
            system's certificate authorities, or gRPC channel credentials.
        timeout: Seconds a call may take. Uploads, watches and waits have limits of their own.
        reconnect_timeout: Seconds a watch tries to get a broken connection back.

    Calls that fail because the connection does are repeated by gRPC with exponential back-off, except those that start
    or change something. All errors are `docmill.client.errors.DocmillError`.
    """

    def __init__(
        self,
        target: str,
        api_key: str = "",
        *,
        tls: TLS = False,
        timeout: float = 30.0,
        reconnect_timeout: float = 60.0,
    ) -> None:
        self._connection = Connection(target, api_key, tls=tls, timeout=timeout)
        self.documents = AsyncDocuments(self._connection)
        self.runs = AsyncRuns(self._connection, reconnect_timeout)
        self.flows = AsyncFlows(self._connection, self.documents, self.runs)
        self.batches = AsyncBatches(self._connection, self.documents, reconnect_timeout)
        self.account = AsyncAccount(self._connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls under way end."""
        await self._connection.close()


class AsyncFlows:
    """Versioned recipes that turn a document into data."""

    def __init__(self, connection: Connection, documents: AsyncDocuments, runs: AsyncRuns) -> None:
        self._connection = connection
        self._documents = documents
        self._runs = runs

    async def list(self, *, include_hidden: bool = False) -> AsyncIterator[FlowSummary]:
        """The flows the key may use, oldest first; drawn from the server as needed.

        `include_hidden`: also those that are kept out of the lists of the REST surface, e.g. `universal-extract`.
        """
        request = flows_pb2.ListFlowsRequest(page_size=PAGE_SIZE, include_hidden=include_hidden)
        while True:
            answer = await self._connection.call(self._connection.flows.ListFlows, request)
            for flow in answer.flows:
                yield _convert.flow_summary(flow)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    async def get(self, flow_id: str, *, version: str = "") -> Flow:
        """A version of a flow with its schemas and limits; the current one where none is named."""
        request = flows_pb2.GetFlowRequest(flow_id=flow_id, version=version)
        answer = await self._connection.call(self._connection.flows.GetFlow, request)
        return _convert.flow(answer.flow)

    async def create(
        self,
        flow_id: str,
        version: str,
        *,
        name: str,
        config: FlowConfig,
        definition: Mapping[str, Any],
        description: str = "",
        hidden: bool = False,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
    ) -> Flow:
        """Create a flow, or a new version of one. Versions never change: an existing one is a `ConflictError`."""
        request = flows_pb2.CreateFlowRequest(
            id=flow_id,
            version=version,
            name=name,
            description=description,
            hidden=hidden,
            input_schema=_convert.struct(input_schema, "input_schema"),
            output_schema=_convert.struct(output_schema, "output_schema"),
            config=_convert.config_message(config),
            definition=_convert.struct(definition, "definition"),
        )
        answer = await self._connection.call(self._connection.flows.CreateFlow, request)
        return _convert.flow(answer.flow)

    async def run(
        self,
        flow_id: str,
        file: Source | None = None,
        *,
        document_id: str = "",
        version: str = "",
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        priority: Priority = Priority.STANDARD,
        time_limit: float | None = None,
        filename: str = "",
        mime_type: str = "",
        labels: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        webhook_url: str = "",
        webhook_secret: str = "",
    ) -> AsyncRunHandle:
        """Start a run over `file` (see `documents.upload`) or over an uploaded document.

        A file is always uploaded first: a worker looks at it while the run is being asked for. It is deleted again when
        no run comes of it.

        Args:
            flow_id: The flow.
            file: The document; or name an uploaded one with `document_id`.
            document_id: Id of an uploaded document.
            version: Of the flow; the current one when empty.
            variables: Values for the flow, as its `input_schema` says.
            metadata: Anything of yours, given back with the run; at most 16 KiB of JSON.
            priority: Who goes first when workers are busy.
            time_limit: Seconds until the run fails with the reason DEADLINE; the server's own limit when None.
            filename: See `documents.upload`.
            mime_type: See `documents.upload`.
            labels: Short facts by which runs are found again.
            idempotency_key: The same call with the same key within 24 hours gives the same run; another one is a
                `ConflictError`.
            webhook_url: Where to send word once the run ended.
            webhook_secret: Key of the signature under that word; the organization's own when empty.
        """
        if (file is None) == (not document_id):
            raise TypeError("name the document either with file or with document_id")
        inputs = _convert.struct(variables, "variables")
        extra = _convert.struct(metadata, "metadata")
        if file is not None:
            sent = await self._documents.upload(
                file, filename=filename, mime_type=mime_type, flow_id=flow_id, version=version
            )
            document_id = sent.id
        request = flows_pb2.RunFlowRequest(
            flow_id=flow_id,
            input=flows_pb2.RunInput(document_id=document_id, variables=inputs),
            version=version,
            metadata=extra,
            priority=_convert.priority_number(priority),
            time_limit=_duration(time_limit),
            labels=labels,
            idempotency_key=idempotency_key,
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
        )
        return AsyncRunHandle(self._runs, await self._start(request, own=file is not None))

    async def _start(self, request: flows_pb2.RunFlowRequest, *, own: bool) -> Run:
        """The run; a document of our `own` that it is not over is deleted."""
        try:
            answer = await self._connection.call(self._connection.flows.RunFlow, request)
        except ApiError:
            if own:
                await discard(self._documents, request.input.document_id)
            raise
        if own and answer.run.document_id != request.input.document_id:  # the key made a run before
            await discard(self._documents, request.input.document_id)
        return _convert.run(answer.run)

    async def estimate(
        self, flow_id: str, *, document_id: str = "", page_count: int = 0, version: str = ""
    ) -> Estimate:
        """What a run over an uploaded document, or over so many pages, would cost; nothing runs."""
        if (not page_count) == (not document_id):
            raise TypeError("name the document with document_id, or give a page_count")
        source = {"document_id": document_id} if document_id else {"page_count": page_count}
        request = flows_pb2.EstimateRunRequest(flow_id=flow_id, version=version, **source)
        answer = await self._connection.call(self._connection.flows.EstimateRun, request)
        return _convert.estimate(answer.estimate)


class AsyncRuns:
    """Documents going through flows."""

    def __init__(self, connection: Connection, reconnect_timeout: float) -> None:
        self._connection = connection
        self._reconnect_timeout = reconnect_timeout

    async def get(self, run_id: str, *, evidence: bool = False, include: Collection[Include] = ()) -> Run:
        """A run as it is now; with where each value of its output was read, if asked for.

        `include` adds what its steps made on the way (`artifacts`) and what each took, once it ended (`metrics`);
        `evidence` in it is the same as the argument. ValueError for any other name.
        """
        asked = _included(include)
        request = runs_pb2.GetRunRequest(
            run_id=run_id,
            include_evidence=evidence or "evidence" in asked,
            output_as_json=True,
            include_artifacts="artifacts" in asked,
            include_step_metrics="metrics" in asked,
        )
        answer = await self._connection.call(self._connection.runs.GetRun, request)
        return _convert.run(answer.run)

    async def list(
        self,
        *,
        flow_id: str = "",
        statuses: Iterable[RunStatus] = (),
        label: str = "",
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> AsyncIterator[Run]:
        """Runs that fulfil every condition given, newest first, without their outputs.

        `label` is `name=value`, or `name` for any value. The runs are drawn from the server as needed: leave the loop
        when you have enough.
        """
        request = runs_pb2.ListRunsRequest(
            filter=runs_pb2.RunFilter(
                statuses=[_convert.status_number(status) for status in statuses],
                flow_id=flow_id,
                label=label,
                created_after=_convert.timestamp(created_after),
                created_before=_convert.timestamp(created_before),
            ),
            page_size=PAGE_SIZE,
        )
        while True:
            answer = await self._connection.call(self._connection.runs.ListRuns, request)
            for run in answer.runs:
                yield _convert.run(run)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    def watch(
        self, run_id: str, *, after_sequence: int = 0, on_run: Callable[[Run], None] | None = None
    ) -> AsyncGenerator[RunEvent, None]:
        """The events of a run after a number, each once and in order, until the terminal one.

        `on_run` is called with the run as it is, without its output: before its first event, whenever its
        `queue_position` changes while it waits, and after a reconnect. The blocking client calls it on its own thread.

        A broken connection is opened again and the watch resumes where it was, for as long as the client's
        `reconnect_timeout`; a `ConnectionFailedError` says that it did not come back.
        """
        return RunWatch(
            self._connection,
            run_id,
            after_sequence=after_sequence,
            reconnect_timeout=self._reconnect_timeout,
            on_run=on_run,
        ).events()

    async def wait_for_completion(self, run_id: str, *, timeout: float | None = None, evidence: bool = False) -> Run:  # noqa: ASYNC109 - a `WaitTimeoutError` says more than asyncio's
        """Wait until a run ended, however it ended, and give it with its output.

        Raises `WaitTimeoutError` after `timeout` seconds; the run goes on.
        """
        try:
            async with asyncio.timeout(timeout), aclosing(self.watch(run_id)) as events:
                async for _ in events:
                    pass
        except TimeoutError:
            raise WaitTimeoutError(f"run {run_id} did not end within {timeout:g} seconds; it goes on") from None
        return await self.get(run_id, evidence=evidence)

    async def cancel(self, run_id: str) -> Run:
        """Cancel a run that has not ended; no page starts afterwards. One that ended: `FailedPreconditionError`."""
        request = runs_pb2.CancelRunRequest(run_id=run_id)
        answer = await self._connection.call(self._connection.runs.CancelRun, request)
        return _convert.run(answer.run)

    async def pages(self, run_id: str) -> AsyncIterator[Page]:
        """The pages of a run in order, without their text; drawn from the server as needed."""
        request = runs_pb2.ListPagesRequest(run_id=run_id, page_size=PAGE_SIZE)
        while True:
            answer = await self._connection.call(self._connection.runs.ListPages, request)
            for page in answer.pages:
                yield _convert.page(page)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    async def page(self, run_id: str, number: int) -> Page:
        """A page of a run, from 1, with its text once it was read."""
        request = runs_pb2.GetPageRequest(run_id=run_id, page_number=number)
        answer = await self._connection.call(self._connection.runs.GetPage, request)
        return _convert.page(answer.page)

    async def deliveries(self, run_id: str) -> Sequence[Delivery]:
        """What was sent, or is to be sent, to the webhook that came with a run, oldest first."""
        request = webhooks_pb2.ListDeliveriesRequest(run_id=run_id)
        answer = await self._connection.call(self._connection.webhooks.ListDeliveries, request)
        return [delivery(each) for each in answer.deliveries]

    async def redeliver(self, run_id: str, delivery_id: str) -> Delivery:
        """Send a delivery again, from its first attempt on, whatever became of it. It keeps its id."""
        request = webhooks_pb2.RedeliverRequest(run_id=run_id, delivery_id=delivery_id)
        answer = await self._connection.call(self._connection.webhooks.Redeliver, request)
        return delivery(answer.delivery)

    async def page_image(self, run_id: str, number: int, *, max_side: int = 0) -> bytes:
        """The picture of a page, from 1, as PNG: its longest side has at most `max_side` pixels (0: 2000).

        It stands as the boxes of the page's words do: times picture width / page width, they fit. A worker makes it when
        it is first asked for; `error.reason` is DEADLINE while none could.
        """
        request = runs_pb2.GetPageImageRequest(run_id=run_id, page_number=number, max_side=max_side)
        pieces = await self._connection.collect(self._connection.runs.GetPageImage, request)
        return b"".join(piece.image.data for piece in pieces)

    def handle(self, run: Run) -> AsyncRunHandle:
        """A handle on a run that was started elsewhere."""
        return AsyncRunHandle(self, run)


def _duration(seconds: float | None) -> duration_pb2.Duration | None:
    if seconds is None:
        return None
    whole, rest = divmod(seconds, 1)
    return duration_pb2.Duration(seconds=int(whole), nanos=int(rest * 1_000_000_000))


def _included(include: Collection[str]) -> set[str]:
    names = {include} if isinstance(include, str) else set(include)
    known = get_args(Include)
    if unknown := sorted(names.difference(known)):
        raise ValueError(f"include has {', '.join(unknown)}; a run can be asked for with {', '.join(known)}")
    return names
