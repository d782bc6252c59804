"""Server-sent events of what is watched: the number of each is its `id`, so a browser's `Last-Event-ID` resumes.

A snapshot comes first and has no number. A client that comes back after the last event gets 204, which ends an
EventSource for good.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from docmill.gateway import streams
from docmill.gateway.decode import FieldError
from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem
from docmill.gateway.replies import Pieces
from docmill.gateway.upstream import Upstream
from docmill.gateway.watch import Subject, follow

__all__ = ["EventStream"]

_RECONNECT = b"retry: 1000\n\n"
"""Milliseconds that a browser waits before it comes back."""
_MAX_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """Streams the events of a subject, whose id the path gives."""

    upstream: Upstream
    subject: Subject
    facts: Callable[[Any, Exchange], tuple[str, dict[str, Any]]]
    """From a message of the watch to its kind (`heartbeat` where nothing happened) and what is told of it."""

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request; what cannot be watched is an ordinary error."""
        after = _after(exchange)
        subject_id = variables[f"{self.subject.name}_id"]
        messages = follow(self.upstream, self.subject, subject_id, after, exchange.call)
        first = await anext(messages, None)
        if first is None:
            raise Problem("INTERNAL", "Something went wrong on our side; try again")
        if "last-event-id" in exchange.headers and self.subject.ended_before(first, after):
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

    def _piece(self, message: Any, exchange: Exchange, *, lines: bool) -> bytes:
        kind, facts = self.facts(message, exchange)
        data = {"sequence": message.sequence, "kind": kind, **facts}
        if lines:
            return streams.line(data)
        if kind == "heartbeat":
            return streams.HEARTBEAT
        return streams.event(kind, data, message.sequence if message.HasField("event") else None)


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
