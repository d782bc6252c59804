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
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from google.protobuf import duration_pb2

from docmill.client import _convert
from docmill.client._connection import TLS, Connection
from docmill.client._source import Source, UploadRequests, name_of, opened
from docmill.client._watch import Watch
from docmill.client.document import Document
from docmill.client.errors import RunCancelledError, RunFailedError, WaitTimeoutError
from docmill.client.flow import Flow, FlowConfig, FlowSummary
from docmill.client.page import Page
from docmill.client.run import Priority, Run, RunEvent, RunStatus
from docmill.v1 import documents_pb2, flows_pb2, runs_pb2

__all__ = ["AsyncDocmill", "AsyncDocuments", "AsyncFlows", "AsyncRunHandle", "AsyncRuns"]

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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls under way end."""
        await self._connection.close()


class AsyncDocuments:
    """Bytes to be read by runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def upload(
        self, source: Source, *, filename: str = "", mime_type: str = "", time_limit: float = 600.0
    ) -> Document:
        """Send a document: a path, bytes, or a file opened for reading bytes (from where it stands).

        It is sent in pieces, so its size does not matter for memory. `filename` is taken from the path where there is
        one; `mime_type` is a hint, the bytes decide. Takes at most `time_limit` seconds.
        """
        with opened(source) as file:
            requests = UploadRequests(file, filename or name_of(source), mime_type)
            answer = await self._connection.upload(requests, time_limit)
        return _convert.document(answer.document)

    async def get(self, document_id: str) -> Document:
        """What is known of a document."""
        request = documents_pb2.GetDocumentRequest(document_id=document_id)
        answer = await self._connection.call(self._connection.documents.GetDocument, request)
        return _convert.document(answer.document)


class AsyncFlows:
    """Versioned recipes that turn a document into data."""

    def __init__(self, connection: Connection, documents: AsyncDocuments, runs: AsyncRuns) -> None:
        self._connection = connection
        self._documents = documents
        self._runs = runs

    async def list(self) -> AsyncIterator[FlowSummary]:
        """The flows the key may use, oldest first; drawn from the server as needed."""
        request = flows_pb2.ListFlowsRequest(page_size=PAGE_SIZE)
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
    ) -> AsyncRunHandle:
        """Start a run over `file` (see `documents.upload`) or over an uploaded document.

        A file is always uploaded first: a worker looks at it while the run is being asked for.

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
        """
        if (file is None) == (not document_id):
            raise TypeError("name the document either with file or with document_id")
        inputs = _convert.struct(variables, "variables")
        extra = _convert.struct(metadata, "metadata")
        if file is not None:
            document_id = (await self._documents.upload(file, filename=filename, mime_type=mime_type)).id
        request = flows_pb2.RunFlowRequest(
            flow_id=flow_id,
            input=flows_pb2.RunInput(document_id=document_id, variables=inputs),
            version=version,
            metadata=extra,
            priority=_convert.priority_number(priority),
            time_limit=_duration(time_limit),
        )
        answer = await self._connection.call(self._connection.flows.RunFlow, request)
        return AsyncRunHandle(self._runs, _convert.run(answer.run))


class AsyncRuns:
    """Documents going through flows."""

    def __init__(self, connection: Connection, reconnect_timeout: float) -> None:
        self._connection = connection
        self._reconnect_timeout = reconnect_timeout

    async def get(self, run_id: str, *, evidence: bool = False) -> Run:
        """A run as it is now; with where each value of its output was read, if asked for."""
        request = runs_pb2.GetRunRequest(run_id=run_id, include_evidence=evidence, output_as_json=True)
        answer = await self._connection.call(self._connection.runs.GetRun, request)
        return _convert.run(answer.run)

    async def list(
        self,
        *,
        flow_id: str = "",
        statuses: Iterable[RunStatus] = (),
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> AsyncIterator[Run]:
        """Runs that fulfil every condition given, newest first, without their outputs.

        They are drawn from the server as needed: leave the loop when you have enough.
        """
        request = runs_pb2.ListRunsRequest(
            filter=runs_pb2.RunFilter(
                statuses=[_convert.status_number(status) for status in statuses],
                flow_id=flow_id,
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

    def watch(self, run_id: str, *, after_sequence: int = 0) -> AsyncGenerator[RunEvent, None]:
        """The events of a run after a number, each once and in order, until the terminal one.

        A broken connection is opened again and the watch resumes where it was, for as long as the client's
        `reconnect_timeout`; a `ConnectionFailedError` says that it did not come back.
        """
        return Watch(
            self._connection, run_id, after_sequence=after_sequence, reconnect_timeout=self._reconnect_timeout
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


class AsyncRunHandle:
    """A run that was started: watch it, wait for it, cancel it."""

    def __init__(self, runs: AsyncRuns, run: Run) -> None:
        self._runs = runs
        self.run = run
        """The run as it was when it was recorded."""

    @property
    def id(self) -> str:
        """Id of the run."""
        return self.run.id

    def watch(self, *, after_sequence: int = 0) -> AsyncGenerator[RunEvent, None]:
        """Its events, see `runs.watch`."""
        return self._runs.watch(self.id, after_sequence=after_sequence)

    async def result(self, *, timeout: float | None = None, evidence: bool = False) -> Run:  # noqa: ASYNC109 - as wait_for_completion
        """Wait for its output.

        Raises `RunFailedError` or `RunCancelledError` where there is none, `WaitTimeoutError` after `timeout` seconds.
        """
        run = await self._runs.wait_for_completion(self.id, timeout=timeout, evidence=evidence)
        if run.status is RunStatus.FAILED:
            raise RunFailedError(run)
        if run.status is RunStatus.CANCELLED:
            raise RunCancelledError(run)
        return run

    async def cancel(self) -> Run:
        """Cancel it, see `runs.cancel`."""
        return await self._runs.cancel(self.id)


def _duration(seconds: float | None) -> duration_pb2.Duration | None:
    if seconds is None:
        return None
    whole, rest = divmod(seconds, 1)
    return duration_pb2.Duration(seconds=int(whole), nanos=int(rest * 1_000_000_000))
