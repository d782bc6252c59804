"""GET /runs/{id}/events: what happens to a run, as it happens."""

from __future__ import annotations

from typing import Any

from docmill.gateway.dialects.doclo.renderers import Words
from docmill.gateway.encode import Encoder
from docmill.gateway.event_streams import EventStream
from docmill.gateway.exchange import Exchange
from docmill.gateway.upstream import Upstream
from docmill.gateway.watch import RUN
from docmill.v1 import runs_pb2

__all__ = ["run_events"]


def run_events(upstream: Upstream, encoder: Encoder, words: Words) -> EventStream:
    """The endpoint."""

    def facts(message: runs_pb2.WatchRunResponse, exchange: Exchange) -> tuple[str, dict[str, Any]]:
        if message.HasField("snapshot"):
            return "snapshot", {"run": words.execution(message.snapshot.run, exchange)}
        if message.HasField("event"):
            told = encoder(message.event)
            return told.pop("kind", "unknown"), told
        return "heartbeat", {}

    return EventStream(upstream=upstream, subject=RUN, facts=facts)
