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

_LAST = frozenset({
    runs_pb2.RUN_EVENT_KIND_RUN_SUCCEEDED,
    runs_pb2.RUN_EVENT_KIND_RUN_FAILED,
    runs_pb2.RUN_EVENT_KIND_RUN_CANCELLED,
})  # fmt: skip
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
    cursor, greeted, lost_at = after, False, 0.0
    clock = asyncio.get_running_loop().time
    while True:
        request = runs_pb2.WatchRunRequest(run_id=run_id, after_sequence=cursor)
        messages = upstream.stream(_WATCH_RUN, request, call, wait=greeted)
        try:
            async with aclosing(messages):
                while True:
                    async with asyncio.timeout(max(0.0, lost_at + _PATIENCE - clock()) if lost_at else _SILENCE):
                        message = await anext(messages, None)
                    if message is None:
                        break
                    lost_at = 0.0
                    if message.HasField("snapshot") and greeted:
                        if ended_before(message, cursor):
                            return
                        continue
                    greeted = True
                    if message.HasField("event"):
                        if message.sequence <= cursor:
                            continue
                        cursor = message.sequence
                    yield message
                    if _is_last(message, after):
                        return
        except TimeoutError:
            if lost_at:
                return
        except UpstreamError as error:
            if not greeted or error.code not in _TRANSPORT:
                raise
        lost_at = lost_at or clock()
        if clock() - lost_at > _PATIENCE:
            return
        await asyncio.sleep(_PAUSE)


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


def _is_last(message: runs_pb2.WatchRunResponse, after: int) -> bool:
    if message.HasField("snapshot"):
        return ended_before(message, after)
    return message.HasField("event") and message.event.kind in _LAST
