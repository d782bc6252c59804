"""GET /runs/{id}/events: what happens to a run, as it happens.

Server-sent events: the number of each is its `id`, so a browser's `Last-Event-ID` resumes; a snapshot of the run comes
first and has none. A client that comes back after the last event gets 204, which ends an EventSource for good.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import Response

from docmill.gateway import streams
from docmill.gateway.decode import FieldError
from docmill.gateway.dialects.doclo.renderers import Words
from docmill.gateway.encode import Encoder
from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem
from docmill.gateway.replies import Pieces
from docmill.gateway.upstream import Upstream
from docmill.gateway.watch import ended_before, follow
from docmill.v1 import runs_pb2

__all__ = ["EventsEndpoint"]

_RECONNECT = b"retry: 1000\n\n"
"""Milliseconds that a browser waits before it comes back."""
_MAX_NUMBER = 2**63 - 1


class EventsEndpoint:
    """Streams the events of a run."""

    def __init__(self, upstream: Upstream, encoder: Encoder, words: Words) -> None:
        self._upstream = upstream
        self._encoder = encoder
        self._words = words

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request; a run that cannot be watched is an ordinary error."""
        after = _after(exchange)
        messages = follow(self._upstream, variables["run_id"], after, exchange.call)
        first = await anext(messages, None)
        if first is None:
            raise Problem("INTERNAL", "Something went wrong on our side; try again")
        if "last-event-id" in exchange.headers and ended_before(first, after):
            await messages.aclose()
            return Response(status_code=204)
        lines = streams.prefers_lines(exchange.headers.get("accept", ""))
        pieces = self._pieces(first, messages, exchange, lines=lines)
        reply = Pieces(exchange, pieces, streams.LINES if lines else streams.EVENTS)
        reply.headers.update({"cache-control": "no-store", "x-accel-buffering": "no"})
        return reply

    async def _pieces(
        self, first: Any, messages: AsyncGenerator[Any, None], exchange: Exchange, *, lines: bool
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(messages):
            if not lines:
                yield _RECONNECT
            yield self._piece(first, exchange, lines=lines)
            async for message in messages:
                yield self._piece(message, exchange, lines=lines)

    def _piece(self, message: runs_pb2.WatchRunResponse, exchange: Exchange, *, lines: bool) -> bytes:
        kind, facts = self._facts(message, exchange)
        data = {"sequence": message.sequence, "kind": kind, **facts}
        if lines:
            return streams.line(data)
        if kind == "heartbeat":
            return streams.HEARTBEAT
        return streams.event(kind, data, message.sequence if message.HasField("event") else None)

    def _facts(self, message: runs_pb2.WatchRunResponse, exchange: Exchange) -> tuple[str, dict[str, Any]]:
        if message.HasField("snapshot"):
            return "snapshot", {"run": self._words.execution(message.snapshot.run, exchange)}
        if message.HasField("event"):
            facts = self._encoder(message.event)
            return facts.pop("kind", "unknown"), facts
        return "heartbeat", {}


def _after(exchange: Exchange) -> int:
    """The number after which to go on. The header wins: a browser that comes back repeats the first address."""
    given = [value for name, value in exchange.query if name == "after"]
    name, text = "after", given[-1] if given else "0"
    if "last-event-id" in exchange.headers:
        name, text = "Last-Event-ID", exchange.headers["last-event-id"]
    number = int(text[:20]) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= _MAX_NUMBER:
        raise FieldError(name, "must be the number of an event")
    return number
