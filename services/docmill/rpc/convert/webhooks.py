"""Deliveries."""

from __future__ import annotations

from docmill.domain.deliveries import Delivery, DeliveryAttempt
from docmill.rpc.convert.common import to_timestamp
from docmill.v1 import webhooks_pb2

__all__ = ["to_delivery"]


def to_delivery(delivery: Delivery) -> webhooks_pb2.Delivery:
    """A delivery with its attempts."""
    return webhooks_pb2.Delivery(
        id=delivery.id,
        run_id=delivery.run_id,
        batch_id=delivery.batch_id,
        event=delivery.event.value,
        url=delivery.url,
        status=webhooks_pb2.DeliveryStatus.Value(f"DELIVERY_STATUS_{delivery.state}"),
        created_at=to_timestamp(delivery.created_at),
        next_attempt_at=to_timestamp(delivery.next_at),
        completed_at=to_timestamp(delivery.ended_at),
        attempts=[_attempt(attempt) for attempt in delivery.attempts],
    )


def _attempt(attempt: DeliveryAttempt) -> webhooks_pb2.DeliveryAttempt:
    return webhooks_pb2.DeliveryAttempt(
        number=attempt.number,
        at=to_timestamp(attempt.at),
        http_status=attempt.http_status,
        duration_ms=attempt.duration_ms,
        error=attempt.error,
    )
