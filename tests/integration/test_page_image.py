"""Pictures of pages through the engine, on both stores; what the worker would do, the test does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from docmill.domain.errors import DeadlineExceeded, DocmillError, Fault, MediaError, NotFound, Reason, WorkFailed
from docmill.domain.messages import JobMessage, JobResult
from docmill.domain.models import EventKind, JobKind, Mode, RunEvent
from docmill.domain.states import RunState
from docmill.store import Store
from tests.fixtures.engine import CALLER, QUICK, Bench, done, failed, serving

DAMAGED = Fault(reason=Reason.MEDIA_CORRUPT, message="Page 2 is damaged", details={"page": "2"})
CRASH = Fault(reason=Reason.WORKER_CRASHED, message="It ended unexpectedly", retryable=True)


class Studio:
    """A bench whose pictures are made when the test says so."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.orders: asyncio.Queue[JobMessage] = asyncio.Queue()
        bench.peer.answer = self._answer

    def _answer(self, job: JobMessage) -> JobResult | None:
        if job.kind is not JobKind.RENDER:
            return done(job)
        self.orders.put_nowait(job)
        return None

    async def order(self) -> JobMessage:
        """The next job to make a picture."""
        async with asyncio.timeout(10):
            return await self.orders.get()

    async def make(self, job: JobMessage, picture: bytes = b"picture") -> None:
        """Do it as a worker does."""
        await self.bench.engine.ctx.blobs.put(job.page_keys[0], picture)
        await self.bench.peer.bus.publish_result(done(job))

    async def fail(self, job: JobMessage, fault: Fault) -> None:
        """Or not."""
        await self.bench.peer.bus.publish_result(failed(job, fault))

    def ask(self, run_id: str, page: int = 2, side: int = 0) -> asyncio.Task[bytes]:
        """Want a picture."""
        return asyncio.create_task(self._collect(self.bench.engine.page_image(CALLER, run_id, page, side)))

    @staticmethod
    async def _collect(pieces: AsyncIterator[bytes]) -> bytes:
        async with asyncio.timeout(30):
            return b"".join([piece async for piece in pieces])

    async def ended_run(self) -> str:
        """A run of three pages that has succeeded."""
        run_id = await self.bench.run()
        await self.bench.events(run_id)
        return run_id


@pytest.fixture
def studio(bench: Bench) -> Studio:
    """On each kind of store."""
    return Studio(bench)


async def test_a_picture_is_made_once_and_kept(studio: Studio) -> None:
    """The first who wants it has a worker make it; it comes in small pieces; later ones get what is there."""
    run_id = await studio.ended_run()
    events = await studio.bench.events(run_id)
    asking = studio.ask(run_id)
    job = await studio.order()
    (key,) = job.page_keys
    assert (job.kind, job.run_id, job.page, job.read, job.deadline) == (JobKind.RENDER, "", 2, {"max_side": 2000}, None)
    assert (job.blob_key != "", job.media_type) == (True, "application/pdf")
    assert key == f"pages/org_1/{job.sha256}/picture-1-2000/2.png"
    await studio.make(job, bytes(200_000))
    assert await asking == bytes(200_000)
    pieces = [piece async for piece in studio.bench.engine.page_image(CALLER, run_id, 2, 2050)]
    assert sum(map(len, pieces)) == 200_000
    assert max(map(len, pieces)) <= 64 * 1024
    assert studio.orders.empty()
    assert await studio.bench.events(run_id) == events  # the run knows nothing of it


async def test_a_run_that_has_no_such_page(studio: Studio) -> None:
    """Pages beyond the last, and other tenants' runs, do not exist; nobody is asked to draw them."""
    run_id = await studio.ended_run()
    for page in (0, 4):
        with pytest.raises(NotFound) as missing:
            await studio.ask(run_id, page)
        assert missing.value.reason is Reason.PAGE_NOT_FOUND
    for stranger in (replace(CALLER, org_id="org_2"), replace(CALLER, mode=Mode.LIVE)):
        with pytest.raises(NotFound) as foreign:
            await anext(studio.bench.engine.page_image(stranger, run_id, 1))
        assert foreign.value.reason is Reason.RUN_NOT_FOUND
    assert studio.orders.empty()


async def test_cancelling_the_run_does_not_touch_it(studio: Studio) -> None:
    """A picture in the making is made although its run is cancelled meanwhile, and another one afterwards."""
    answer = studio.bench.peer.answer
    studio.bench.peer.answer = lambda job: None if job.kind is JobKind.PAGE else answer(job)
    run_id = await studio.bench.run()
    async for item in studio.bench.engine.watch_run(CALLER, run_id):
        if isinstance(item, RunEvent) and item.kind is EventKind.RUN_PLANNED:
            break
    asking = studio.ask(run_id)
    job = await studio.order()
    await studio.bench.engine.cancel_run(CALLER, run_id)
    await studio.make(job)
    assert await asking == b"picture"
    again = studio.ask(run_id, 3)
    await studio.make(await studio.order(), b"another")
    assert await again == b"another"
    assert (await studio.bench.engine.get_run(CALLER, run_id)).state is RunState.CANCELLED


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (DAMAGED, MediaError),
        (Fault(reason=Reason.DOCUMENT_NOT_FOUND, message="The document's bytes are gone"), NotFound),
        (Fault(reason=Reason.PROVIDER_FAILED, message="It cannot"), WorkFailed),
    ],
)
async def test_a_failure_is_the_callers_and_not_for_ever(
    studio: Studio, fault: Fault, kind: type[DocmillError]
) -> None:
    """Who waits learns why there is no picture; the run stays as it is; who asks again has it tried again."""
    run_id = await studio.ended_run()
    asking, beside = studio.ask(run_id), studio.ask(run_id)
    job = await studio.order()
    await until(lambda: len(studio.bench.engine.ctx.notifier._listeners[job.job_id]) == 2)  # later is to ask again
    await studio.fail(job, fault)
    for waiting in (asking, beside):
        with pytest.raises(kind) as told:
            await waiting
        assert (told.value.reason, told.value.message, told.value.details) == (
            fault.reason, fault.message, fault.details,
        )  # fmt: skip
    assert (await studio.bench.engine.get_run(CALLER, run_id)).state is RunState.SUCCEEDED
    again = studio.ask(run_id)
    await studio.make(await studio.order())
    assert await again == b"picture"
    assert studio.orders.empty()


async def test_a_crash_is_tried_again_while_somebody_waits(studio: Studio) -> None:
    """A failure that another attempt may not meet costs another attempt, as of any job."""
    run_id = await studio.ended_run()
    asking = studio.ask(run_id)
    first = await studio.order()
    await studio.fail(first, CRASH)
    second = await studio.order()
    assert (first.job_id, first.attempt + 1) == (second.job_id, second.attempt)
    await studio.make(first)  # its result does not count any more, the picture is the same
    await studio.make(second)
    assert await asking == b"picture"


async def test_everybody_waits_for_one(studio: Studio) -> None:
    """Any number of callers have a picture made once; another size is made afterwards, whoever asked first."""
    run_id = await studio.ended_run()
    asking = [studio.ask(run_id) for _ in range(5)]
    job = await studio.order()
    small = studio.ask(run_id, side=500)
    await until(lambda: len(studio.bench.engine.ctx.notifier._listeners[job.job_id]) == 6)
    await studio.make(job, b"large")
    other = await studio.order()
    assert other.read == {"max_side": 500}
    await studio.make(other, b"small")
    assert [await waiting for waiting in asking] == [b"large"] * 5
    assert await small == b"small"
    assert studio.orders.empty()


async def test_nobody_waits_for_ever(store: Store) -> None:
    """When no worker makes it in time the caller is told to ask again; the work goes on and is found then."""
    async with serving(store, replace(QUICK, picture_wait=timedelta(seconds=2))) as bench:
        studio = Studio(bench)
        run_id = await studio.ended_run()
        with pytest.raises(DeadlineExceeded):
            await studio.ask(run_id)
        with pytest.raises(DeadlineExceeded):
            await studio.ask(run_id)
        job = await studio.order()
        assert studio.orders.empty()  # both waited for the same
        await studio.make(job)
        async with asyncio.timeout(10):
            while True:
                try:
                    assert await studio.ask(run_id) == b"picture"
                except DeadlineExceeded:
                    continue
                break


async def test_a_lost_attempt_comes_back(store: Store) -> None:
    """A worker that took it and was never heard of again costs time, not the picture."""
    async with serving(store, replace(QUICK, lease=timedelta(seconds=1))) as bench:
        studio = Studio(bench)
        run_id = await studio.ended_run()
        asking = studio.ask(run_id)
        first = await studio.order()
        second = await studio.order()
        assert (first.attempt, second.attempt) == (1, 2)
        await studio.make(second)
        assert await asking == b"picture"


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what tasks bring about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what peers do is polled
            await asyncio.sleep(0.005)
