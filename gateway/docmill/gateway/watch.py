"""Following a run over connections that may break: the services number its events, so a watch resumes where it was.

Whoever reads through the gateway does not see that the services were started again in between. What cannot be resumed
within a minute ends without an error: event streams over HTTP are made to be opened again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from docmill.gateway.upstream import Call, Upstream, UpstreamError
from docmill.v1 import runs_pb2

__all__ = ["TERMINAL", "ended_before", "follow", "until_end"]

_WATCH_RUN = runs_pb2.DESCRIPTOR.services_by_name["RunService"].methods_by_name["WatchRun"]

TERMINAL = frozenset({runs_pb2.RUN_STATUS_SUCCEEDED, runs_pb2.RUN_STATUS_FAILED, runs_pb2.RUN_STATUS_CANCELLED})
"""States that a run does not leave."""

_LAST = frozenset(
    {
        runs_pb2.RUN_EVENT_KIND_RUN_SUCCEEDED,
        runs_pb2.RUN_EVENT_KIND_RUN_FAILED,
        runs_pb2.RUN_EVENT_KIND_RUN_CANCELLED,
    }
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
    upstream: Upstream, run_id: str, after: int, call: Call
) -> AsyncGenerator[runs_pb2.WatchRunResponse, None]:
    """One snapshot, then the events after number `after`, each once and in order, until the last one; and heartbeats.

    UpstreamError when the services refuse, or do not answer at all.
    """
    place = _Place(after)
    while True:
        try:
            async with aclosing(_connected(upstream, run_id, place, call)) as messages:
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


async def _connected(
    upstream: Upstream, run_id: str, place: _Place, call: Call
) -> AsyncGenerator[runs_pb2.WatchRunResponse, None]:
    """What one connection brings, until the run has ended or it breaks. TimeoutError when it is silent for too long."""
    request = runs_pb2.WatchRunRequest(run_id=run_id, after_sequence=place.cursor)
    async with aclosing(upstream.stream(_WATCH_RUN, request, call, wait=place.greeted)) as messages:
        while not place.ended:
            async with asyncio.timeout(place.patience()):
                message = await anext(messages, None)
            if message is None:
                return
            yield message


class _Place:
    """How far a watch has come, over as many connections as it takes."""

    def __init__(self, after: int) -> None:
        self.cursor = after
        """Number of the last event."""
        self.greeted = False
        """Whether the services have ever answered."""
        self.ended = False
        self._clock = asyncio.get_running_loop().time
        self._lost_at: float | None = None

    def takes(self, message: runs_pb2.WatchRunResponse) -> bool:
        """Whether a message is news; further snapshots and events that came before are not."""
        first, self.greeted = not self.greeted, True
        if message.HasField("snapshot"):  # services that greet and go are still away
            self.ended = ended_before(message, self.cursor)
            return first
        self._lost_at = None
        if message.HasField("event"):
            if message.sequence <= self.cursor:
                return False
            self.cursor = message.sequence
            self.ended = message.event.kind in _LAST
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
    messages = follow(upstream, run_id, 0, call)
    async with aclosing(messages):
        async for message in messages:
            if message.HasField("snapshot") and message.snapshot.run.status in TERMINAL:
                return


def ended_before(message: runs_pb2.WatchRunResponse, after: int) -> bool:
    """Whether a snapshot says that the run has ended and that number `after` was its last event."""
    run = message.snapshot.run
    return run.status in TERMINAL and run.last_sequence <= after
