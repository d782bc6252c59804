"""The request budget as callers of the gRPC API meet it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from docmill.domain.models import Mode, Scope
from docmill.store import Op, Statement
from docmill.v1 import accounts_pb2, documents_pb2, documents_pb2_grpc, flows_pb2, runs_pb2
from tests.fixtures.accounts import accounts, tenant, told
from tests.fixtures.rpc import PDF, Api, error_info, refusal, served, to_the_end

LIST = flows_pb2.ListFlowsRequest()
GONE = flows_pb2.GetFlowRequest(flow_id="nope")


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """A server with its usual options."""
    async with served(sqlite_url) as api:
        yield api


async def remaining(call: Any) -> int:
    """What an answer, or an error, says is left."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return told(error.trailing_metadata())["remaining"]
    return told(await call.trailing_metadata())["remaining"]


async def refused(call: Any) -> grpc.aio.AioRpcError:
    """The error of a call that is one too many."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    assert error_info(failed.value).reason == "RATE_LIMITED", failed.value
    return failed.value


def counted() -> Op[list[int]]:
    """Calls in every window there is."""
    return [row[0] for row in (yield Statement("SELECT calls FROM rate_windows ORDER BY calls"))]


def an_hour_passes() -> Op[None]:
    """Every window began an hour earlier."""
    yield Statement("UPDATE rate_windows SET started_at = started_at - 3600000000")


async def test_every_answer_says_what_is_left(api: Api) -> None:
    """Answers and errors of every kind count one call each and say limit, rest and Unix time of the next window."""
    ours = await tenant(api)
    reader = await ours.another(Scope.FLOWS_READ)
    call = api.flows.ListFlows(LIST, **ours.call)
    await call
    budget = told(await call.trailing_metadata())
    assert (budget["limit"], budget["remaining"]) == (60, 59)
    assert 55 <= budget["reset"] - time.time() <= 61
    assert await remaining(api.flows.GetFlow(GONE, **ours.call)) == 58
    assert await remaining(api.flows.GetFlow(flows_pb2.GetFlowRequest(), **ours.call)) == 57  # breaks a rule
    assert await remaining(api.runs.ListRuns(runs_pb2.ListRunsRequest(), **reader.call)) == 56  # lacks the scope
    assert told((await refused_by_key(api)).trailing_metadata()) == {}


async def refused_by_key(api: Api) -> grpc.aio.AioRpcError:
    """The error of a call with a key that nobody knows."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await api.flows.ListFlows(LIST, **api.auth(f"dc_test_{'A' * 8}_{'B' * 40}"))
    assert failed.value.code() is grpc.StatusCode.UNAUTHENTICATED
    return failed.value


async def test_a_stream_says_it_before_its_first_answer(api: Api) -> None:
    """A watch has the budget in its initial metadata and in the trailing one, also when it fails."""
    ours = await tenant(api)
    run_id = await api.run(ours.key)
    watch = api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **ours.call)
    first = told(await watch.initial_metadata())
    await to_the_end(watch)
    assert first == told(await watch.trailing_metadata())
    assert (first["limit"], first["remaining"]) == (60, 59)
    missing = api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id="run_nope"), **ours.call)
    assert told(await missing.initial_metadata())["remaining"] == 59
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await missing.read()
    assert told(failed.value.trailing_metadata())["remaining"] == 59


async def test_one_call_too_many_is_refused(api: Api) -> None:
    """The last call of the budget passes, the next one is told when to come back, and then it passes again."""
    ours = await tenant(api)
    await ours.spend(59)
    assert await remaining(api.flows.ListFlows(LIST, **ours.call)) == 0
    error = await refused(api.flows.ListFlows(LIST, **ours.call))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    details, budget = error_info(error).metadata, told(error.trailing_metadata())
    assert (details["limit"], budget["limit"], budget["remaining"]) == ("60", 60, 0)
    assert int(details["reset"]) == budget["reset"]
    assert 1 <= int(details["retryAfter"]) <= 60
    retry = error_details_pb2.RetryInfo()
    assert any(packed.Unpack(retry) for packed in rpc_status.from_call(error).details)
    assert retry.retry_delay.seconds == int(details["retryAfter"])
    await api.store.write(an_hour_passes)
    assert await remaining(api.flows.ListFlows(LIST, **ours.call)) == 59


async def test_refused_calls_write_nothing(api: Api) -> None:
    """However many calls come after the budget is spent, they cost the record one look each."""
    ours = await tenant(api)
    await ours.spend(60)
    for _ in range(5):
        await refused(api.flows.ListFlows(LIST, **ours.call))
    assert await api.store.read(counted) == [60]


async def test_the_key_comes_first_and_the_scope_last(api: Api) -> None:
    """Over budget, a bad key is still told of the key, and a key without the scope is told of the budget."""
    reader = await tenant(api, "doclo.test", Mode.TEST, Scope.FLOWS_READ)
    await reader.spend(60)
    await refused_by_key(api)
    await refused(api.runs.ListRuns(runs_pb2.ListRunsRequest(), **reader.call))
    await refused(accounts(api).CheckKey(accounts_pb2.CheckKeyRequest(scope="admin"), **reader.call))


async def test_polls_cost_nothing(api: Api) -> None:
    """Who waits for a run or a document is served whatever is left; everything else of theirs counts."""
    ours = await tenant(api)
    run_id = await api.run(ours.key)
    run = (await api.runs.GetRun(runs_pb2.GetRunRequest(run_id=run_id), **ours.call)).run
    await ours.spend(58)
    assert await remaining(api.flows.ListFlows(LIST, **ours.call)) == 0
    polls = [
        api.runs.GetRun(runs_pb2.GetRunRequest(run_id=run_id), **ours.call),
        api.documents.GetDocument(documents_pb2.GetDocumentRequest(document_id=run.document_id), **ours.call),
    ]
    for poll in polls:
        await poll
        assert await remaining(poll) == 0
    await to_the_end(api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **ours.call))
    await refused(api.runs.ListPages(runs_pb2.ListPagesRequest(run_id=run_id), **ours.call))
    await refused(api.runs.CancelRun(runs_pb2.CancelRunRequest(run_id=run_id), **ours.call))


def messages(**metadata: str) -> Iterator[documents_pb2.UploadDocumentRequest]:
    """An upload."""
    yield documents_pb2.UploadDocumentRequest(metadata=documents_pb2.DocumentMetadata(**metadata))
    yield documents_pb2.UploadDocumentRequest(chunk=PDF)


async def test_an_upload_for_a_flow_is_a_part_of_its_run(api: Api) -> None:
    """It costs nothing and arrives whole; an upload by itself is a call; both need that something is left."""
    ours = await tenant(api)
    part = api.documents.UploadDocument(messages(flow_id="document-text"), **ours.call)
    assert (await part).document.size == len(PDF)
    assert await remaining(part) == 60
    assert await remaining(api.documents.UploadDocument(messages(filename="a.pdf"), **ours.call)) == 59
    assert await remaining(api.documents.UploadDocument(iter(()), **ours.call)) == 58
    await ours.spend(58)
    for metadata in ({"flow_id": "document-text"}, {}):
        await refused(api.documents.UploadDocument(messages(**metadata), **ours.call))


async def test_a_refused_upload_is_not_read(api: Api) -> None:
    """The answer comes although the client has not sent a byte yet."""
    ours = await tenant(api)
    await ours.spend(60)
    answered = threading.Event()

    def silent() -> Iterator[documents_pb2.UploadDocumentRequest]:
        answered.wait(20)
        yield from messages(flow_id="document-text")

    with grpc.insecure_channel(api.server.addresses[0]) as channel:
        call = documents_pb2_grpc.DocumentServiceStub(channel).UploadDocument.future(silent(), **ours.call)
        error = await asyncio.to_thread(call.exception)
        answered.set()
    assert error_info(error).reason == "RATE_LIMITED"


async def test_modes_and_organizations_have_budgets_of_their_own(api: Api) -> None:
    """What one spends is left to the others; two keys of one organization and mode spend the same budget."""
    live = await tenant(api, "doclo.free", Mode.LIVE)
    test = await live.another(mode=Mode.TEST)
    other = await tenant(api, "doclo.free", Mode.LIVE)
    await live.spend(90)
    found = [await remaining(api.flows.ListFlows(LIST, **each.call)) for each in (live, test, other)]
    assert found == [9, 59, 99]
    twin = await live.another()
    assert await remaining(api.flows.ListFlows(LIST, **twin.call)) == 8


async def test_a_plan_without_bounds_counts_nothing(api: Api) -> None:
    """Its calls are told a number that no program trips over, and leave no trace in the record."""
    call = api.flows.ListFlows(LIST, **api.auth())
    await call
    budget = told(await call.trailing_metadata())
    assert (budget["limit"], budget["remaining"]) == (1_000_000, 1_000_000)
    assert time.time() < budget["reset"] < 2_000_000_000
    assert await api.store.read(counted) == []


async def test_another_plan_holds_from_the_next_call_on(api: Api) -> None:
    """What was counted stays counted."""
    ours = await tenant(api)
    await ours.spend(60)
    await refused(api.flows.ListFlows(LIST, **ours.call))
    await api.operator.set_plan(ours.org_id, "doclo.enterprise")
    assert await remaining(api.flows.ListFlows(LIST, **ours.call)) == 1_000_000
    await api.operator.set_plan(ours.org_id, "doclo.free")  # test keys have the same bound there
    await refused(api.flows.ListFlows(LIST, **ours.call))


async def test_two_servers_enforce_one_budget(postgres_url: str) -> None:
    """Of 100 calls at once to two servers on one PostgreSQL exactly the budget's 60 pass."""
    async with served(postgres_url) as one, served(postgres_url) as two:
        ours = await tenant(one)

        calls = [api.flows.ListFlows(LIST, **ours.call) for api in (one, two) for _ in range(50)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert {error_info(error).reason for error in failed} == {"RATE_LIMITED"}
        assert len(failed) == 40
        for api in (one, two):
            await refused(api.flows.ListFlows(LIST, **ours.call))


async def test_a_revoked_key_is_refused_by_every_server_at_once(postgres_url: str) -> None:
    """One server revokes it, the other one refuses its next call."""
    async with served(postgres_url) as one, served(postgres_url) as two:
        ours = await tenant(one)
        await two.flows.ListFlows(LIST, **ours.call)
        await accounts(one).RevokeKey(accounts_pb2.RevokeKeyRequest(key_id=ours.key_id), **ours.call)
        for api in (one, two):
            code, info = await refusal(api.flows.ListFlows(LIST, **ours.call))
            assert (code, info.metadata["reason"]) == (grpc.StatusCode.UNAUTHENTICATED, "revoked")
