"""What `docmill.bus` promises of jobs, for every implementation."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from docmill.bus import Publication
from docmill.domain.messages import JobMessage
from docmill.domain.models import JobKind
from tests.fixtures.bus import ACK_WAIT
from tests.fixtures.bus_messages import NOT, SOON, collect, job, pages

if TYPE_CHECKING:
    from docmill.bus import Bus
    from tests.fixtures.bus import BusHarness

TAKEN = Publication.TAKEN


async def test_a_job_arrives_as_it_was_sent(bus: Bus) -> None:
    """Every field of a job comes out as it went in, also JSON, times and empty strings."""
    sent = JobMessage(
        job_id="job_1",
        attempt=3,
        kind=JobKind.DOCUMENT,
        org_id="org_1",
        run_id="run_1",
        document_id="doc_1",
        blob_key="documents/doc_1",
        sha256="ab" * 32,
        media_type="application/pdf",
        declared_type="image/png",
        filename="Rechnung März.pdf",
        page=0,
        read={"engine": "paddle", "languages": ["en", "de"]},
        page_keys=("pages/1", "", "pages/3"),
        definition={"steps": [{"id": "read", "config": {"schema": {"type": "object"}}}], "n": 1.5, "none": None},
        output_schema={"type": "object"},
        variables={"units": "SI"},
        deadline=datetime(2027, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        express=True,
        trace={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    )
    async with bus.jobs(express=True) as source:
        assert await bus.publish_jobs([sent]) == [TAKEN]
        [delivery] = await source.fetch(1, SOON)
    assert delivery.job == sent


@pytest.mark.parametrize("kind", [JobKind.PROBE, JobKind.RENDER])
async def test_a_probe_or_a_picture_needs_no_run(bus: Bus, kind: JobKind) -> None:
    """A job that belongs to no run is delivered like others, and the end of no run takes it away."""
    sent = JobMessage(
        job_id="job_1", attempt=1, kind=kind, org_id="org_1", document_id="doc_1", page=3, read={"max_side": 2000},
        page_keys=("pages/3.png",),
    )  # fmt: skip
    async with bus.jobs() as source:
        await bus.publish_jobs([sent])
        await bus.discard_jobs("run_1")
        [delivery] = await source.fetch(1, SOON)
    assert delivery.job == sent


async def test_jobs_wait_for_workers(bus: Bus) -> None:
    """Jobs published before any worker took part are delivered to the first one."""
    assert await bus.publish_jobs([job(n) for n in range(3)]) == [TAKEN] * 3
    async with bus.jobs() as source:
        assert pages(await collect(source, 3)) == [0, 1, 2]


async def test_fetch_returns_as_soon_as_there_is_one(bus: Bus) -> None:
    """A waiting fetch returns with the first job, long before its timeout."""
    async with bus.jobs() as source:
        waiting = asyncio.create_task(source.fetch(10, SOON))
        await asyncio.sleep(NOT)
        began = time.monotonic()
        await bus.publish_jobs([job()])
        assert pages(await waiting) == [1]
        assert time.monotonic() - began < SOON / 2


async def test_fetch_is_empty_after_its_timeout(bus: Bus) -> None:
    """Without jobs a fetch returns nothing, after its timeout and not much later."""
    async with bus.jobs() as source:
        began = time.monotonic()
        assert list(await source.fetch(5, NOT)) == []
        assert NOT - 0.05 <= time.monotonic() - began < SOON


async def test_fetch_respects_its_limit(bus: Bus) -> None:
    """No fetch gives more than it was asked for, and what is left comes with the next."""
    await bus.publish_jobs([job(n) for n in range(10)])
    async with bus.jobs() as source:
        first = await source.fetch(4, SOON)
        second = await source.fetch(4, SOON)
        third = await source.fetch(4, SOON)
    assert [len(first), len(second), len(third)] == [4, 4, 2]
    assert pages([*first, *second, *third]) == list(range(10))


async def test_an_acked_job_never_comes_back(bus: Bus) -> None:
    """After ack, no worker gets the job again."""
    await bus.publish_jobs([job()])
    async with bus.jobs() as source:
        [delivery] = await source.fetch(1, SOON)
        await delivery.ack()
        assert list(await source.fetch(1, ACK_WAIT + 2 * NOT)) == []


async def test_a_job_without_a_sign_of_life_is_delivered_again(bus: Bus) -> None:
    """A worker that dies with a job loses it to another one after `ack_wait`."""
    await bus.publish_jobs([job()])
    async with bus.jobs() as source:
        await source.fetch(1, SOON)
        assert list(await source.fetch(1, ACK_WAIT / 2)) == []
        [again] = await source.fetch(1, SOON)
    assert again.job == job()


async def test_in_progress_keeps_a_job(bus: Bus) -> None:
    """A job whose worker says that it is still working is not delivered to another, however long it takes."""
    await bus.publish_jobs([job()])
    async with bus.jobs() as source:
        [delivery] = await source.fetch(1, SOON)
        waiting = asyncio.create_task(source.fetch(1, 2.5 * ACK_WAIT))
        while not waiting.done():
            await delivery.in_progress()
            await asyncio.wait([waiting], timeout=ACK_WAIT / 4)
        assert list(await waiting) == []
        await delivery.ack()


async def test_nak_delivers_again_after_the_delay(bus: Bus) -> None:
    """A job given back with a delay comes again, not before."""
    await bus.publish_jobs([job()])
    async with bus.jobs() as source:
        [delivery] = await source.fetch(1, SOON)
        await delivery.nak(2 * NOT)
        began = time.monotonic()
        [again] = await source.fetch(1, SOON)
        assert 2 * NOT - 0.1 < time.monotonic() - began < SOON
        await again.ack()


async def test_nak_without_delay_delivers_at_once(bus: Bus) -> None:
    """A job given back with delay 0 is there for the next fetch, before `ack_wait`."""
    await bus.publish_jobs([job()])
    async with bus.jobs() as source:
        [delivery] = await source.fetch(1, SOON)
        await delivery.nak(0)
        assert pages(await source.fetch(1, ACK_WAIT * 0.9)) == [1]


async def test_the_same_attempt_published_twice_is_delivered_once(bus: Bus) -> None:
    """A second publish with the same `dedup_id` is accepted and changes nothing; another attempt is another job."""
    assert await bus.publish_jobs([job()]) == [TAKEN]
    assert await bus.publish_jobs([job(), job()]) == [TAKEN] * 2
    assert await bus.publish_jobs([job(attempt=2)]) == [TAKEN]
    async with bus.jobs() as source:
        found = await collect(source, 2)
        assert sorted(delivery.job.attempt for delivery in found) == [1, 2]
        assert list(await source.fetch(1, NOT)) == []


async def test_many_jobs_are_published_at_once(bus: Bus) -> None:
    """A thousand jobs go in with one call, with a flag each, and all come out once."""
    flags = await bus.publish_jobs([job(n) for n in range(1000)])
    assert list(flags) == [TAKEN] * 1000
    async with bus.jobs() as source:
        found = await collect(source, 1000)
        assert pages(found) == list(range(1000))


async def test_a_job_too_large_for_the_bus_is_told_apart(bus: Bus) -> None:
    """It says so of that job alone, the others go through, and so do those published later."""
    large = replace(job(1), variables={"text": "x" * 9_000_000})
    assert await bus.publish_jobs([job(2), large, job(3)]) == [TAKEN, Publication.TOO_LARGE, TAKEN]
    assert await bus.publish_jobs([job(4)]) == [TAKEN]
    async with bus.jobs() as source:
        assert pages(await collect(source, 3)) == [2, 3, 4]


async def test_a_large_job_arrives(bus: Bus) -> None:
    """A flow with a large schema and the keys of thousands of pages fit: some megabytes."""
    large = replace(job(1), variables={"text": "x" * 4_000_000})
    async with bus.jobs() as source:
        assert await bus.publish_jobs([large] * 2 + [replace(large, attempt=2)]) == [TAKEN] * 3
        found = await collect(source, 2)
        assert {delivery.job.attempt for delivery in found} == {1, 2}
        assert found[0].job.variables == large.variables


async def test_publishing_nothing_is_nothing(bus: Bus) -> None:
    """No jobs, no word on them."""
    assert list(await bus.publish_jobs([])) == []


async def test_two_workers_share_a_pool(buses: BusHarness) -> None:
    """Two workers get all jobs of their pool between them, none twice."""
    services, one, two = [await buses.connect() for _ in range(3)]
    async with one.jobs() as first, two.jobs() as second:
        fetches = [asyncio.create_task(collect(source, 20)) for source in (first, second)]
        await services.publish_jobs([job(n) for n in range(40)])
        found = [delivery for batch in await asyncio.gather(*fetches) for delivery in batch]
        for delivery in found:
            await delivery.ack()
    assert pages(found) == list(range(40))


async def test_fetches_at_the_same_time_get_different_jobs(bus: Bus) -> None:
    """One source serves overlapping fetches, each within its own limit."""
    async with bus.jobs() as source:
        fetches = [asyncio.create_task(source.fetch(2, SOON)) for _ in range(3)]
        await asyncio.sleep(0)
        await bus.publish_jobs([job(n) for n in range(6)])
        batches = await asyncio.gather(*fetches)
        assert all(1 <= len(batch) <= 2 for batch in batches)
        found = [delivery for batch in batches for delivery in batch]
        found += await collect(source, 6 - len(found)) if len(found) < 6 else []
    assert pages(found) == list(range(6))


async def test_pools_do_not_mix(bus: Bus) -> None:
    """A worker sees the jobs of its own pool only."""
    async with bus.jobs("cpu") as cpu, bus.jobs("gpu") as gpu:
        await bus.publish_jobs([job(1), job(2, pool="gpu")])
        assert pages(await cpu.fetch(5, SOON)) == [1]
        assert pages(await gpu.fetch(5, SOON)) == [2]


async def test_an_express_job_passes_all_others(bus: Bus) -> None:
    """However many jobs stand in a pool, its express lane has only express jobs, and there at once."""
    await bus.publish_jobs([*(job(n) for n in range(500)), replace(job(1000), express=True)])
    async with bus.jobs(express=True) as express, bus.jobs() as normal:
        assert pages(await express.fetch(5, SOON)) == [1000]
        assert list(await express.fetch(5, NOT)) == []
        assert pages(await collect(normal, 500)) == list(range(500))


async def test_lanes_of_pools_do_not_mix(bus: Bus) -> None:
    """Each pool has an express lane of its own."""
    async with bus.jobs("cpu", express=True) as cpu, bus.jobs("gpu", express=True) as gpu:
        await bus.publish_jobs([replace(job(1), express=True), replace(job(2, pool="gpu"), express=True)])
        assert pages(await cpu.fetch(5, SOON)) == [1]
        assert pages(await gpu.fetch(5, SOON)) == [2]


async def test_an_attempt_is_taken_on_one_lane_only(bus: Bus) -> None:
    """Published again on the other lane, it is accepted, changes nothing, and stays where it is."""
    async with bus.jobs(express=True) as express, bus.jobs() as normal:
        assert await bus.publish_jobs([job(1)]) == [TAKEN]
        assert await bus.publish_jobs([replace(job(1), express=True)]) == [TAKEN]
        assert pages(await normal.fetch(5, SOON)) == [1]
        assert list(await express.fetch(5, NOT)) == []


async def test_an_express_job_without_a_sign_of_life_is_delivered_again(bus: Bus) -> None:
    """What holds for jobs holds on both lanes."""
    await bus.publish_jobs([replace(job(), express=True)])
    async with bus.jobs(express=True) as source:
        await source.fetch(1, SOON)
        [again] = await source.fetch(1, SOON)
        await again.ack()
        assert list(await source.fetch(1, ACK_WAIT + 2 * NOT)) == []


async def test_cancelling_a_fetch_loses_nothing(bus: Bus) -> None:
    """A job that arrives for a fetch that was cancelled is delivered to another one, well within `ack_wait`."""
    async with bus.jobs() as source:
        for _ in range(3):
            waiting = asyncio.create_task(source.fetch(5, SOON))
            await asyncio.sleep(0.05)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        await bus.publish_jobs([job(n) for n in range(5)])
        assert pages(await collect(source, 5)) == list(range(5))


async def test_leaving_a_pool_loses_nothing(bus: Bus) -> None:
    """Jobs that come after a worker left its pool wait for the next worker."""
    async with bus.jobs() as source:
        waiting = asyncio.create_task(source.fetch(1, SOON))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    await bus.publish_jobs([job()])
    async with bus.jobs() as source:
        assert pages(await collect(source, 1)) == [1]


async def test_discarded_jobs_are_not_delivered(bus: Bus) -> None:
    """A run's waiting jobs are dropped in every queue; other runs and jobs in a worker's hands are untouched."""
    async with bus.jobs() as cpu, bus.jobs("gpu") as gpu:
        await bus.publish_jobs([job(1)])
        [taken] = await cpu.fetch(1, SOON)
        express = [replace(job(5), express=True), replace(job(6, run_id="run_2"), express=True)]
        await bus.publish_jobs([job(2), job(3, pool="gpu"), job(4, run_id="run_2"), *express])
        await bus.discard_jobs("run_1")
        assert pages(await cpu.fetch(5, SOON)) == [4]
        async with bus.jobs(express=True) as lane:
            assert pages(await lane.fetch(5, SOON)) == [6]
        assert list(await gpu.fetch(5, NOT)) == []
        await taken.in_progress()
        await taken.ack()


async def test_discarding_an_unknown_run_does_nothing(bus: Bus) -> None:
    """There may be nothing to discard."""
    await bus.discard_jobs("run_without_jobs")
