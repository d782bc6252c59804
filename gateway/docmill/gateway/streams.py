"""Streams of JSON objects over HTTP: server-sent events, or a JSON object a line where the client prefers that."""

from __future__ import annotations

from typing import Any

import orjson

__all__ = ["EVENTS", "HEARTBEAT", "LINES", "event", "line", "prefers_lines"]

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
_LINES = {LINES, "application/ndjson", "application/jsonl"}

HEARTBEAT = b": nothing new\n\n"
"""A comment of server-sent events: keeps connections open that are closed when they are silent."""


def event(name: str, data: Any, number: int | None = None) -> bytes:
    """A server-sent event; one without a number does not move the place where a client resumes."""
    place = f"id: {number}\n" if number is not None else ""
    # JSON as orjson writes it has no line breaks, so it is one `data` line.
    return b"%bevent: %b\ndata: %b\n\n" % (place.encode(), name.encode(), orjson.dumps(data))


def line(data: Any) -> bytes:
    """A line of JSON."""
    return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)


def prefers_lines(accept: str) -> bool:
    """Whether an `Accept` header names the line form."""
    return any(part.partition(";")[0].strip().lower() in _LINES for part in accept.split(","))
