"""What travels on the bus: keys and facts, never pixels or document bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from docmill.domain.errors import Fault
from docmill.domain.models import JobKind, JsonObject, PageSize
from docmill.domain.quality import PageQuality

Attempt = tuple[str, int]  # a job's id and the number of the attempt, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMessage:
    """A job as a worker gets it: everything needed without a database."""

    job_id: str
    attempt: int
    kind: JobKind
    org_id: str
    run_id: str = ""
    document_id: str = ""
    blob_key: str = ""
    """The document's bytes."""
    sha256: str = ""
    media_type: str = ""
    """As probed; empty for a PROBE."""
    declared_type: str = ""
    filename: str = ""
    page: int = 0
    """1-based page to read (PAGE) or to make a picture of (RENDER)."""
    read: JsonObject = field(default_factory=dict)
    """Reading options of the flow's parse step (PAGE): `engine`, `languages`, ...; or the picture's `max_side` (RENDER)."""
    page_keys: Sequence[str] = ()
    """Blobs of the pages in order; an empty string for a page that failed (DOCUMENT). The picture's blob (RENDER)."""
    definition: JsonObject = field(default_factory=dict)
    """The flow's recipe (DOCUMENT)."""
    output_schema: JsonObject = field(default_factory=dict)
    variables: JsonObject = field(default_factory=dict)
    deadline: datetime | None = None
    wanted_at: datetime | None = None
    """When the record said that it is to be done."""
    express: bool = False
    """It must not stand behind a flood: it goes on the express lane, and workers start it first."""
    calls_llm: bool = False
    """Its flow calls a language model (DOCUMENT): it waits on a network, in a lane of its own."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """W3C trace context headers."""

    @property
    def id(self) -> Attempt:
        """Which attempt of which job this is."""
        return self.job_id, self.attempt

    @property
    def dedup_id(self) -> str:
        """Nats-Msg-Id: the same attempt is taken by the bus once."""
        return f"{self.job_id}.{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFacts:
    """What a PROBE found."""

    media_type: str
    pages: Sequence[PageSize]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What a PAGE job did; the text itself is in the blob `page_key`."""

    page_key: str
    engine: str
    confidence: float
    words: int
    quality: PageQuality | None = None
    cached: bool = False
    """The text was there already: no engine read it for this job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """One step that a DOCUMENT job went through."""

    step_id: str
    node_type: str
    duration_ms: int
    input_tokens: int = 0
    """Given to a language model."""
    output_tokens: int = 0
    """Answered by it."""

    @property
    def tokens(self) -> int:
        """Both."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFacts:
    """What a DOCUMENT job made."""

    output_key: str
    steps: Sequence[StepFacts] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """The outcome of one attempt: facts of the job's kind, or a fault."""

    job_id: str
    attempt: int
    kind: JobKind
    org_id: str
    run_id: str = ""
    document_id: str = ""
    page: int = 0
    worker_id: str = ""
    duration_ms: int = 0
    """From the start of the work on it to its result, without the wait for a free child."""
    engine_ms: int = 0
    """Of that, inside the reading engine."""
    probe: ProbeFacts | None = None
    page_facts: PageFacts | None = None
    document: DocumentFacts | None = None
    fault: Fault | None = None
    express: bool = False
    """As the job was: it is recorded at once, where others may wait a moment for company."""


class HintKind(StrEnum):
    """Why to look again."""

    RUN_ADVANCED = "run_advanced"
    RUN_CANCELLED = "run_cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something changed: look in the record. Losing a hint costs seconds, never correctness."""

    kind: HintKind
    run_id: str
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A worker's sign of life, a few seconds apart: how much it can take, and the attempts in its hands."""

    worker_id: str
    slots: int
    holding: Sequence[Attempt] = ()
    """Every job fetched and not yet answered: their leases go on."""
    llm_slots: int = 0
    """Jobs that call a language model which it can hold beside these."""
