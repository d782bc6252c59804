"""Which batches are taken: quotas, credits, limits, what is refused and leaves nothing, and sent twice is one; on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from docmill.domain.errors import (
    AlreadyExists,
    DocmillError,
    Fault,
    InvalidArgument,
    MediaError,
    NotFound,
    PaymentRequired,
    QuotaExhausted,
    Reason,
)
from docmill.domain.models import Mode
from docmill.domain.states import RunState
from docmill.engine import BatchView, RunRequest
from docmill.store import Op, Statement, Store, quotas
from tests.fixtures.batching import (
    OWNER,
    answering,
    batching,
    completed,
    documents_used,
    nothing_left,
    plans,
    probed,
    request,
    rows,
    upload,
)
from tests.fixtures.engine import Bench

UNREADABLE = Fault(reason=Reason.MEDIA_CORRUPT, message="The page cannot be read", details={"page": "1"})


@pytest_asyncio.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    """An engine whose one organization has a hundred documents a month."""
    async with batching(store) as bench:
        yield bench


async def test_only_documents_that_were_read_count(bench: Bench) -> None:
    """Each file holds one from the start; what failed is given back when it fails, and so it is for a single run."""
    bench.peer.answer = answering({"b.pdf": UNREADABLE})
    ids = await upload(bench, "a.pdf", "b.pdf", "c.pdf")
    made = await bench.engine.create_batch(OWNER, request(ids))
    assert 2 <= await documents_used(bench) <= 3
    await completed(bench, made.batch.id)
    assert await documents_used(bench) == 2
    run = await bench.engine.run_flow(OWNER, RunRequest(flow_id="document-text", document_id=ids[0]))
    await bench.ended(run.id, OWNER)
    assert await documents_used(bench) == 3
    lost = await bench.engine.run_flow(OWNER, RunRequest(flow_id="document-text", document_id=ids[1]))
    await bench.ended(lost.id, OWNER)
    assert await documents_used(bench) == 3
    days = await bench.engine.ctx.store.read(
        lambda: quotas.by_day(OWNER.org_id, Mode.LIVE, made.batch.created_at, bench.engine.ctx.now())
    )
    assert sum(count for _, count in days) == 3


async def test_two_batches_that_do_not_both_fit(store: Store) -> None:
    """Of two at the same moment that together exceed the month, exactly one is accepted; the other leaves nothing."""
    async with batching(store, plans(documentsPerMonth=5)) as bench:
        for size in (3, 4):
            halves = [await upload(bench, *(f"{side}{number}.pdf" for number in range(size))) for side in "ab"]
            answers = await asyncio.gather(
                *(bench.engine.create_batch(OWNER, request(ids)) for ids in halves), return_exceptions=True
            )
            accepted = [answer for answer in answers if isinstance(answer, BatchView)]
            (refused,) = [answer for answer in answers if isinstance(answer, DocmillError)]
            assert isinstance(refused, QuotaExhausted)
            assert refused.details["required"] == str(size)
            assert refused.details["available"] == str(5 - size)
            assert refused.details["limit"] == "5"
            assert len(accepted) == 1
            await bench.engine.cancel_batch(OWNER, accepted[0].batch.id)
            await completed(bench, accepted[0].batch.id)
            used = len(
                [
                    file
                    for file in (await bench.engine.get_batch(OWNER, accepted[0].batch.id)).files
                    if file.state is RunState.SUCCEEDED
                ]
            )
            assert await documents_used(bench) == used
            await store.write(lambda: quotas.give_back(OWNER.org_id, f"{bench.engine.ctx.now():%Y-%m}", used))  # noqa: B023 - awaited at once
        assert await store.read(lambda: rows("batches")) == 2
        assert await store.read(lambda: rows("runs")) == 7
        with pytest.raises(QuotaExhausted):
            await bench.engine.create_batch(OWNER, request(halves[0] * 2))


async def test_credits_reach_for_all_or_none(store: Store) -> None:
    """A batch that costs more than there is is refused whole, with its sum."""
    priced = plans(pricePerPage=1)
    async with batching(store, priced) as bench:
        bench.peer.answer = answering({}, pages=2)
        ids = await upload(bench, "a.pdf", "b.pdf", "c.pdf")
        await probed(bench, ids)
        with pytest.raises(PaymentRequired) as refused:
            await bench.engine.create_batch(OWNER, request(ids))
        assert refused.value.reason is Reason.CREDITS_INSUFFICIENT
        needed = int(refused.value.details["required"])
        assert needed == 6
        await nothing_left(bench)
        await bench.grant(needed, OWNER)
        made = await bench.engine.create_batch(OWNER, request(ids))
        await completed(bench, made.batch.id)
        balance = (await bench.engine.get_usage(OWNER)).balance
        assert balance is not None
        assert (balance.available, balance.reserved, balance.used) == (0, 0, 6)


async def test_requests_that_are_refused_leave_nothing(store: Store) -> None:
    """Whatever is wrong with them, the document in question is named by its place."""
    async with batching(store, plans(filesPerBatch=2)) as bench:
        (mine,) = await upload(bench, "a.pdf")
        (other,) = await upload(bench, "b.pdf", caller=replace(OWNER, org_id="org_2"))
        cases: list[tuple[type[DocmillError], Reason, str, Any]] = [
            (InvalidArgument, Reason.FIELD_MISSING, "document_ids", request([])),
            (InvalidArgument, Reason.FIELD_INVALID, "document_ids", request([mine] * 3)),
            (NotFound, Reason.DOCUMENT_NOT_FOUND, "document_ids[1]", request([mine, "doc_none"])),
            (NotFound, Reason.DOCUMENT_NOT_FOUND, "document_ids[0]", request([other, mine])),
            (InvalidArgument, Reason.FIELD_INVALID, "metadata", request([mine], metadata={"a": "b" * 20_000})),
            (NotFound, Reason.FLOW_NOT_FOUND, "", replace(request([mine]), flow_id="none")),
        ]
        for kind, reason, field, wanted in cases:
            with pytest.raises(kind) as refused:
                await bench.engine.create_batch(OWNER, wanted)
            assert refused.value.reason is reason
            assert refused.value.details.get("field", "") == field
        await nothing_left(bench)
        await bench.engine.delete_document(OWNER, mine)


async def test_a_document_that_is_too_large_is_named(bench: Bench) -> None:
    """By its place and its name, before anything is made."""
    ids = await upload(bench, "a.pdf", "b.pdf")

    def grow() -> Op[None]:
        yield Statement("UPDATE documents SET size = 1000000000 WHERE id = $1", (ids[1],))

    await bench.engine.ctx.store.write(grow)
    with pytest.raises(MediaError, match=r"File 2 \(b.pdf\)") as refused:
        await bench.engine.create_batch(OWNER, request(ids))
    assert refused.value.details["field"] == "document_ids[1]"
    await nothing_left(bench)


async def test_plans_without_batches(store: Store) -> None:
    """The plan is the first thing to be looked at."""
    async with batching(store, plans(filesPerBatch=None)) as bench:
        with pytest.raises(PaymentRequired) as refused:
            await bench.engine.create_batch(OWNER, request([]))
        assert (refused.value.reason, refused.value.details["feature"]) == (Reason.PLAN_FEATURE_MISSING, "batch")


async def test_one_key_makes_one_batch(bench: Bench) -> None:
    """However many calls come at once, also with documents that were uploaded anew; another request is refused."""
    first, again = [await upload(bench, "a.pdf", "b.pdf") for _ in range(2)]
    wanted = [request(ids, idempotency_key="k") for ids in (first, again, first)]
    made = await asyncio.gather(*(bench.engine.create_batch(OWNER, each) for each in wanted))
    assert len({view.batch.id for view in made}) == 1
    assert await documents_used(bench) == 2
    with pytest.raises(AlreadyExists) as refused:
        await bench.engine.create_batch(OWNER, request(first[::-1], idempotency_key="k"))
    assert refused.value.details["batchId"] == made[0].batch.id
    other = await bench.engine.create_batch(OWNER, request(first, idempotency_key="l"))
    assert other.batch.id != made[0].batch.id
