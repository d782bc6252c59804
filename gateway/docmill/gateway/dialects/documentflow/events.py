"""GET /v1/batch/{batch_id}/events, beside the documents of the surface: what happens to a batch, as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from docmill.gateway.dialects.documentflow.batch import STATUS, checked_id
from docmill.gateway.dialects.documentflow.errors import code_of
from docmill.gateway.dialects.documentflow.media import said
from docmill.gateway.event_streams import EventStream
from docmill.gateway.exchange import Exchange
from docmill.gateway.reasons import reason_of
from docmill.gateway.upstream import Upstream
from docmill.gateway.watch import BATCH
from docmill.v1 import batches_pb2, runs_pb2

__all__ = ["BatchEvents"]

_FILE_STATUS = {
    runs_pb2.RUN_STATUS_SUCCEEDED: "success",
    runs_pb2.RUN_STATUS_FAILED: "failed",
    runs_pb2.RUN_STATUS_CANCELLED: "cancelled",
}


class BatchEvents:
    """Streams the events of a batch."""

    def __init__(self, upstream: Upstream) -> None:
        self._stream = EventStream(upstream=upstream, subject=BATCH, facts=_facts)

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request."""
        checked_id(variables)
        return await self._stream(exchange, variables)


def _facts(message: batches_pb2.WatchBatchResponse, _exchange: Exchange) -> tuple[str, dict[str, Any]]:
    if message.HasField("snapshot"):
        batch = message.snapshot.batch
        left = {"seconds_left": batch.progress.seconds_left}
        return "snapshot", {"status": STATUS.get(batch.status, "processing"), **_progress(batch.progress), **left}
    if message.HasField("event"):
        event = message.event
        file = {"file": _file(event.file)} if event.HasField("file") else {}
        return _kind(event.kind), {"at": event.at.ToJsonString(), **_progress(event.progress), **file}
    return "heartbeat", {}


def _kind(number: int) -> str:
    """`file.succeeded` for BATCH_EVENT_KIND_FILE_SUCCEEDED."""
    known = batches_pb2.BatchEventKind.DESCRIPTOR.values_by_number.get(number)
    return "unknown" if known is None else known.name.removeprefix("BATCH_EVENT_KIND_").lower().replace("_", ".", 1)


def _progress(progress: batches_pb2.BatchProgress) -> dict[str, Any]:
    """`percent` counts pages here: it moves between the ends of files, too."""
    return {
        "processed": progress.files_done,
        "failed": progress.files_failed,
        "total": progress.files_total,
        "pages_done": progress.pages_done,
        "pages_total": progress.pages_total,
        "percent": progress.percent,
    }


def _file(file: batches_pb2.BatchFile) -> dict[str, Any]:
    made: dict[str, Any] = {
        "file_index": file.index,
        "filename": file.filename,
        "status": _FILE_STATUS.get(file.status, "processing"),
    }
    if file.HasField("error"):
        reason = reason_of(file.error.reason)
        made["error"] = {"error": code_of(reason), "message": said(reason, file.error.message)}
    return made
