"""What runs cost, on both databases: held, topped up, settled, let go, and never more than there is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from docmill.domain.credits import Balance, TransferKind
from docmill.domain.errors import Fault, InvalidArgument, MediaError, NotFound, PaymentRequired, Reason, Unavailable
from docmill.domain.messages import JobMessage, JobResult
from docmill.domain.models import EventKind, JobKind, Run, RunEvent
from docmill.domain.states import RunState
from docmill.engine import EstimateRequest, RunFilter, RunRequest
from docmill.engine.operate import Operator
from docmill.store import Store, ledger
from tests.fixtures.engine import CALLER, LIVE, QUICK, Bench, done, failed, lab_report, serving
from tests.fixtures.ledger import check_books, reserved_for_open_runs

WRONG = Fault(reason=Reason.MEDIA_CORRUPT, message="The page cannot be read")
TEXT = RunRequest(flow_id="document-text", content=b"%PDF")  # its pages cost 1 credit each


async def balance(bench: Bench) -> Balance:
    """The live organization's credits, after a look at the books."""
    store = bench.engine.ctx.store
    await store.read(check_books)
    await store.read(reserved_for_open_runs)
    return await store.read(lambda: ledger.balance(LIVE.org_id))


async def text_run(bench: Bench) -> Run:
    """A live run of the text flow over a document of three pages that was looked at."""
    document_id = await bench.probed(LIVE)
    return await bench.engine.run_flow(LIVE, RunRequest(flow_id="document-text", document_id=document_id))


async def test_a_run_holds_its_price_and_pays_for_its_pages(bench: Bench) -> None:
    """All pages are held at once where they are known; what was read is used."""
    await bench.grant(10)
    run = await text_run(bench)
    assert run.credits_reserved == 3
    ended = await bench.ended(run.id, LIVE)
    assert (ended.state, ended.credits_used) == (RunState.SUCCEEDED, 3)
    assert await balance(bench) == Balance(available=7, used=3)
    moved = await bench.engine.ctx.store.read(lambda: ledger.of_run(run.id))
    assert moved == {TransferKind.HELD: 3, TransferKind.SETTLED: 3}


async def test_a_failed_run_costs_nothing(bench: Bench) -> None:
    """Everything that was held is free again, whatever had been read."""
    await bench.grant(3)
    bench.peer.answer = lambda job: failed(job, WRONG) if job.page == 3 else done(job)
    ended = await bench.ended((await text_run(bench)).id, LIVE)
    assert (ended.state, ended.credits_used) == (RunState.FAILED, 0)
    assert await balance(bench) == Balance(available=3)


async def test_a_skipped_page_costs_nothing(bench: Bench) -> None:
    """A run that succeeds without a page pays for the others, at the price of its flow."""
    await bench.grant(10)
    await bench.engine.create_flow(LIVE, lab_report("patient", {"onPageFailure": "skip"}))  # 2 credits a page
    bench.peer.answer = lambda job: failed(job, WRONG) if job.page == 2 else done(job)
    run = await bench.engine.run_flow(LIVE, replace(TEXT, flow_id="patient"))
    ended = await bench.ended(run.id, LIVE)
    assert (ended.state, ended.credits_reserved, ended.credits_used) == (RunState.SUCCEEDED, 6, 4)
    assert await balance(bench) == Balance(available=6, used=4)


async def test_a_cancelled_run_pays_for_the_pages_it_had(bench: Bench) -> None:
    """Cancelling after one of three pages settles one page and releases two."""
    await bench.grant(3)
    bench.peer.answer = lambda job: None if job.page in {2, 3} else done(job)
    run = await text_run(bench)
    async with asyncio.timeout(10):
        async for item in bench.engine.watch_run(LIVE, run.id):
            if isinstance(item, RunEvent) and item.kind is EventKind.PAGE_DONE:
                break
    assert await balance(bench) == Balance(reserved=3)
    cancelled = await bench.engine.cancel_run(LIVE, run.id)
    assert cancelled.credits_used == 1
    assert await balance(bench) == Balance(available=2, used=1)


async def test_too_few_credits_for_all_pages_are_refused_at_submit(bench: Bench) -> None:
    """402 with both numbers, and nothing is left behind: no run, no transfer, no document."""
    await bench.grant(2)
    bench.peer.answer = done
    with pytest.raises(PaymentRequired) as refused:
        await bench.engine.run_flow(LIVE, TEXT)
    assert refused.value.reason is Reason.CREDITS_INSUFFICIENT
    assert refused.value.details == {"required": "3", "available": "2"}
    assert (await bench.engine.list_runs(LIVE, RunFilter(), limit=5)).total == 0
    assert len(await bench.engine.ctx.store.read(lambda: ledger.latest(LIVE.org_id, 5))) == 1
    (probe,) = bench.peer.seen
    with pytest.raises(NotFound):
        await bench.engine.get_document(LIVE, probe.document_id)
    assert await balance(bench) == Balance(available=2)


async def test_a_document_that_was_uploaded_before_stays(bench: Bench) -> None:
    """A refused run takes nothing away that it did not bring."""
    document_id = await bench.probed(LIVE)
    with pytest.raises(PaymentRequired):
        await bench.engine.run_flow(LIVE, RunRequest(flow_id="document-text", document_id=document_id))
    assert (await bench.engine.get_document(LIVE, document_id)).id == document_id


async def submit_before_the_probe(bench: Bench) -> tuple[Run, JobMessage]:
    """A live run, and the probe of its document, which the peer has not answered."""
    held: list[JobMessage] = []

    def answer(job: JobMessage) -> JobResult | None:
        if job.kind is not JobKind.PROBE:
            return done(job)
        held.append(job)
        return None

    bench.peer.answer = answer
    run = await bench.engine.run_flow(LIVE, TEXT)
    async with asyncio.timeout(10):
        while not held:  # noqa: ASYNC110 - the peer's list has no event
            await asyncio.sleep(0.005)
    return run, held[0]


async def test_a_late_probe_tops_up_what_is_held(store: Store) -> None:
    """Until the pages are known one of them is held; then all are."""
    async with serving(store, replace(QUICK, probe_wait=timedelta())) as bench:
        await bench.grant(3)
        run, probe = await submit_before_the_probe(bench)
        assert await balance(bench) == Balance(available=2, reserved=1)
        await bench.peer.bus.publish_result(done(probe))
        ended = await bench.ended(run.id, LIVE)
        assert (ended.state, ended.credits_reserved, ended.credits_used) == (RunState.SUCCEEDED, 3, 3)
        moved = await store.read(lambda: ledger.of_run(run.id))
        assert moved == {TransferKind.HELD: 1, TransferKind.TOPPED_UP: 2, TransferKind.SETTLED: 3}
        assert await balance(bench) == Balance(used=3)


async def test_a_late_probe_may_find_too_few_credits(store: Store) -> None:
    """The run that was accepted fails with the reason it would have been refused with, and reads no page."""
    async with serving(store, replace(QUICK, probe_wait=timedelta())) as bench:
        await bench.grant(2)
        run, probe = await submit_before_the_probe(bench)
        await bench.peer.bus.publish_result(done(probe))
        ended = await bench.ended(run.id, LIVE)
        assert ended.state is RunState.FAILED
        assert ended.fault is not None
        assert ended.fault.reason is Reason.CREDITS_INSUFFICIENT
        assert dict(ended.fault.details) == {"required": "3", "available": "2"}
        assert {job.kind for job in bench.peer.seen} == {JobKind.PROBE}
        assert await balance(bench) == Balance(available=2)


async def test_a_live_run_without_any_credits_is_refused_before_the_probe(store: Store) -> None:
    """Credits for one page must be there, whatever the document turns out to be."""
    async with serving(store, replace(QUICK, probe_wait=timedelta())) as bench:
        bench.peer.answer = lambda job: None
        with pytest.raises(PaymentRequired) as refused:
            await bench.engine.run_flow(LIVE, TEXT)
        assert refused.value.details == {"required": "1", "available": "0"}


async def test_parallel_submits_spend_no_more_than_there_is(bench: Bench) -> None:
    """Of twenty runs at once with credits for ten, exactly ten are accepted."""
    await bench.grant(30)
    bench.peer.answer = lambda job: done(job) if job.kind is JobKind.PROBE else None
    document_id = await bench.probed(LIVE)
    request = RunRequest(flow_id="document-text", document_id=document_id)
    outcomes = await asyncio.gather(*(bench.engine.run_flow(LIVE, request) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(outcome, Run) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, PaymentRequired) for outcome in outcomes) == 10
    assert (await bench.engine.list_runs(LIVE, RunFilter(), limit=1)).total == 10
    assert await balance(bench) == Balance(reserved=30)


async def test_test_runs_are_free(bench: Bench) -> None:
    """They need no credits and leave no trace in the ledger."""
    ended = await bench.ended(await bench.run())
    assert (ended.state, ended.credits_reserved, ended.credits_used) == (RunState.SUCCEEDED, 0, 0)
    assert await bench.engine.ctx.store.read(lambda: ledger.latest(CALLER.org_id, 5)) == []


async def test_an_estimate_counts_pages_and_runs_nothing(bench: Bench) -> None:
    """Over a document that was looked at, or a number of pages; in test mode it is free."""
    await bench.grant(3)
    document_id = await bench.probed(LIVE)
    estimate = await bench.engine.estimate_run(LIVE, EstimateRequest(flow_id="document-text", document_id=document_id))
    assert (estimate.pages, estimate.credits, estimate.available, estimate.sufficient) == (3, 3, 3, True)
    estimate = await bench.engine.estimate_run(LIVE, EstimateRequest(flow_id="document-text", pages=4))
    assert (estimate.pages, estimate.credits, estimate.available, estimate.sufficient) == (4, 4, 3, False)
    estimate = await bench.engine.estimate_run(CALLER, EstimateRequest(flow_id="document-text", pages=4))
    assert (estimate.credits, estimate.available, estimate.sufficient) == (0, None, True)
    assert (await bench.engine.list_runs(LIVE, RunFilter(), limit=5)).total == 0
    assert await balance(bench) == Balance(available=3)


async def test_an_estimate_refuses_what_a_run_would_be_refused_for(bench: Bench) -> None:
    """Flows and documents that are not there or the caller's, too many pages, documents that cannot be read."""
    document_id = await bench.probed(LIVE)
    for caller, request, error in (
        (LIVE, EstimateRequest(flow_id="nothing", pages=1), NotFound),
        (LIVE, EstimateRequest(flow_id="document-text", version="9.9.9", pages=1), NotFound),
        (CALLER, EstimateRequest(flow_id="document-text", document_id=document_id), NotFound),
        (LIVE, EstimateRequest(flow_id="document-text", pages=100_000), MediaError),
    ):
        with pytest.raises(error):
            await bench.engine.estimate_run(caller, request)
    bench.peer.answer = lambda job: failed(job, WRONG)
    broken = await bench.probed(LIVE)
    with pytest.raises(MediaError) as refused:
        await bench.engine.estimate_run(LIVE, EstimateRequest(flow_id="document-text", document_id=broken))
    assert refused.value.reason is Reason.MEDIA_CORRUPT


async def test_an_estimate_of_a_document_that_nobody_has_looked_at_is_to_be_asked_again(store: Store) -> None:
    """It says so, and that trying again helps."""
    async with serving(store, replace(QUICK, probe_wait=timedelta())) as bench:
        bench.peer.answer = lambda job: None
        request = EstimateRequest(flow_id="document-text", document_id=await bench.upload())
        with pytest.raises(Unavailable):
            await bench.engine.estimate_run(CALLER, request)


async def test_the_operator_grants_and_takes_back(store: Store) -> None:
    """Credits are given with a note, taken back as far as they are free, and shown with where they went."""
    operator = Operator(store)
    org = (await operator.create_organization("Acme", "doclo.pro")).id
    assert (await operator.credits.show(org)).balance == Balance()
    _, after = await operator.credits.grant(org, 100, "first month")
    assert after == Balance(available=100)
    _, after = await operator.credits.grant(org, -40)
    assert after == Balance(available=60)
    with pytest.raises(PaymentRequired) as refused:
        await operator.credits.grant(org, -61)
    assert refused.value.details == {"required": "61", "available": "60"}
    found = await operator.credits.show(org)
    assert found.balance == Balance(available=60)
    assert [(moved.kind, moved.credits, moved.note) for moved in found.transfers] == [
        (TransferKind.TAKEN_BACK, 40, ""),
        (TransferKind.GRANTED, 100, "first month"),
    ]
    await store.read(check_books)


@pytest.mark.parametrize(("amount", "note"), [(0, ""), (10**12 + 1, ""), (1, "x" * 501), (1, "two\nlines")])
async def test_a_grant_that_cannot_be_is_refused(store: Store, amount: int, note: str) -> None:
    """No credits, too many, a note that is no line of text; and an organization that is not there."""
    operator = Operator(store)
    org = (await operator.create_organization("Acme", "doclo.pro")).id
    with pytest.raises(InvalidArgument):
        await operator.credits.grant(org, amount, note)
    with pytest.raises(NotFound) as absent:
        await operator.credits.grant("org_nobody", 1)
    assert absent.value.reason is Reason.ORGANIZATION_NOT_FOUND
    with pytest.raises(NotFound):
        await operator.credits.show("org_nobody")
