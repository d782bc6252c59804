"""What the events of a batch say: each of them how far the batch was at its own moment, whenever it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from docmill.domain.batches import Batch, BatchEventKind, BatchFile, BatchProgress, progress
from docmill.domain.states import BatchState, RunState
from docmill.store.batches import NewBatchEvent


def about(
    kind: BatchEventKind, batch: Batch, files: Sequence[BatchFile], now: datetime, file: BatchFile | None = None
) -> NewBatchEvent:
    """An event of `batch`, and of one `file` of it if it is about one. `files` that are `counted` have had theirs."""
    payload = _progress(progress(batch, _told(batch, files), now))
    return NewBatchEvent(kind=kind, payload=payload | ({"file": _file(file)} if file is not None else {}))


def _told(batch: Batch, files: Sequence[BatchFile]) -> list[BatchFile]:
    """The files as the events so far tell: nothing is done in a batch that has not begun, and a file is open until its own.

    What happens within one look is recorded together; without this the first event would tell what the last one brings.
    """
    if batch.state is BatchState.QUEUED:
        return [replace(file, state=RunState.QUEUED, pages_done=0, pages_failed=0) for file in files]
    return [
        replace(file, state=RunState.RUNNING) if file.state.is_terminal and not file.counted else file for file in files
    ]


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
