"""`docmill usage`: what an organization may do and did."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

from datetime import datetime
from typing import TYPE_CHECKING, Any

from docmill.cli.options import LOCAL, AsJson, Server
from docmill.cli.output import json_line, local, table, utc

if TYPE_CHECKING:
    from docmill.client import Usage


async def usage(
    *, after: datetime | None = None, before: datetime | None = None, json: AsJson = False, server: Server = LOCAL
) -> None:
    """Show the plan of the key's organization, its credits, and what it used this month.

    Args:
        after: Sum up runs accepted at this time or later, e.g. `2026-03-02T08:00`; the month's beginning (UTC) when not given.
        before: Sum up runs accepted before this time; now when not given.
    """
    async with server.connect() as docmill:
        found = await docmill.account.usage(start=after, end=before)
    if json:
        json_line(_usage_json(found))
    else:
        table(["", ""], _rows(found), nothing="")


def _rows(usage: "Usage") -> list[tuple[str, str]]:
    plan, balance = usage.plan, usage.balance
    credits_ = "runs are free in test mode" if balance is None else f"{balance.available:,} ({balance.reserved:,} held)"
    return [
        ("organization", usage.organization_id),
        ("plan", plan.id),
        ("calls a minute", _bound(plan.requests_per_minute)),
        ("runs at a time", _bound(plan.concurrent_runs)),
        ("runs now", f"{usage.runs_active:,} at work, {usage.runs_queued:,} waiting"),
        ("credits", credits_),
        ("from", local(usage.start)),
        ("to", local(usage.end)),
        ("runs", f"{usage.runs:,}: {usage.runs_succeeded:,} succeeded, {usage.runs_failed:,} failed"),
        ("pages", f"{usage.pages:,}"),
        ("credits used", f"{usage.credits_used:,}"),
        *_documents(usage),
    ]


def _documents(usage: "Usage") -> list[tuple[str, str]]:
    """Of plans that count them."""
    quota = usage.documents
    if quota is None:
        return []
    bound = "" if quota.limit is None else f" of {quota.limit:,}"
    return [("documents this month", f"{quota.used:,}{bound}; counted anew from {local(quota.resets_at)}")]


def _bound(number: int | None) -> str:
    return "no bound" if number is None else f"{number:,}"


def _usage_json(usage: "Usage") -> dict[str, Any]:
    plan, balance = usage.plan, usage.balance
    return {
        "organizationId": usage.organization_id,
        "plan": {
            "id": plan.id,
            "requestsPerMinute": plan.requests_per_minute,
            "concurrentRuns": plan.concurrent_runs,
            "features": list(plan.features),
        },
        "balance": balance and {"available": balance.available, "reserved": balance.reserved},
        "from": utc(usage.start),
        "to": utc(usage.end),
        "runs": usage.runs,
        "runsSucceeded": usage.runs_succeeded,
        "runsFailed": usage.runs_failed,
        "pages": usage.pages,
        "creditsUsed": usage.credits_used,
        "runsActive": usage.runs_active,
        "runsQueued": usage.runs_queued,
        "documents": usage.documents
        and {
            "used": usage.documents.used,
            "limit": usage.documents.limit,
            "resetsAt": utc(usage.documents.resets_at),
            "daily": {day.isoformat(): count for day, count in usage.documents.daily.items()},
        },
    }
