"""Documents that are submitted together: one results file, one word of their end. Pure.

A batch never fails: a file that does has its error in the results, in its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from docmill.domain.errors import Fault, Reason
from docmill.domain.models import JsonObject, Mode
from docmill.domain.states import BatchState, RunState

SECONDS_PER_FILE = 3
"""A guess for as long as nothing is done."""

_WHOLE = 1000  # parts of a file


class BatchEventKind(StrEnum):
    """What happened to a batch. `batch.completed` comes last."""

    BATCH_ACCEPTED = "batch.accepted"
    BATCH_STARTED = "batch.started"
    FILE_SUCCEEDED = "file.succeeded"
    FILE_FAILED = "file.failed"
    FILE_CANCELLED = "file.cancelled"
    BATCH_CANCELLED = "batch.cancelled"
    BATCH_COMPLETED = "batch.completed"

    @property
    def is_terminal(self) -> bool:
        """The last event of its batch."""
        return self is BatchEventKind.BATCH_COMPLETED


FILE_EVENT_OF = {
    RunState.SUCCEEDED: BatchEventKind.FILE_SUCCEEDED,
    RunState.FAILED: BatchEventKind.FILE_FAILED,
    RunState.CANCELLED: BatchEventKind.FILE_CANCELLED,
}

CANCELLED = Fault(reason=Reason.RUN_CANCELLED, message="The file was cancelled before it was done")
"""What the results say of a cancelled file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvent:
    """A numbered fact about a batch: sequence 1, 2, 3... without gaps, in commit order."""

    batch_id: str
    sequence: int
    kind: BatchEventKind
    at: datetime
    payload: JsonObject = field(default_factory=dict)
    """`progress` as recorded, and `file` with index, run, document, filename and state where it is about one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFile:
    """A document of a batch, and how far the run over it is."""

    index: int
    """Its place, from 0."""
    run_id: str
    document_id: str
    filename: str
    state: RunState
    pages_done: int = 0
    pages_failed: int = 0
    pages_total: int | None = None
    """None until the document is probed."""
    fault: Fault | None = None
    started_at: datetime | None = None
    counted: bool = False
    """Whether the batch has recorded its end."""
    output_key: str = ""
    tokens_used: int = 0
    media_type: str = ""
    """Found in its bytes once they were looked at; declared with them before."""

    @property
    def parts(self) -> int:
        """Of 1000, how much is done; never less than before, and 1000 only when it has ended."""
        if self.state.is_terminal:
            return _WHOLE
        if not self.pages_total:
            return 0
        return min(_WHOLE - 1, _WHOLE * (self.pages_done + self.pages_failed) // self.pages_total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Documents submitted together."""

    id: str
    org_id: str
    mode: Mode
    flow_id: str
    flow_version: str
    state: BatchState
    files_total: int
    files_done: int = 0
    """Files whose end is recorded, however they ended."""
    files_failed: int = 0
    """Of these, failed or cancelled ones."""
    metadata: JsonObject = field(default_factory=dict)
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    """When somebody cancelled what had not ended; it completes all the same."""
    last_sequence: int = 0
    results_key: str = ""
    """Blob with the results' JSON, once COMPLETED."""
    trace_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far a batch is."""

    files_total: int
    files_done: int
    files_failed: int
    pages_done: int
    pages_failed: int
    pages_total: int
    """Of the files whose pages are known."""
    percent: int
    """Never falls; 100 only once the batch is COMPLETED."""
    seconds_left: int


def progress(batch: Batch, files: Sequence[BatchFile], now: datetime) -> BatchProgress:
    """How far `batch` is at `now`, by its files read at the same moment.

    By what its events have told, so that looks and events never contradict each other: nothing is done in a batch that
    has not begun, and a file is open until its end is counted.
    """
    files = [_told(batch, file) for file in files]
    done = sum(file.parts for file in files)
    whole = _WHOLE * batch.files_total
    completed = batch.state is BatchState.COMPLETED
    return BatchProgress(
        files_total=batch.files_total,
        files_done=batch.files_done,
        files_failed=batch.files_failed,
        pages_done=sum(file.pages_done for file in files),
        pages_failed=sum(file.pages_failed for file in files),
        pages_total=sum(file.pages_total or 0 for file in files),
        percent=100 if completed else min(99, 100 * done // whole),
        seconds_left=0 if completed else _seconds_left(batch, done, whole, now),
    )


def _told(batch: Batch, file: BatchFile) -> BatchFile:
    if batch.state is BatchState.QUEUED:
        return replace(file, state=RunState.QUEUED, pages_done=0, pages_failed=0)
    return replace(file, state=RunState.RUNNING) if file.state.is_terminal and not file.counted else file


def _seconds_left(batch: Batch, done: int, whole: int, now: datetime) -> int:
    """As long as the rest takes at the pace so far."""
    if batch.started_at is None or not done:
        return SECONDS_PER_FILE * batch.files_total
    return math.ceil(max(0.0, (now - batch.started_at).total_seconds()) * (whole - done) / done)
