"""Following runs and batches over connections that may break: their events are numbered, so a watch resumes.

Whoever reads through the gateway does not see that the services were started again in between. What cannot be resumed
within a minute ends without an error: event streams over HTTP are made to be opened again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from docmill.gateway.upstream import Call, Upstream, UpstreamError
from docmill.v1 import batches_pb2, runs_pb2

__all__ = ["BATCH", "RUN", "TERMINAL", "Subject", "follow", "until_end"]

TERMINAL = frozenset({runs_pb2.RUN_STATUS_SUCCEEDED, runs_pb2.RUN_STATUS_FAILED, runs_pb2.RUN_STATUS_CANCELLED})
"""States that a run does not leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What can be followed: a method that streams snapshots, events and heartbeats."""

    method: MethodDescriptor
    name: str
    """`run`: its message in a snapshot; `run_id` names it in the request."""
    terminal: frozenset[int]
    """States that it does not leave."""
    last: frozenset[int]
    """Kinds of its last event."""
    moves_between: bool
    """Whether snapshots after the first one are news: what they show has no event."""

    def request(self, subject_id: str, after: int) -> Any:
        """What the method is asked."""
        return GetMessageClass(self.method.input_type)(**{f"{self.name}_id": subject_id, "after_sequence": after})

    def ended_before(self, message: Any, after: int) -> bool:
        """Whether a snapshot says that it has ended and that number `after` was its last event."""
        shown = getattr(message.snapshot, self.name)
        return shown.status in self.terminal and shown.last_sequence <= after


RUN = Subject(
    method=runs_pb2.DESCRIPTOR.services_by_name["RunService"].methods_by_name["WatchRun"],
    name="run",
    terminal=TERMINAL,
    last=frozenset(
        {
            runs_pb2.RUN_EVENT_KIND_RUN_SUCCEEDED,
            runs_pb2.RUN_EVENT_KIND_RUN_FAILED,
            runs_pb2.RUN_EVENT_KIND_RUN_CANCELLED,
        }
    ),
    moves_between=False,
)
BATCH = Subject(
    method=batches_pb2.DESCRIPTOR.services_by_name["BatchService"].methods_by_name["WatchBatch"],
    name="batch",
    terminal=frozenset({batches_pb2.BATCH_STATUS_COMPLETED}),
    last=frozenset({batches_pb2.BATCH_EVENT_KIND_BATCH_COMPLETED}),
    moves_between=True,
)

_TRANSPORT = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL})
"""What connections that break and services that stop end a stream with."""
_SILENCE = 45.0
"""Seconds without a message after which a connection counts as broken; live services speak every 15."""
_PATIENCE = 60.0
"""Seconds that a broken watch may take to come back."""
_PAUSE = 0.2
"""Seconds before a broken watch is opened again, for services that take calls and drop them at once."""


async def follow(
    upstream: Upstream, subject: Subject, subject_id: str, after: int, call: Call
) -> AsyncGenerator[Any, None]:
    """A snapshot, then the events after number `after`, each once and in order, until the last one; and heartbeats.

    UpstreamError when the services refuse, or do not answer at all.
    """
    place = _Place(subject, after)
    while True:
        try:
            async with aclosing(_connected(upstream, subject_id, place, call)) as messages:
                async for message in messages:
                    if place.takes(message):
                        yield message
        except TimeoutError:
            pass
        except UpstreamError as error:
            if not place.greeted or error.code not in _TRANSPORT:
                raise
        if place.ended or place.given_up():
            return
        await asyncio.sleep(_PAUSE)


async def _connected(upstream: Upstream, subject_id: str, place: _Place, call: Call) -> AsyncGenerator[Any, None]:
    """What one connection brings, until the subject has ended or it breaks. TimeoutError when it is silent for too long."""
    subject = place.subject
    request = subject.request(subject_id, place.cursor)
    async with aclosing(upstream.stream(subject.method, request, call, wait=place.greeted)) as messages:
        while not place.ended:
            async with asyncio.timeout(place.patience()):
                message = await anext(messages, None)
            if message is None:
                return
            yield message


class _Place:
    """How far a watch has come, over as many connections as it takes."""

    def __init__(self, subject: Subject, after: int) -> None:
        self.subject = subject
        self.cursor = after
        """Number of the last event."""
        self.greeted = False
        """Whether the services have ever answered."""
        self.ended = False
        self._clock = asyncio.get_running_loop().time
        self._lost_at: float | None = None

    def takes(self, message: Any) -> bool:
        """Whether a message is news; events that came before, and most further snapshots, are not."""
        first, self.greeted = not self.greeted, True
        if message.HasField("snapshot"):  # services that greet and go are still away
            self.ended = self.subject.ended_before(message, self.cursor)
            return first or self.subject.moves_between
        self._lost_at = None
        if message.HasField("event"):
            if message.sequence <= self.cursor:
                return False
            self.cursor = message.sequence
            self.ended = message.event.kind in self.subject.last
        return True

    def patience(self) -> float:
        """Seconds to wait for the next message."""
        return _SILENCE if self._lost_at is None else max(0.0, self._lost_at + _PATIENCE - self._clock())

    def given_up(self) -> bool:
        """Whether the connection, now broken, has been broken for too long."""
        if self._lost_at is None:
            self._lost_at = self._clock()
        return self._clock() - self._lost_at >= _PATIENCE


async def until_end(upstream: Upstream, run_id: str, call: Call) -> None:
    """Return when the run has ended, or when it cannot be followed any more."""
    messages = follow(upstream, RUN, run_id, 0, call)
    async with aclosing(messages):
        async for message in messages:
            if message.HasField("snapshot") and message.snapshot.run.status in TERMINAL:
                return
