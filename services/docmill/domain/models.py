"""The things docmill keeps: documents, flows, runs, jobs, events. Immutable values; the store turns rows into them.

Times are aware `datetime`s in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from docmill.domain.errors import Fault
from docmill.domain.pages import Unit
from docmill.domain.quality import PageQuality
from docmill.domain.rates import Window
from docmill.domain.states import JobState, PageState, ProbeState, RunState

JsonObject = Mapping[str, Any]  # what JSON calls an object; its values are JSON values


class Mode(StrEnum):
    """Live runs are billed, test runs are free; neither sees the other's."""

    LIVE = "live"
    TEST = "test"


class Scope(StrEnum):
    """What a key may do."""

    FLOWS_READ = "flows:read"
    FLOWS_WRITE = "flows:write"
    FLOWS_EXECUTE = "flows:execute"
    EXECUTIONS_READ = "executions:read"
    EXECUTIONS_CANCEL = "executions:cancel"
    BATCH_EXECUTE = "batch:execute"
    BATCH_READ = "batch:read"
    BATCH_CANCEL = "batch:cancel"
    ADMIN = "admin"


class Priority(StrEnum):
    """Who goes first when workers are busy: somebody waits, nobody waits, a heap."""

    INTERACTIVE = "interactive"
    STANDARD = "standard"
    BULK = "bulk"

    @property
    def rank(self) -> int:
        """0 goes first."""
        return list(Priority).index(self)


class JobKind(StrEnum):
    """Look at a document, read one page, do everything after the pages, or make a picture of a page."""

    PROBE = "PROBE"
    PAGE = "PAGE"
    DOCUMENT = "DOCUMENT"
    RENDER = "RENDER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A tenant."""

    id: str
    name: str
    plan_id: str
    created_at: datetime
    webhook_secret: str = ""
    """Key of its webhooks' signatures, encrypted; empty for an organization older than webhooks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A credential. The key itself is shown once and never kept: `sha256` is of the whole key."""

    id: str
    org_id: str
    mode: Mode
    name: str
    sha256: str
    last4: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: what every query is limited to."""

    org_id: str
    mode: Mode
    scopes: frozenset[Scope]
    key_id: str
    plan_id: str = ""
    """The organization's plan."""
    window: Window | None = None
    """Calls of its organization and mode counted before this one; None when none ever was."""
    key_window: Window | None = None
    """Calls counted for its key alone, where the plan does that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSize:
    """A page as the probe saw it; `unit` as in `docmill.domain.pages`."""

    width: float
    height: float
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Uploaded bytes. `media_type` and `pages` are what the probe found in them, whatever was declared."""

    id: str
    org_id: str
    mode: Mode
    filename: str
    declared_type: str
    sha256: str
    size: int
    """Bytes."""
    blob_key: str
    created_at: datetime
    probe: ProbeState = ProbeState.PENDING
    media_type: str = ""
    pages: Sequence[PageSize] = ()
    fault: Fault | None = None
    """Why the probe rejected it."""

    @property
    def page_count(self) -> int | None:
        """Known once probed."""
        return len(self.pages) if self.probe is ProbeState.READY else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowLimits:
    """What a flow accepts (`config` of the flow file)."""

    supported_formats: Sequence[str]
    max_file_size_mb: int
    max_pages: int
    estimated_credits_per_page: int

    @property
    def max_file_size(self) -> int:
        """Bytes."""
        return self.max_file_size_mb * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowVersion:
    """An immutable version of a recipe. `org_id` is empty for flows of the installation, visible to everyone."""

    flow_id: str
    org_id: str
    version: str
    name: str
    description: str
    hidden: bool
    """Not in lists; runs by name."""
    input_schema: JsonObject
    """JSON Schema of the run's variables."""
    output_schema: JsonObject
    limits: FlowLimits
    definition: JsonObject
    """The recipe: parsed by `docmill.domain.flows`."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow with all its versions, ascending by precedence; the last one is current."""

    id: str
    versions: Sequence[FlowVersion]

    @property
    def current(self) -> FlowVersion:
        """The highest version."""
        return self.versions[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One document going through one flow version."""

    id: str
    org_id: str
    mode: Mode
    flow_id: str
    flow_version: str
    document_id: str
    state: RunState
    priority: Priority
    variables: JsonObject = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime
    admitted_at: datetime | None = None
    """When it was let in; until then it waits for other runs of its organization to end, and none of its pages starts."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deadline: datetime | None = None
    last_sequence: int = 0
    pages_total: int | None = None
    """None until the document is probed."""
    pages_done: int = 0
    pages_failed: int = 0
    step: str = ""
    """Id of the step being worked on."""
    output_key: str = ""
    """Blob with the output's JSON, once SUCCEEDED."""
    fault: Fault | None = None
    credits_reserved: int = 0
    credits_used: int = 0
    engine_ms: int = 0
    """Time inside reading engines, summed over pages."""
    tokens_used: int = 0
    """By language models."""
    cost_micros: int = 0
    """What outside services charged, in millionths of a US dollar."""
    steps_run: int = 0
    steps_total: int = 0
    """Steps of the flow."""
    trace_id: str = ""
    queue_position: int | None = None
    """Its place in the line, from 1, while it waits to be let in: as it was when somebody looked, never kept."""
    batch_id: str = ""
    """The batch it belongs to, if it does."""
    documents_reserved: int = 0
    """Documents of the month of `created_at` that are held for it: 1 where the plan counts them. Given back unless it
    succeeds."""

    @property
    def waits(self) -> bool:
        """It was not let in yet."""
        return self.admitted_at is None and self.state is RunState.QUEUED


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A unit of work. `run_id` is empty for a PROBE, which belongs to the document."""

    id: str
    kind: JobKind
    org_id: str
    run_id: str
    document_id: str
    page: int
    """1-based; 0 where the job is not about one page."""
    state: JobState
    attempt: int
    """1 for the first; fences results of earlier attempts."""
    failures: int = 0
    """Attempts that failed; one that nobody answered is none."""
    ready_at: datetime | None = None
    """Not dispatched before this (back-off)."""
    lease_until: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A page's progress within a run."""

    run_id: str
    number: int
    state: PageState
    attempts: int
    page_key: str = ""
    """Blob with the page's text, once DONE."""
    engine: str = ""
    confidence: float | None = None
    words: int | None = None
    duration_ms: int | None = None
    cached: bool = False
    """Its text was there already, from an earlier reading of the same bytes."""
    quality: PageQuality | None = None
    """Once DONE; None for pages that were read before it was measured."""
    fault: Fault | None = None


class EventKind(StrEnum):
    """What happened to a run. `run.succeeded`, `run.failed` and `run.cancelled` are terminal and come last."""

    RUN_ACCEPTED = "run.accepted"
    RUN_PLANNED = "run.planned"
    PAGE_DONE = "page.done"
    PAGE_RETRIED = "page.retried"
    PAGE_FAILED = "page.failed"
    STEP_STARTED = "step.started"
    STEP_DONE = "step.done"
    RUN_SUCCEEDED = "run.succeeded"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"

    @property
    def is_terminal(self) -> bool:
        """The last event of its run."""
        return self in TERMINAL_EVENTS


TERMINAL_EVENTS = frozenset({EventKind.RUN_SUCCEEDED, EventKind.RUN_FAILED, EventKind.RUN_CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """A numbered fact about a run: sequence 1, 2, 3... without gaps, in commit order."""

    run_id: str
    sequence: int
    kind: EventKind
    at: datetime
    payload: JsonObject = field(default_factory=dict)
    """Facts of the kind, e.g. page, engine, confidence, words, durationMs, pagesDone, pagesTotal, reason, message."""
