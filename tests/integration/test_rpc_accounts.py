"""AccountService: the key in hand, other keys, and what an organization may do and did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import pytest_asyncio
from google.protobuf import timestamp_pb2

from docmill.domain.models import Mode, Scope
from docmill.v1 import accounts_pb2, flows_pb2, runs_pb2
from tests.fixtures.accounts import Tenant, accounts, tenant
from tests.fixtures.rpc import PDF, Api, inline, refusal, served, to_the_end

LIST = flows_pb2.ListFlowsRequest()


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """A server with its usual options."""
    async with served(sqlite_url) as api:
        yield api


def stamp(at: datetime) -> timestamp_pb2.Timestamp:
    """A time as sent."""
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(at)
    return message


async def listed(api: Api, ours: Tenant) -> list[accounts_pb2.Key]:
    """All keys, in one part."""
    return list((await accounts(api).ListKeys(accounts_pb2.ListKeysRequest(), **ours.call)).keys)


async def test_a_key_can_be_asked_what_it_is(api: Api) -> None:
    """Any key may ask: its organization, its mode and scopes, never the key itself."""
    ours = await tenant(api, "doclo.pro", Mode.LIVE, Scope.FLOWS_READ, Scope.EXECUTIONS_READ)
    answer = await accounts(api).CheckKey(accounts_pb2.CheckKeyRequest(), **ours.call)
    assert (answer.organization_id, answer.key.id, answer.key.name) == (ours.org_id, ours.key_id, "first")
    assert (answer.key.mode, answer.key.last4) == (accounts_pb2.KEY_MODE_LIVE, ours.key[-4:])
    assert list(answer.key.scopes) == ["executions:read", "flows:read"]
    assert ours.key.encode() not in answer.SerializeToString()


@pytest.mark.parametrize("scope", ["flows:execute", "admin", "no:such"])
async def test_a_key_can_be_asked_for_a_scope(api: Api, scope: str) -> None:
    """One that it has passes; one that it lacks, or that nobody has, is refused as a call that needs it would be."""
    ours = await tenant(api, "doclo.test", Mode.TEST, Scope.FLOWS_READ)
    await accounts(api).CheckKey(accounts_pb2.CheckKeyRequest(scope="flows:read"), **ours.call)
    code, info = await refusal(accounts(api).CheckKey(accounts_pb2.CheckKeyRequest(scope=scope), **ours.call))
    assert (code, info.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert info.metadata["requiredScope"] == scope


async def test_the_life_of_a_key(api: Api) -> None:
    """It is made with its secret shown once, works at once, is listed, and is refused as soon as it is revoked."""
    admin = await tenant(api)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    request = accounts_pb2.CreateKeyRequest(name="ward B2", scopes=["flows:read"], expires_at=stamp(until))
    made = await accounts(api).CreateKey(request, **admin.call)
    assert made.secret.startswith("dc_test_")
    assert (made.key.last4, made.key.name, list(made.key.scopes)) == (made.secret[-4:], "ward B2", ["flows:read"])
    assert made.key.expires_at.ToDatetime(UTC) == until
    await api.flows.ListFlows(LIST, **api.auth(made.secret))
    assert [key.id for key in await listed(api, admin)] == [admin.key_id, made.key.id]

    revoke = accounts_pb2.RevokeKeyRequest(key_id=made.key.id)
    revoked = (await accounts(api).RevokeKey(revoke, **admin.call)).key
    code, info = await refusal(api.flows.ListFlows(LIST, **api.auth(made.secret)))
    assert (code, info.metadata["reason"]) == (grpc.StatusCode.UNAUTHENTICATED, "revoked")
    again = (await accounts(api).RevokeKey(revoke, **admin.call)).key
    assert again.revoked_at == revoked.revoked_at


async def test_a_key_may_revoke_itself(api: Api) -> None:
    """The answer still comes; the next call is refused."""
    admin = await tenant(api)
    await accounts(api).RevokeKey(accounts_pb2.RevokeKeyRequest(key_id=admin.key_id), **admin.call)
    code, info = await refusal(api.flows.ListFlows(LIST, **admin.call))
    assert (code, info.metadata["reason"]) == (grpc.StatusCode.UNAUTHENTICATED, "revoked")


async def test_nobody_gives_away_what_they_do_not_have(api: Api) -> None:
    """A key cannot make one with a scope it lacks; with all of its own it can."""
    admin = await tenant(api, "doclo.test", Mode.TEST, Scope.ADMIN, Scope.FLOWS_READ)
    request = accounts_pb2.CreateKeyRequest(scopes=["flows:read", "flows:execute", "executions:read"])
    code, info = await refusal(accounts(api).CreateKey(request, **admin.call))
    assert (code, info.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert info.metadata["requiredScope"] == "executions:read"
    twin = await accounts(api).CreateKey(accounts_pb2.CreateKeyRequest(scopes=["admin", "flows:read"]), **admin.call)
    assert len((await accounts(api).ListKeys(accounts_pb2.ListKeysRequest(), **api.auth(twin.secret))).keys) == 2


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (accounts_pb2.CreateKeyRequest(scopes=["flows:read", "flows:burn"]), "scopes[1]"),
        (accounts_pb2.CreateKeyRequest(), "scopes"),
        (accounts_pb2.CreateKeyRequest(scopes=["flows:read"], name="a\nb"), "name"),
        (accounts_pb2.CreateKeyRequest(scopes=["flows:read"], expires_at=stamp(datetime.now(UTC))), "expires_at"),
        (
            accounts_pb2.CreateKeyRequest(scopes=["flows:read"], expires_at=timestamp_pb2.Timestamp(seconds=10**12)),
            "expires_at",
        ),
    ],
    ids=["unknown scope", "no scope", "newline", "past", "never"],
)
async def test_keys_that_cannot_be(api: Api, request_: accounts_pb2.CreateKeyRequest, field: str) -> None:
    """What is wrong with a key to be is told by field, and none is made."""
    admin = await tenant(api)
    code, info = await refusal(accounts(api).CreateKey(request_, **admin.call))
    assert (code, info.reason, info.metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", field)
    assert len(await listed(api, admin)) == 1


async def test_keys_are_managed_by_admins_only(api: Api) -> None:
    """The five scopes of everyday keys are not enough for any of it."""
    usual = await tenant(api, "doclo.test", Mode.TEST, *(set(Scope) - {Scope.ADMIN}))
    for call in (
        accounts(api).ListKeys(accounts_pb2.ListKeysRequest(), **usual.call),
        accounts(api).CreateKey(accounts_pb2.CreateKeyRequest(scopes=["flows:read"]), **usual.call),
        accounts(api).RevokeKey(accounts_pb2.RevokeKeyRequest(key_id=usual.key_id), **usual.call),
    ):
        code, info = await refusal(call)
        assert (code, info.metadata["requiredScope"]) == (grpc.StatusCode.PERMISSION_DENIED, "admin")


async def test_keys_are_listed_part_by_part(api: Api) -> None:
    """Every key of the organization and mode once, oldest first; a token that no list gave is refused."""
    admin = await tenant(api)
    made = [admin.key_id, *[(await admin.another()).key_id for _ in range(4)]]
    await admin.another(mode=Mode.LIVE)
    request = accounts_pb2.ListKeysRequest(page_size=2)
    found, totals = [], set()
    while True:
        answer = await accounts(api).ListKeys(request, **admin.call)
        found += [key.id for key in answer.keys]
        totals.add(answer.total)
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert (found, totals) == (made, {5})
    wrong = accounts_pb2.ListKeysRequest(page_token="nonsense")
    code, info = await refusal(accounts(api).ListKeys(wrong, **admin.call))
    assert (code, info.metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, "page_token")


async def usage(api: Api, ours: Tenant, **times: timestamp_pb2.Timestamp) -> accounts_pb2.Usage:
    """What an organization may do and did."""
    return (await accounts(api).GetUsage(accounts_pb2.GetUsageRequest(**times), **ours.call)).usage


async def run_to_the_end(api: Api, ours: Tenant) -> None:
    """A run of three pages at a credit each."""
    request = flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF))
    run_id = (await api.flows.RunFlow(request, **ours.call)).run.id
    await to_the_end(api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **ours.call))


async def test_usage_in_live_mode(api: Api) -> None:
    """The plan with the limits of the mode, the balance, and sums from the month's beginning to now."""
    ours = await tenant(api, "doclo.free", Mode.LIVE)
    await api.operator.credits.grant(ours.org_id, 10)
    before = datetime.now(UTC)
    await run_to_the_end(api, ours)
    found = await usage(api, ours)
    assert (found.organization_id, found.plan.id) == (ours.org_id, "doclo.free")
    assert (found.plan.requests_per_minute, found.plan.concurrent_runs) == (100, 5)
    assert (found.balance.available, found.balance.reserved) == (7, 0)
    assert (found.runs, found.runs_succeeded, found.runs_failed) == (1, 1, 0)
    assert (found.pages, found.credits_used, found.runs_active, found.runs_queued) == (3, 3, 0, 0)
    start, end = getattr(found, "from").ToDatetime(UTC), found.to.ToDatetime(UTC)
    assert start == end.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert before <= end <= datetime.now(UTC)
    earlier = await usage(api, ours, **{"from": stamp(before - timedelta(days=1)), "to": stamp(before)})
    assert (earlier.runs, earlier.pages) == (0, 0)


async def test_usage_in_test_mode(api: Api) -> None:
    """Test keys see the test limits and the test runs, which are free: no balance."""
    live = await tenant(api, "doclo.free", Mode.LIVE)
    await api.operator.credits.grant(live.org_id, 10)
    await run_to_the_end(api, live)
    found = await usage(api, await live.another(mode=Mode.TEST))
    assert (found.plan.requests_per_minute, found.plan.concurrent_runs) == (60, 2)
    assert (found.HasField("balance"), found.runs) == (False, 0)


async def test_usage_of_a_plan_without_bounds(api: Api) -> None:
    """Bounds that the plan does not set are absent, not 0."""
    found = (await accounts(api).GetUsage(accounts_pb2.GetUsageRequest(), **api.auth())).usage
    assert found.plan.id == "doclo.enterprise"
    assert not found.plan.HasField("requests_per_minute")
    assert not found.plan.HasField("concurrent_runs")


async def test_a_time_that_ends_before_it_begins_is_refused(api: Api) -> None:
    """It is a mistake, not an empty sum."""
    now = datetime.now(UTC)
    times = {"from": stamp(now), "to": stamp(now - timedelta(seconds=1))}
    code, info = await refusal(accounts(api).GetUsage(accounts_pb2.GetUsageRequest(**times), **api.auth()))
    assert (code, info.reason, info.metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", "from")
