"""Word of the end of a run or a batch: who wants it, what is sent, and when it is tried again.

Times are aware `datetime`s in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from docmill.domain.models import Mode
from docmill.domain.states import RunState


class DeliveryState(StrEnum):
    """What became of a delivery."""

    PENDING = "PENDING"  # the run ended; any -> its owner wants it again
    DELIVERED = "DELIVERED"  # PENDING -> the receiver took it
    FAILED = "FAILED"  # PENDING -> attempts used up, or the receiver is gone


class DeliveryEvent(StrEnum):
    """What a delivery tells."""

    COMPLETED = "execution.completed"
    FAILED = "execution.failed"
    CANCELLED = "execution.cancelled"
    BATCH_COMPLETED = "batch.completed"


EVENT_OF = {
    RunState.SUCCEEDED: DeliveryEvent.COMPLETED,
    RunState.FAILED: DeliveryEvent.FAILED,
    RunState.CANCELLED: DeliveryEvent.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Who wants word of the end of a run, or of a batch."""

    run_id: str = ""
    url: str
    host: str
    """Of the URL, in lower case: sending is bounded by host."""
    secret: str = ""
    """Key of the signatures, encrypted; empty: the organization's."""
    format: str = ""
    """Name of the form; empty: the installation's own."""
    on_cancel: bool = False
    batch_id: str = ""
    """In place of `run_id`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One try to send a delivery."""

    number: int
    """Of all tries ever made, from 1."""
    at: datetime
    http_status: int | None
    """None when there was no answer."""
    duration_ms: int
    error: str = ""
    """What went wrong; empty when the receiver took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook to send. Every attempt has its id, also after it was asked for again."""

    id: str
    org_id: str
    mode: Mode
    run_id: str
    event: DeliveryEvent
    url: str
    state: DeliveryState
    attempt: int
    """Attempts made since it was asked for, or asked for again."""
    next_at: datetime | None
    """When the next attempt is due, while PENDING."""
    created_at: datetime
    ended_at: datetime | None = None
    attempts: Sequence[DeliveryAttempt] = ()
    """Oldest first."""
    batch_id: str = ""
    """In place of `run_id`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """When a delivery is tried, and when it is given up."""

    gaps: Sequence[float] = (0, 5, 30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 6 * 3600)
    """Seconds before each attempt, counted from the one before it (the first: from the run's end)."""
    jitter: float = 0.2
    """Part of a gap by which it may be longer or shorter: receivers that were away are not all called at one moment."""
    ends_when_gone: bool = True
    """Whether 410 ends it: nobody will ever listen there again (RFC 9110, 15.5.11)."""

    @staticmethod
    def taken(status: int | None) -> bool:
        """Whether a receiver that answers so has taken the delivery."""
        return status is not None and 200 <= status < 300

    def gap_after(self, attempts: int, status: int | None, roll: float) -> float | None:
        """Seconds until the next attempt after `attempts` that failed, the last one with `status`; None = give up.

        `roll` is drawn from [-1, 1].
        """
        if (status == 410 and self.ends_when_gone) or attempts >= len(self.gaps):
            return None
        return self.gaps[attempts] * (1 + self.jitter * roll)
