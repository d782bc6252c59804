"""GET /v1/usage: the plan, and the documents of this month."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from docmill.gateway.exchange import Exchange
from docmill.gateway.replies import json_reply
from docmill.gateway.upstream import Upstream
from docmill.v1 import accounts_pb2

__all__ = ["UsageEndpoint", "usage"]

_GET_USAGE = accounts_pb2.DESCRIPTOR.services_by_name["AccountService"].methods_by_name["GetUsage"]


class UsageEndpoint:
    """Shows what is used up."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request."""
        del variables
        answer = await self._upstream.unary(_GET_USAGE, accounts_pb2.GetUsageRequest(), exchange.call)
        return json_reply(usage(answer.usage))


def usage(found: accounts_pb2.Usage) -> dict[str, Any]:
    """The answer. A plan without a bound has no limit and no percentage; one that counts nothing shows its runs."""
    counted = found.documents if found.HasField("documents") else None
    used = counted.used if counted is not None else found.runs
    limit = counted.limit if counted is not None and counted.HasField("limit") else None
    return {
        "plan": found.plan.id.rpartition(".")[2],
        "calls_used": used,
        "calls_limit": limit,
        "percent_used": min(100, 100 * used // limit) if limit else 0,
        "reset_date": _next_month(found) if counted is None else counted.resets_at.ToJsonString()[:10],
        "daily": [{"date": day.date, "calls": day.documents} for day in (counted.daily if counted is not None else ())],
    }


def _next_month(found: accounts_pb2.Usage) -> str:
    year, month = (int(part) for part in found.to.ToJsonString()[:7].split("-"))
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}-01"
