"""What word of the end of a run or a batch is made of, and what sending it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from docmill.domain.deliveries import DeliveryEvent, DeliveryPolicy
from docmill.domain.models import Run
from docmill.engine.requests import BatchView, RunOutput
from docmill.engine.vault import Vault
from docmill.webhooks import Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one attempt tells."""

    event: DeliveryEvent
    run: Run
    output: RunOutput | None
    """None when it is left out because it is too large: whoever wants it asks for the run."""
    delivery_id: str
    attempt: int
    """Number of the attempt, from 1."""
    at: datetime
    """Of this attempt: receivers refuse what is old."""
    secret: str
    """For a signature of the form's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNotice:
    """What one attempt tells of a completed batch."""

    event: DeliveryEvent
    view: BatchView
    delivery_id: str
    attempt: int
    """Number of the attempt, from 1."""
    at: datetime
    """Of this attempt."""
    secret: str
    """For a signature of the form's own."""


class BatchForm(Protocol):
    """How a notice of a batch is written."""

    @property
    def same(self) -> bool:
        """Whether every attempt sends the very body of the first one."""

    @property
    def policy(self) -> DeliveryPolicy | None:
        """When it is tried; None: as everything else."""

    def body(self, notice: BatchNotice) -> bytes:
        """JSON in UTF-8. Called on a thread."""

    def headers(self, notice: BatchNotice, body: bytes) -> Mapping[str, str]:
        """Headers of the form's own for that body."""


class WebhookForm(Protocol):
    """How a notice is written."""

    def render(self, notice: Notice) -> tuple[Mapping[str, str], bytes]:
        """Headers of the form's own, and the body: JSON in UTF-8. Called on a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """What sending takes, and how much of it there is at once."""

    sender: Sender
    forms: Mapping[str, WebhookForm]
    """By the names that runs ask for; the installation's own is the empty one."""
    batch_forms: Mapping[str, BatchForm] = field(default_factory=dict)
    """The forms of word of batches, by the same names."""
    vault: Vault = field(default_factory=Vault)
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)
    at_once: int = 64
    """Attempts under way in this process; of one organization and to one host fewer, so that nobody takes them all."""
    at_once_of_org: int = 32
    at_once_to_host: int = 8
    lease: timedelta = timedelta(seconds=30)
    """After so long without an outcome the attempt is lost and made again: longer than the sender ever takes."""
    max_body: int = 1_000_000
    """Bytes; a larger body is sent without the run's output."""
    idle: timedelta = timedelta(seconds=1)
    """Until the next look without a wake-up."""
