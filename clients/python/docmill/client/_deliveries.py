"""From messages about webhooks to what the client gives."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.message import Message

from docmill.client.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from docmill.client.errors import UnsupportedError
from docmill.v1 import webhooks_pb2

_STATUS = {
    webhooks_pb2.DELIVERY_STATUS_PENDING: DeliveryStatus.PENDING,
    webhooks_pb2.DELIVERY_STATUS_DELIVERED: DeliveryStatus.DELIVERED,
    webhooks_pb2.DELIVERY_STATUS_FAILED: DeliveryStatus.FAILED,
}


def delivery(message: webhooks_pb2.Delivery) -> Delivery:
    """A delivery as the client gives it."""
    if message.status not in _STATUS:
        raise UnsupportedError("docmill answered with a state this client does not know: upgrade the client")
    return Delivery(
        id=message.id,
        run_id=message.run_id,
        batch_id=message.batch_id,
        event=message.event,
        url=message.url,
        status=_STATUS[message.status],
        created_at=_time(message, "created_at"),
        next_attempt_at=_time(message, "next_attempt_at"),
        completed_at=_time(message, "completed_at"),
        attempts=tuple(_attempt(attempt) for attempt in message.attempts),
    )


def _attempt(message: webhooks_pb2.DeliveryAttempt) -> DeliveryAttempt:
    return DeliveryAttempt(
        number=message.number,
        at=_time(message, "at"),
        http_status=message.http_status if message.HasField("http_status") else None,
        duration_ms=message.duration_ms,
        error=message.error,
    )


def _time(owner: Message, field: str) -> datetime | None:
    if not owner.HasField(field):
        return None
    at: datetime = getattr(owner, field).ToDatetime(UTC)
    return at
