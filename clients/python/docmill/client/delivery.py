"""What the client gives back about webhooks. Plain values; times are aware `datetime`s in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    """An attempt follows."""
    DELIVERED = "delivered"
    """The receiver took it."""
    FAILED = "failed"
    """All attempts failed, or the receiver does not want it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One attempt to send a delivery."""

    number: int
    """From 1."""
    at: datetime | None
    http_status: int | None
    """Of the receiver's answer; None when there was none."""
    duration_ms: int
    error: str
    """What went wrong; empty when the receiver took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook to send."""

    id: str
    """The same in every attempt: by it a receiver knows a second copy."""
    run_id: str
    """Empty where it tells of a batch."""
    event: str
    """E.g. `execution.completed`."""
    url: str
    status: DeliveryStatus
    created_at: datetime | None
    next_attempt_at: datetime | None
    """While it is pending."""
    completed_at: datetime | None
    attempts: Sequence[DeliveryAttempt]
    """Oldest first."""
    batch_id: str = ""
    """In place of `run_id`, where it tells of a batch."""
