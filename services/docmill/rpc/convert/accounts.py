"""Keys, and what an organization may do and did."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from docmill.domain.models import ApiKey, Mode
from docmill.domain.quotas import Quota
from docmill.engine import KeyRequest, Usage
from docmill.rpc.convert.common import from_timestamp, to_timestamp
from docmill.v1 import accounts_pb2

__all__ = ["from_create_key", "from_get_usage", "to_key", "to_usage"]

_MODES = {Mode.LIVE: accounts_pb2.KEY_MODE_LIVE, Mode.TEST: accounts_pb2.KEY_MODE_TEST}


def to_key(key: ApiKey) -> accounts_pb2.Key:
    """A key, without the key itself."""
    return accounts_pb2.Key(
        id=key.id,
        name=key.name,
        mode=_MODES[key.mode],
        scopes=sorted(key.scopes),
        last4=key.last4,
        created_at=to_timestamp(key.created_at),
        expires_at=to_timestamp(key.expires_at),
        revoked_at=to_timestamp(key.revoked_at),
        last_used_at=to_timestamp(key.last_used_at),
    )


def from_create_key(request: accounts_pb2.CreateKeyRequest) -> KeyRequest:
    """A key to make."""
    expires_at = from_timestamp(request.expires_at, "expires_at") if request.HasField("expires_at") else None
    return KeyRequest(scopes=list(request.scopes), name=request.name, expires_at=expires_at)


def from_get_usage(request: accounts_pb2.GetUsageRequest) -> tuple[datetime | None, datetime | None]:
    """From when on and until when to sum up."""
    return _optional_time(request, "from"), _optional_time(request, "to")


def _optional_time(request: accounts_pb2.GetUsageRequest, name: Literal["from", "to"]) -> datetime | None:
    return from_timestamp(getattr(request, name), name) if request.HasField(name) else None


def to_usage(usage: Usage) -> accounts_pb2.Usage:
    """What an organization may do and did."""
    message = accounts_pb2.Usage(
        organization_id=usage.org_id,
        plan=accounts_pb2.Plan(
            id=usage.plan_id,
            requests_per_minute=usage.limits.requests_per_minute,
            concurrent_runs=usage.limits.concurrent_runs,
            features=usage.features,
        ),
        to=to_timestamp(usage.end),
        runs=usage.sums.runs,
        runs_succeeded=usage.sums.succeeded,
        runs_failed=usage.sums.failed,
        pages=usage.sums.pages,
        credits_used=usage.sums.credits_used,
        runs_active=usage.open.active,
        runs_queued=usage.open.waiting,
    )
    getattr(message, "from").CopyFrom(to_timestamp(usage.start))
    if usage.balance is not None:
        balance = accounts_pb2.Balance(available=usage.balance.available, reserved=usage.balance.reserved)
        message.balance.CopyFrom(balance)
    if usage.quota is not None:
        message.documents.CopyFrom(to_quota(usage.quota))
    return message


def to_quota(quota: Quota) -> accounts_pb2.DocumentQuota:
    """Documents of the current month."""
    return accounts_pb2.DocumentQuota(
        used=quota.used,
        limit=quota.limit,
        resets_at=to_timestamp(quota.resets_at),
        daily=[accounts_pb2.DocumentsOfDay(date=day.isoformat(), documents=count) for day, count in quota.daily],
    )
