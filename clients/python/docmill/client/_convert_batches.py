"""Between docmill's messages about batches and the client's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docmill.client import _convert
from docmill.client.batch import Batch, BatchEvent, BatchFile, BatchProgress, BatchResult, BatchStatus
from docmill.client.run import Fault, RunStatus
from docmill.v1 import batches_pb2

__all__ = ["batch", "batch_event", "batch_result", "status_number"]

_STATUS = {
    batches_pb2.BATCH_STATUS_QUEUED: BatchStatus.QUEUED,
    batches_pb2.BATCH_STATUS_PROCESSING: BatchStatus.PROCESSING,
    batches_pb2.BATCH_STATUS_COMPLETED: BatchStatus.COMPLETED,
}
_STATUS_TO = {status: number for number, status in _STATUS.items()}
_KIND = {
    number: name.removeprefix("BATCH_EVENT_KIND_").lower().replace("_", ".", 1)
    for name, number in batches_pb2.BatchEventKind.items()
    if number
}
_RESULT_STATUS = {
    "succeeded": RunStatus.SUCCEEDED,
    "failed": RunStatus.FAILED,
    "cancelled": RunStatus.CANCELLED,
}


def batch(message: batches_pb2.Batch) -> Batch:
    """A batch as the client gives it."""
    return Batch(
        id=message.id,
        flow_id=message.flow_id,
        version=message.version,
        status=_convert.known(_STATUS, message.status),
        progress=_progress(message.progress),
        created_at=_convert.time(message, "created_at"),
        started_at=_convert.time(message, "started_at"),
        completed_at=_convert.time(message, "completed_at"),
        cancelled_at=_convert.time(message, "cancelled_at"),
        metadata=_convert.json_object(message.metadata),
        files=tuple(_file(file) for file in message.files),
        trace_id=message.trace_id,
        last_sequence=message.last_sequence,
    )


def batch_event(batch_id: str, sequence: int, message: batches_pb2.BatchEvent) -> BatchEvent:
    """An event as the client gives it."""
    return BatchEvent(
        batch_id=batch_id,
        sequence=sequence,
        kind=_KIND.get(message.kind, "unknown"),
        at=_convert.time(message, "at"),
        progress=_progress(message.progress),
        file=_file(message.file) if message.HasField("file") else None,
    )


def batch_result(entry: Mapping[str, Any]) -> BatchResult:
    """An element of the results file as the client gives it."""
    error = entry.get("error")
    return BatchResult(
        index=entry["index"],
        filename=entry["fileName"],
        media_type=entry.get("mediaType", ""),
        document_id=entry["documentId"],
        run_id=entry["runId"],
        status=_convert.known(_RESULT_STATUS, entry["status"]),
        pages=entry["pages"],
        tokens_used=entry["tokensUsed"],
        output=entry.get("data"),
        warnings=tuple(entry.get("warnings", ())),
        low_confidence=tuple(entry.get("lowConfidence", ())),
        error=Fault(reason=error["code"], message=error["message"], details=error["details"]) if error else None,
    )


def status_number(status: BatchStatus) -> batches_pb2.BatchStatus.ValueType:
    """A batch's state as sent."""
    return _STATUS_TO[status]


def _progress(message: batches_pb2.BatchProgress) -> BatchProgress:
    return BatchProgress(
        files_total=message.files_total,
        files_done=message.files_done,
        files_failed=message.files_failed,
        pages_done=message.pages_done,
        pages_failed=message.pages_failed,
        pages_total=message.pages_total,
        percent=message.percent,
        seconds_left=message.seconds_left,
    )


def _file(message: batches_pb2.BatchFile) -> BatchFile:
    return BatchFile(
        index=message.index,
        document_id=message.document_id,
        run_id=message.run_id,
        filename=message.filename,
        status=_convert.run_status(message.status),
        error=_convert.fault(message, "error"),
        pages_done=message.pages_done,
        pages_failed=message.pages_failed,
        pages_total=_convert.optional(message, "pages_total"),
    )
