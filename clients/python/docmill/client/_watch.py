"""A watch that survives broken connections: it resumes after the last event it gave.

The server numbers the events of a run, or of a batch, without gaps and replays them from any number on, so the number is all there is
to remember. Reconnecting is left to gRPC: the channel backs off exponentially with jitter, and a call that waits for
the connection starts when it is there.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

import grpc

from docmill.client import _convert
from docmill.client._connection import Connection
from docmill.client._convert_batches import batch, batch_event
from docmill.client.batch import Batch, BatchEvent
from docmill.client.errors import ApiError, ConnectionFailedError, DocmillError, UnavailableError, from_rpc_error
from docmill.client.run import Run, RunEvent
from docmill.v1 import batches_pb2, runs_pb2

E = TypeVar("E")

SILENCE = 45.0
"""Seconds without any message after which a connection counts as broken; a live server speaks every 15."""

PAUSE = 0.2
"""Seconds before a broken watch asks again, for servers that accept calls and drop them at once."""

_TRANSPORT_CODES = frozenset({grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL})
"""What proxies and stopping servers end a stream with, besides UNAVAILABLE."""

_TERMINAL = frozenset({runs_pb2.RUN_STATUS_SUCCEEDED, runs_pb2.RUN_STATUS_FAILED, runs_pb2.RUN_STATUS_CANCELLED})


class Watch(ABC, Generic[E]):
    """The events of one thing, each once and in order, over as many connections as it takes."""

    def __init__(self, connection: Connection, *, after_sequence: int, reconnect_timeout: float) -> None:
        self._connection = connection
        self._cursor = after_sequence
        self._reconnect_timeout = reconnect_timeout
        self._lost_at: float | None = None
        """When the connection broke; None while news come in."""
        self._greeted = False
        """Whether docmill ever answered: a target that never did is an error at once."""
        self._ended = False

    @abstractmethod
    def _open(self, *, wait: bool) -> grpc.aio.UnaryStreamCall[Any, Any]:
        """Ask for what comes after the cursor; `wait`: until there is a connection."""

    @abstractmethod
    def _snapshot(self, message: Any) -> bool:
        """A snapshot came; whether it says that no event is left."""

    @abstractmethod
    def _event(self, message: Any) -> E:
        """The event that a message brings."""

    @abstractmethod
    def _is_last(self, event: E) -> bool:
        """Whether no other one follows."""

    async def events(self) -> AsyncGenerator[E, None]:
        """The events after the cursor until the terminal one."""
        while not self._ended:
            error: DocmillError | None = None
            try:
                async with aclosing(self._stream()) as events:
                    async for event in events:
                        yield event
            except grpc.aio.AioRpcError as broken:
                error = from_rpc_error(broken, self._connection.target)
            except TimeoutError:
                error = ConnectionFailedError(f"docmill at {self._connection.target} does not answer any more")
            if not self._ended:
                await self._resume_after(error)

    async def _stream(self) -> AsyncGenerator[E, None]:
        call = self._open(wait=self._lost_at is not None)
        try:
            while not self._ended:
                async with asyncio.timeout(self._patience()):
                    message: Any = await call.read()
                if message is grpc.aio.EOF:
                    return
                event = self._take(message)
                if event is not None:
                    yield event
        finally:
            call.cancel()

    def _take(self, message: Any) -> E | None:
        self._greeted = True
        match message.WhichOneof("item"):
            case "snapshot":
                self._ended = self._snapshot(message)
            case "heartbeat":
                self._lost_at = None
            case "event" if message.sequence > self._cursor:
                event = self._event(message)
                self._lost_at, self._cursor, self._ended = None, message.sequence, self._is_last(event)
                return event
        return None

    async def _resume_after(self, error: DocmillError | None) -> None:
        """Return when the stream shall be opened again; raise when that cannot help or took too long."""
        if error is not None and not (self._greeted and _may_resume(error)):
            raise error
        now = asyncio.get_running_loop().time()
        if self._lost_at is None:
            self._lost_at = now
        elif now - self._lost_at > self._reconnect_timeout:
            raise error or ConnectionFailedError(f"docmill at {self._connection.target} ends every watch early")
        await asyncio.sleep(PAUSE)

    def _patience(self) -> float:
        """Seconds to wait for the next message."""
        if self._lost_at is None:
            return SILENCE
        waited = asyncio.get_running_loop().time() - self._lost_at
        return max(self._reconnect_timeout - waited, 0.0) + PAUSE


class RunWatch(Watch[RunEvent]):
    """The events of a run; `on_run` gets the run whenever the server shows it."""

    def __init__(
        self,
        connection: Connection,
        run_id: str,
        *,
        after_sequence: int,
        reconnect_timeout: float,
        on_run: Callable[[Run], None] | None,
    ) -> None:
        super().__init__(connection, after_sequence=after_sequence, reconnect_timeout=reconnect_timeout)
        self._run_id = run_id
        self._on_run = on_run

    def _open(self, *, wait: bool) -> grpc.aio.UnaryStreamCall[Any, Any]:
        request = runs_pb2.WatchRunRequest(run_id=self._run_id, after_sequence=self._cursor)
        return self._connection.stream(self._connection.runs.WatchRun, request, wait=wait)

    def _snapshot(self, message: Any) -> bool:
        run = message.snapshot.run
        if self._on_run is not None:
            self._on_run(_convert.run(run))
        return run.status in _TERMINAL and run.last_sequence <= self._cursor

    def _event(self, message: Any) -> RunEvent:
        return _convert.run_event(self._run_id, message.sequence, message.event)

    def _is_last(self, event: RunEvent) -> bool:
        return event.is_terminal


class BatchWatch(Watch[BatchEvent]):
    """The events of a batch; `on_batch` gets the batch, with its `files` if asked for, whenever the server shows it."""

    def __init__(
        self,
        connection: Connection,
        batch_id: str,
        *,
        after_sequence: int,
        reconnect_timeout: float,
        files: bool,
        on_batch: Callable[[Batch], None] | None,
    ) -> None:
        super().__init__(connection, after_sequence=after_sequence, reconnect_timeout=reconnect_timeout)
        self._batch_id = batch_id
        self._files = files
        self._on_batch = on_batch

    def _open(self, *, wait: bool) -> grpc.aio.UnaryStreamCall[Any, Any]:
        request = batches_pb2.WatchBatchRequest(
            batch_id=self._batch_id, after_sequence=self._cursor, include_files=self._files
        )
        return self._connection.stream(self._connection.batches.WatchBatch, request, wait=wait)

    def _snapshot(self, message: Any) -> bool:
        shown = message.snapshot.batch
        if self._on_batch is not None:
            self._on_batch(batch(shown))
        return bool(shown.status == batches_pb2.BATCH_STATUS_COMPLETED and shown.last_sequence <= self._cursor)

    def _event(self, message: Any) -> BatchEvent:
        return batch_event(self._batch_id, message.sequence, message.event)

    def _is_last(self, event: BatchEvent) -> bool:
        return event.is_terminal


def _may_resume(error: DocmillError) -> bool:
    """Errors without a reason were made by the transport, not by docmill."""
    if isinstance(error, ConnectionFailedError | UnavailableError):
        return True
    return isinstance(error, ApiError) and not error.reason and error.code in _TRANSPORT_CODES
