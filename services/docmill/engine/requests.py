"""What callers ask of the engine and what they get back, beyond the domain's own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from docmill.domain.batches import Batch, BatchFile, BatchProgress
from docmill.domain.credits import Balance
from docmill.domain.models import JsonObject, Priority
from docmill.domain.plans import Limits
from docmill.domain.quotas import Quota
from docmill.domain.states import RunState
from docmill.extract import Evidence
from docmill.store.usage import OpenRuns, RunSums

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """One page of a list."""

    items: Sequence[T]
    total: int
    """All that match, not only these."""
    next_page_token: str = ""
    """Empty on the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """Where to send word of the run's end, and in what form."""

    url: str
    secret: str = ""
    """Key of the signature; empty: the organization's own."""
    format: str = ""
    """One of the forms this installation offers; empty: its own."""
    on_cancel: bool = False
    """Whether a cancelled run is told of, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Run a flow over one document: an uploaded one (`document_id`), or bytes (`content`)."""

    flow_id: str
    version: str = ""
    """Empty or `latest`: the current one."""
    document_id: str = ""
    content: bytes | None = None
    filename: str = ""
    declared_type: str = ""
    variables: JsonObject = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str = ""
    """Empty: a run of its own."""
    webhook: WebhookRequest | None = None
    priority: Priority = Priority.STANDARD
    timeout_s: float | None = None
    """The run fails when it is not done by then; None = the installation's default."""
    trace_id: str = ""
    """32 hex digits (W3C); made when empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """Run a flow over uploaded documents, all of them or none."""

    flow_id: str
    document_ids: Sequence[str]
    """In the order of the results."""
    version: str = ""
    """Empty or `latest`: the current one."""
    variables: JsonObject = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    idempotency_key: str = ""
    """Empty: a batch of its own."""
    webhook: WebhookRequest | None = None
    trace_id: str = ""
    """32 hex digits (W3C), of all runs; made when empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch at one moment."""

    batch: Batch
    progress: BatchProgress
    files: Sequence[BatchFile]
    """In the order in which they were submitted."""
    results_token: str = ""
    """Lets whoever has it read the results for a day; empty where none was asked for, or can be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRequest:
    """A run to estimate: over an uploaded document, or over so many pages."""

    flow_id: str
    version: str = ""
    """Empty or `latest`: the current one."""
    document_id: str = ""
    pages: int = 0
    """Counts without a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run would cost."""

    flow_id: str
    version: str
    pages: int
    credits: int
    available: int | None
    """Credits free to be used now; None in test mode, where runs are free."""

    @property
    def sufficient(self) -> bool:
        """Whether the run would be accepted as far as credits go."""
        return self.available is None or self.credits <= self.available


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list; empty members do not filter."""

    states: frozenset[RunState] = frozenset()
    flow_id: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    label: str = ""
    """`name=value`, or `name` for any value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A key to make for the caller's organization and mode."""

    scopes: Sequence[str]
    name: str = ""
    """What it is for."""
    expires_at: datetime | None = None
    """None: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the caller's organization may do and did, in the caller's mode."""

    org_id: str
    plan_id: str
    limits: Limits
    """Of the plan, for the caller's mode."""
    features: Sequence[str]
    """Of the plan."""
    balance: Balance | None
    """None in test mode, whose runs are free."""
    start: datetime
    end: datetime
    sums: RunSums
    """Of runs accepted from `start` on and before `end`."""
    open: OpenRuns
    """Now."""
    quota: Quota | None = None
    """Documents of this month; None where the plan, or the mode, does not count them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutput:
    """What a succeeded run made."""

    output: Any = None
    """A JSON value; None when there is none."""
    evidence: Sequence[Evidence] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Nothing happened for a while; the watch is alive at this sequence."""

    sequence: int
