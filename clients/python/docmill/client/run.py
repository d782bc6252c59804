"""What the client gives back about runs. Plain values; times are aware `datetime`s in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from docmill.client.page import Box


class RunStatus(StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """The run ended; nothing about it changes any more."""
        return self not in {RunStatus.QUEUED, RunStatus.RUNNING}


class Priority(StrEnum):
    """Who goes first when workers are busy."""

    INTERACTIVE = "interactive"
    """Somebody is waiting for the answer."""
    STANDARD = "standard"
    BULK = "bulk"
    """One of a heap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a run, a page or a document failed."""

    reason: str
    """Stable word for programs, e.g. `MEDIA_ENCRYPTED`; empty for one that is newer than this client."""
    message: str
    """What was wrong and what to do, for people."""
    step: str = ""
    """Id of the flow step that failed; empty where it was no step."""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    step: str = ""
    """Id of the step being worked on."""
    percentage: int = 0
    """Estimate, 0 to 100."""
    pages_done: int = 0
    pages_failed: int = 0
    pages_total: int | None = None
    """None until the document was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMetrics:
    """What a step took."""

    step: str
    """Its id."""
    node_type: str
    """`parse`, `extract`, ..."""
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What a run took, once it ended."""

    duration_ms: int
    """From its acceptance to its end."""
    page_count: int
    credits_used: int
    engine_ms: int
    """Inside reading engines, summed over pages."""
    tokens_used: int = 0
    """By language models."""
    cost: float = 0.0
    """What outside services charged, in US dollars."""
    steps_run: int = 0
    steps_total: int = 0
    """Steps that the flow has."""
    steps: Sequence[StepMetrics] = ()
    """What each step took; only when asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where a value of an output was read."""

    path: str
    """JSON pointer (RFC 6901) into the output, e.g. `/lineItems/0/total`."""
    page_number: int
    """From 1; 0 for a value of an electronic invoice that no page shows."""
    box: Box
    words: Sequence[str]
    """As read."""
    confidence: float
    """0 to 1."""
    source: str = "page"
    """Where the value is from: `page`, or `einvoice` for the XML of an electronic invoice."""
    xpath: str = ""
    """Where it stands in that XML."""
    grounded: bool = True
    """Whether the words say the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One document going through one version of a flow."""

    id: str
    flow_id: str
    version: str
    """Of the flow."""
    document_id: str
    status: RunStatus
    queue_position: int | None = None
    """Place in the line, from 1, while it waits for other runs of its organization to end."""
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    """However it ended."""
    cancelled_at: datetime | None = None
    progress: Progress = field(default_factory=Progress)
    output: Any = None
    """The data that came out, as `json.loads` would give it; None until the run succeeded, and in lists."""
    warnings: Sequence[str] = ()
    evidence: Sequence[Evidence] = ()
    """Where each value of the output was read; only when asked for."""
    low_confidence: Sequence[str] = ()
    """JSON pointers of the values that a person should look at, least sure first; with the evidence."""
    error: Fault | None = None
    """Why it failed."""
    metrics: Metrics | None = None
    """None until it ended."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What was given when it was started."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What was given when it was started, to find it by."""
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    """What the steps made on the way, by id of the step: objects with a `type`; only when asked for."""
    trace_id: str = ""
    last_sequence: int = 0
    """Number of its latest event."""
    batch_id: str = ""
    """The batch it belongs to, if it does."""


TERMINAL_KINDS = frozenset({"run.succeeded", "run.failed", "run.cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """A numbered fact about a run: 1, 2, 3... without gaps. Facts that do not belong to its kind are None or empty."""

    run_id: str
    sequence: int
    kind: str
    """`run.accepted run.planned page.done page.retried page.failed step.started step.done run.succeeded run.failed
    run.cancelled`; `unknown` for one that is newer than this client."""
    at: datetime | None = None
    page_number: int | None = None
    """The page it is about, from 1."""
    attempt: int | None = None
    """From 1."""
    engine: str = ""
    confidence: float | None = None
    """Mean of the page's words, 0 to 1."""
    words: int | None = None
    duration_ms: int | None = None
    """That a worker spent on the page."""
    pages_done: int | None = None
    """So far."""
    pages_total: int | None = None
    step: str = ""
    error: Fault | None = None
    cached: bool | None = None
    """The page's text was there already, from an earlier reading of the same bytes."""
    needs_review: bool | None = None
    """A person should look at what was read on the page; its `quality` says why."""

    @property
    def is_terminal(self) -> bool:
        """The last event of its run."""
        return self.kind in TERMINAL_KINDS
