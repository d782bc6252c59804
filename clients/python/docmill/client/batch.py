"""What the client gives back about batches. Plain values; times are aware `datetime`s in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from docmill.client.run import Fault, RunStatus


class BatchStatus(StrEnum):
    """The state of a batch."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "complete"
    """Every file has ended, however; a batch never fails."""

    @property
    def is_terminal(self) -> bool:
        """It ended, and its results are there."""
        return self is BatchStatus.COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How far a batch is."""

    files_total: int = 0
    files_done: int = 0
    """Files that ended, however."""
    files_failed: int = 0
    """Of these, files that failed or were cancelled."""
    pages_done: int = 0
    pages_failed: int = 0
    pages_total: int = 0
    """Of the files whose pages are known by now."""
    percent: int = 0
    """Never falls; 100 only once the batch is complete."""
    seconds_left: int = 0
    """Estimate; 0 in events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFile:
    """One document of a batch."""

    index: int
    """Its place in the batch, from 0."""
    document_id: str
    run_id: str
    filename: str
    status: RunStatus
    error: Fault | None = None
    """Why it failed."""
    pages_done: int = 0
    pages_failed: int = 0
    pages_total: int | None = None
    """None until they are known, and in events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Documents submitted together."""

    id: str
    flow_id: str
    version: str
    """Of the flow."""
    status: BatchStatus
    progress: BatchProgress
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    """When somebody cancelled what had not ended."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[BatchFile] = ()
    """In the order in which they were submitted; only when asked for."""
    trace_id: str = ""
    last_sequence: int = 0
    """Number of its latest event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvent:
    """A numbered fact about a batch: 1, 2, 3... without gaps."""

    batch_id: str
    sequence: int
    kind: str
    """`batch.accepted batch.started file.succeeded file.failed file.cancelled batch.cancelled batch.completed`;
    `unknown` for one that is newer than this client."""
    progress: BatchProgress
    """Of its own moment, also when it is read later; from one event to the next `percent` never falls."""
    at: datetime | None = None
    file: BatchFile | None = None
    """The file it is about."""

    @property
    def is_terminal(self) -> bool:
        """The last event of its batch."""
        return self.kind == "batch.completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of one document of a batch that is complete."""

    index: int
    """Its place in the batch, from 0."""
    filename: str
    media_type: str
    document_id: str
    run_id: str
    status: RunStatus
    pages: int
    """That were read."""
    tokens_used: int = 0
    """By language models."""
    output: Any = None
    """The data that came out, as `json.loads` gives it; None when it failed."""
    warnings: Sequence[str] = ()
    low_confidence: Sequence[str] = ()
    """JSON pointers of the values in `output` that a person should look at, the least sure first."""
    error: Fault | None = None
    """Why there is no output."""
