"""The account in the client, against a whole docmill: the key in hand, other keys, usage, and limits as errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from docmill.client import (
    AsyncDocmill,
    AuthenticationError,
    Docmill,
    InvalidArgumentError,
    KeyMode,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
)
from tests.fixtures.stack import Stack


@pytest.fixture
async def docmill(stack: Stack) -> AsyncIterator[AsyncDocmill]:
    """A client of the running docmill with the development key."""
    async with AsyncDocmill(stack.grpc, stack.api_key) as client:
        yield client


async def test_the_development_key_may_do_everything(docmill: AsyncDocmill, stack: Stack) -> None:
    """It is a test key with every scope, of an organization whose plan sets no bounds."""
    current = await docmill.account.check_key("admin")
    scopes = ["admin", "batch:cancel", "batch:execute", "batch:read", "executions:cancel", "executions:read"]
    scopes += ["flows:execute", "flows:read", "flows:write"]
    assert (current.key.name, current.key.mode, list(current.key.scopes)) == ("development", KeyMode.TEST, scopes)
    assert current.key.last4 == stack.api_key[-4:]
    usage = await docmill.account.usage()
    assert usage.organization_id == current.organization_id
    assert (usage.plan.requests_per_minute, usage.plan.concurrent_runs, usage.balance) == (None, None, None)


async def test_keys_are_made_listed_and_revoked(docmill: AsyncDocmill, stack: Stack) -> None:
    """A new key works at once, is in the list, and is refused once revoked; what it lacks it cannot give away."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    made = await docmill.account.create_key({"flows:read", "admin"}, name="reader", expires_at=until)
    assert (made.key.name, made.key.expires_at, made.key.revoked_at) == ("reader", until, None)
    async with AsyncDocmill(stack.grpc, made.secret) as reader:
        assert (await reader.account.check_key()).key == made.key
        with pytest.raises(PermissionDeniedError) as lacking:
            await reader.account.create_key(["flows:execute"])
        assert lacking.value.details["requiredScope"] == "flows:execute"
        assert made.key.id in {key.id async for key in reader.account.list_keys()}
        revoked = await docmill.account.revoke_key(made.key.id)
        assert revoked.revoked_at is not None
        with pytest.raises(AuthenticationError):
            await reader.account.check_key()
    with pytest.raises(NotFoundError):
        await docmill.account.revoke_key("key_nope")
    with pytest.raises(InvalidArgumentError):
        await docmill.account.create_key(["flows:read"], expires_at=datetime.now(UTC))


def test_the_blocking_client_has_it_too(stack: Stack, client: Docmill) -> None:
    """Live keys have a balance; sums are of the time that is asked for."""
    org = stack.new_organization()
    key = stack.new_key(org, "--mode", "live")
    with stack.connect(str(key["key"])) as live:
        usage = live.account.usage(end=datetime.now(UTC) + timedelta(hours=1))
        assert (usage.organization_id, usage.plan.id, usage.plan.requests_per_minute) == (org, "doclo.pro", 1000)
        assert usage.balance is not None
        assert (usage.balance.available, usage.runs, usage.pages) == (0, 0, 0)
        with pytest.raises(PermissionDeniedError):
            list(live.account.list_keys())
    assert client.account.check_key().key.id in {key.id for key in client.account.list_keys()}


def test_documents_of_the_month(stack: Stack) -> None:
    """A plan that counts them says how many there were, day by day, how many there may be, and when the next month begins."""
    org = stack.new_organization_of("documentflow.starter")
    key = stack.new_key(org, "--mode", "af")
    page = Path(__file__).parents[2] / "examples" / "invoice.pdf"
    with stack.connect(str(key["key"])) as live:
        before = live.account.usage().documents
        assert before is not None
        assert (before.used, before.daily) == (0, {})
        assert before.limit is not None
        live.batches.wait_for_completion(live.batches.submit([page]).id, timeout=60)
        after = live.account.usage().documents
    assert after is not None
    assert (after.used, sum(after.daily.values()), after.limit) == (1, 1, before.limit)
    [day] = after.daily
    assert day.replace(day=1) < after.resets_at.date()
    assert after.resets_at.day == 1
    shown = stack.docmill("usage", "--api-key", str(key["key"])).stdout
    assert f"1 of {before.limit:,}" in next(line for line in shown.splitlines() if "documents this month" in line)
    facts = stack.facts_of("usage", "--api-key", str(key["key"]))["documents"]
    assert (facts["used"], facts["daily"]) == (1, {day.isoformat(): 1})


async def test_a_spent_budget_is_an_error_of_its_own(stack: Stack) -> None:
    """Sixty calls of a test key pass, the next one says after how many seconds to come back."""
    key = stack.new_key(stack.new_organization())
    async with AsyncDocmill(stack.grpc, str(key["key"])) as docmill:
        for _ in range(60):
            await docmill.account.check_key()
        with pytest.raises(RateLimitedError) as refused:
            await docmill.account.check_key()
    assert refused.value.retryable
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 60
    assert refused.value.details["limit"] == "60"
