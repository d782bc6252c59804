"""What every use case and loop of the engine works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from docmill.blobs import BlobStore
from docmill.bus import Bus
from docmill.domain.plans import Plans
from docmill.domain.retry import RetryPolicy
from docmill.domain.turns import Turns
from docmill.engine.agenda import Agenda
from docmill.engine.catalog import Catalog
from docmill.engine.last_use import LastUse
from docmill.engine.limits import LimitsOf, PlanOf, no_limits
from docmill.engine.notices import Webhooks
from docmill.engine.notify import Notifier
from docmill.engine.plan_files import builtin_plans
from docmill.engine.workers import Workers
from docmill.store import Store


def utc_now() -> datetime:
    """The current time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Limits and times of the engine."""

    max_document_bytes: int = 100 * 1024 * 1024
    """Whatever a flow allows, no upload is larger."""
    probe_wait: timedelta = timedelta(seconds=1)
    """How long a submit waits for the document's probe."""
    run_timeout: timedelta = timedelta(hours=24)
    """Deadline of a run that names none."""
    lease: timedelta = timedelta(minutes=30)
    """A published job comes back when no worker shows a sign of life for it for so long."""
    publishing: timedelta = timedelta(seconds=30)
    """Lease of a job until it is certain that the bus has it: whoever claimed it may never come to publish it."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    heartbeat: timedelta = timedelta(seconds=15)
    """An idle watch says so this often."""
    poll: timedelta = timedelta(seconds=5)
    """A watch looks this often without a hint."""
    sweep: timedelta = timedelta(seconds=1)
    expire: timedelta = timedelta(minutes=1)
    """How often to look for what is too old."""
    unused_document_kept: timedelta = timedelta(hours=24)
    """A document that no run is over is deleted after this time."""
    batch_kept: timedelta = timedelta(days=30)
    """The files and results of a batch are deleted so long after it was asked for."""
    picture_wait: timedelta = timedelta(seconds=20)
    """How long somebody waits for the picture of a page that a worker has yet to make."""
    last_use: timedelta = timedelta(seconds=5)
    """How often it is written when keys were used last."""
    llm_models: Sequence[str] = ()
    """Language models that flows may name; the first is `llm`. Where there are none, the catalog must know that too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The engine's parts, given once by the composition root."""

    store: Store
    blobs: BlobStore
    bus: Bus
    options: EngineOptions = field(default_factory=EngineOptions)
    now: Callable[[], datetime] = utc_now
    notifier: Notifier = field(default_factory=Notifier)
    """Wakes whoever waits for news of a run or a document in this process."""
    catalog: Catalog = field(default_factory=Catalog)
    plans: Plans = field(default_factory=builtin_plans)
    last_use: LastUse = field(default_factory=LastUse)
    workers: Workers = field(default_factory=Workers)
    turns: Turns = field(default_factory=Turns)
    afloat: list[datetime] = field(default_factory=list)
    """Ends of the short leases of batches that the bus has; used by the dispatch loop alone, as `turns` is."""
    limits: LimitsOf = no_limits
    """How much an organization may have under way, by its plan and mode."""
    plan_of: PlanOf = field(default_factory=PlanOf)
    work: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be jobs to dispatch."""
    webhooks: Webhooks | None = None
    """None: this process sends none."""
    agenda: Agenda = field(default_factory=Agenda)
    """Batches whose runs moved."""
    mail: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be webhooks to send."""
