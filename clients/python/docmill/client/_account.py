"""The account of the async client: the organization that the key belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import UTC, date, datetime
from typing import Any, Literal

from google.protobuf.message import Message

from docmill.client._connection import Connection
from docmill.client._convert import timestamp
from docmill.client.account import Balance, CurrentKey, DocumentQuota, Key, KeyMode, NewKey, Plan, Usage
from docmill.client.errors import UnsupportedError
from docmill.v1 import accounts_pb2

__all__ = ["AsyncAccount"]

_PAGE_SIZE = 100  # keys a list call asks for at once
_MODES = {accounts_pb2.KEY_MODE_LIVE: KeyMode.LIVE, accounts_pb2.KEY_MODE_TEST: KeyMode.TEST}


class AsyncAccount:
    """The key's own organization: what it may do, what it used, and its keys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def check_key(self, scope: str = "") -> CurrentKey:
        """The key in use; `PermissionDeniedError` when it lacks the scope that is asked for."""
        request = accounts_pb2.CheckKeyRequest(scope=scope)
        answer = await self._connection.call(self._connection.accounts.CheckKey, request)
        return CurrentKey(key=_key(answer.key), organization_id=answer.organization_id)

    async def usage(self, *, start: datetime | None = None, end: datetime | None = None) -> Usage:
        """Plan, balance and sums over the runs accepted from `start` (the month's first moment in UTC) to `end` (now)."""
        times: dict[str, Any] = {"from": timestamp(start), "to": timestamp(end)}
        answer = await self._connection.call(self._connection.accounts.GetUsage, accounts_pb2.GetUsageRequest(**times))
        return _usage(answer.usage)

    async def list_keys(self) -> AsyncIterator[Key]:
        """The organization's keys in the mode of this one, oldest first; needs the scope `admin`."""
        request = accounts_pb2.ListKeysRequest(page_size=_PAGE_SIZE)
        while True:
            answer = await self._connection.call(self._connection.accounts.ListKeys, request)
            for key in answer.keys:
                yield _key(key)
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token

    async def create_key(
        self, scopes: Collection[str], *, name: str = "", expires_at: datetime | None = None
    ) -> NewKey:
        """Make a key of the same organization and mode; needs the scope `admin`.

        It cannot have a scope that this key lacks: `PermissionDeniedError`.
        """
        request = accounts_pb2.CreateKeyRequest(name=name, scopes=sorted(scopes), expires_at=timestamp(expires_at))
        answer = await self._connection.call(self._connection.accounts.CreateKey, request)
        return NewKey(key=_key(answer.key), secret=answer.secret)

    async def revoke_key(self, key_id: str) -> Key:
        """Revoke a key, be it this one: it is refused from now on. Needs the scope `admin`."""
        request = accounts_pb2.RevokeKeyRequest(key_id=key_id)
        answer = await self._connection.call(self._connection.accounts.RevokeKey, request)
        return _key(answer.key)


def _key(message: accounts_pb2.Key) -> Key:
    if message.mode not in _MODES:
        raise UnsupportedError("docmill answered with a mode this client does not know: upgrade the client")
    return Key(
        id=message.id,
        name=message.name,
        mode=_MODES[message.mode],
        scopes=tuple(message.scopes),
        last4=message.last4,
        created_at=_time(message, "created_at"),
        expires_at=_time(message, "expires_at"),
        revoked_at=_time(message, "revoked_at"),
        last_used_at=_time(message, "last_used_at"),
    )


def _usage(message: accounts_pb2.Usage) -> Usage:
    plan, balance = message.plan, message.balance
    return Usage(
        organization_id=message.organization_id,
        plan=Plan(
            id=plan.id,
            requests_per_minute=_bound(plan, "requests_per_minute"),
            concurrent_runs=_bound(plan, "concurrent_runs"),
            features=tuple(plan.features),
        ),
        balance=Balance(available=balance.available, reserved=balance.reserved)
        if message.HasField("balance")
        else None,
        start=_time(message, "from"),
        end=_time(message, "to"),
        runs=message.runs,
        runs_succeeded=message.runs_succeeded,
        runs_failed=message.runs_failed,
        pages=message.pages,
        credits_used=message.credits_used,
        runs_active=message.runs_active,
        runs_queued=message.runs_queued,
        documents=_documents(message.documents) if message.HasField("documents") else None,
    )


def _documents(message: accounts_pb2.DocumentQuota) -> DocumentQuota:
    return DocumentQuota(
        used=message.used,
        limit=message.limit if message.HasField("limit") else None,
        resets_at=message.resets_at.ToDatetime(UTC),
        daily={date.fromisoformat(day.date): day.documents for day in message.daily},
    )


def _bound(plan: accounts_pb2.Plan, name: Literal["requests_per_minute", "concurrent_runs"]) -> int | None:
    return getattr(plan, name) if plan.HasField(name) else None


def _time(owner: Message, field: str) -> datetime | None:
    if not owner.HasField(field):
        return None
    at: datetime = getattr(owner, field).ToDatetime(UTC)
    return at
