"""Batches, their progress and their events."""

from __future__ import annotations

from typing import Any

from docmill.domain.batches import BatchEvent, BatchEventKind, BatchFile, BatchProgress
from docmill.domain.errors import Fault, Reason
from docmill.domain.models import JsonObject
from docmill.domain.states import BatchState
from docmill.engine import BatchRequest, BatchView, Heartbeat, WebhookRequest
from docmill.rpc.convert.common import from_struct, to_fault, to_struct, to_timestamp
from docmill.rpc.convert.flows import MAX_METADATA, MAX_VARIABLES
from docmill.v1 import batches_pb2, runs_pb2

__all__ = ["from_create_batch", "from_statuses", "to_batch", "to_watched"]

_STATUS = "BATCH_STATUS_"
_KINDS = {
    kind: batches_pb2.BatchEventKind.Value(f"BATCH_EVENT_KIND_{kind.replace('.', '_').upper()}")
    for kind in BatchEventKind
}
_INT32 = 2**31 - 1


def from_create_batch(request: batches_pb2.CreateBatchRequest, *, trace_id: str = "") -> BatchRequest:
    """A batch to make."""
    webhook = None
    if request.webhook_url:
        webhook = WebhookRequest(url=request.webhook_url, secret=request.webhook_secret, format=request.webhook_format)
    return BatchRequest(
        flow_id=request.flow_id,
        document_ids=list(request.document_ids),
        version=request.version,
        variables=from_struct(request.variables, "variables", max_bytes=MAX_VARIABLES),
        metadata=from_struct(request.metadata, "metadata", max_bytes=MAX_METADATA),
        idempotency_key=request.idempotency_key,
        webhook=webhook,
        trace_id=trace_id,
    )


def from_statuses(request: batches_pb2.ListBatchesRequest) -> frozenset[BatchState]:
    """Which batches to list."""
    return frozenset(
        BatchState(batches_pb2.BatchStatus.Name(status).removeprefix(_STATUS)) for status in request.statuses
    )


def to_batch(view: BatchView, *, files: bool = False) -> batches_pb2.Batch:
    """A batch, with its files if they are asked for."""
    batch = view.batch
    return batches_pb2.Batch(
        id=batch.id,
        flow_id=batch.flow_id,
        version=batch.flow_version,
        status=batches_pb2.BatchStatus.Value(f"{_STATUS}{batch.state}"),
        progress=to_progress(view.progress),
        created_at=to_timestamp(batch.created_at),
        started_at=to_timestamp(batch.started_at),
        completed_at=to_timestamp(batch.completed_at),
        cancelled_at=to_timestamp(batch.cancelled_at),
        metadata=to_struct(batch.metadata) if batch.metadata else None,
        last_sequence=batch.last_sequence,
        files=[to_file(file) for file in view.files] if files else [],
        trace_id=batch.trace_id,
        results_token=view.results_token,
    )


def to_progress(progress: BatchProgress) -> batches_pb2.BatchProgress:
    """How far a batch is."""
    return batches_pb2.BatchProgress(
        files_total=progress.files_total,
        files_done=progress.files_done,
        files_failed=progress.files_failed,
        pages_done=progress.pages_done,
        pages_failed=progress.pages_failed,
        pages_total=progress.pages_total,
        percent=progress.percent,
        seconds_left=min(progress.seconds_left, _INT32),
    )


def to_file(file: BatchFile) -> batches_pb2.BatchFile:
    """One document of a batch."""
    return batches_pb2.BatchFile(
        index=file.index,
        document_id=file.document_id,
        run_id=file.run_id,
        filename=file.filename,
        status=runs_pb2.RunStatus.Value(f"RUN_STATUS_{file.state}"),
        error=to_fault(file.fault),
        pages_done=file.pages_done,
        pages_failed=file.pages_failed,
        pages_total=file.pages_total,
    )


def to_watched(
    item: BatchView | BatchEvent | Heartbeat, after: int, *, files: bool = False
) -> batches_pb2.WatchBatchResponse:
    """One message of a watch that has shown the events up to `after`."""
    if isinstance(item, BatchEvent):
        return batches_pb2.WatchBatchResponse(sequence=item.sequence, event=to_event(item))
    if isinstance(item, BatchView):
        snapshot = batches_pb2.BatchSnapshot(batch=to_batch(item, files=files))
        return batches_pb2.WatchBatchResponse(sequence=after, snapshot=snapshot)
    return batches_pb2.WatchBatchResponse(sequence=after, heartbeat=runs_pb2.Heartbeat())


def to_event(event: BatchEvent) -> batches_pb2.BatchEvent:
    """An event."""
    file, progress = event.payload.get("file"), event.payload.get("progress")
    return batches_pb2.BatchEvent(
        kind=_KINDS[event.kind],
        at=to_timestamp(event.at),
        file=_file(file) if file else None,
        progress=_progress(progress) if progress else None,
    )


def _progress(facts: JsonObject) -> batches_pb2.BatchProgress:
    return batches_pb2.BatchProgress(
        files_total=facts.get("filesTotal", 0),
        files_done=facts.get("filesDone", 0),
        files_failed=facts.get("filesFailed", 0),
        pages_done=facts.get("pagesDone", 0),
        pages_failed=facts.get("pagesFailed", 0),
        pages_total=facts.get("pagesTotal", 0),
        percent=facts.get("percent", 0),
    )


def _file(facts: JsonObject) -> batches_pb2.BatchFile:
    fault: dict[str, Any] | None = facts.get("fault")
    return batches_pb2.BatchFile(
        index=facts["index"],
        document_id=facts["documentId"],
        run_id=facts["runId"],
        filename=facts["filename"],
        status=runs_pb2.RunStatus.Value(f"RUN_STATUS_{facts['state']}"),
        error=to_fault(Fault(**{**fault, "reason": Reason(fault["reason"])})) if fault else None,
    )
