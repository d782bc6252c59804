"""What the events of a batch say: each of them how far the batch was at its own moment, whenever it is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from docmill.domain.batches import Batch, BatchEventKind, BatchFile, BatchProgress, progress
from docmill.store.batches import NewBatchEvent


def about(
    kind: BatchEventKind, batch: Batch, files: Sequence[BatchFile], now: datetime, file: BatchFile | None = None
) -> NewBatchEvent:
    """An event of `batch`, and of one `file` of it if it is about one. `files` that are `counted` have had theirs."""
    payload = _progress(progress(batch, files, now))
    return NewBatchEvent(kind=kind, payload=payload | ({"file": _file(file)} if file is not None else {}))


def _progress(shown: BatchProgress) -> dict[str, Any]:
    return {
        "progress": {
            "filesTotal": shown.files_total,
            "filesDone": shown.files_done,
            "filesFailed": shown.files_failed,
            "pagesDone": shown.pages_done,
            "pagesFailed": shown.pages_failed,
            "pagesTotal": shown.pages_total,
            "percent": shown.percent,
        }
    }


def _file(file: BatchFile) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "index": file.index,
        "documentId": file.document_id,
        "runId": file.run_id,
        "filename": file.filename,
        "state": file.state.value,
    }
    if file.fault is not None:
        fault = file.fault
        facts["fault"] = {
            "reason": fault.reason.value,
            "message": fault.message,
            "details": dict(fault.details),
            "step": fault.step,
        }
    return facts
