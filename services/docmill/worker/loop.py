"""A worker's life: fetch jobs, work on them, answer, and give back what it cannot finish."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import stamina
import structlog

from docmill.bus import LLM_POOL, Bus, BusUnavailable, JobDelivery, JobSource
from docmill.domain.errors import DocmillError, Fault, Reason
from docmill.domain.messages import Beat, Hint, HintKind, JobResult
from docmill.domain.models import JobKind
from docmill.worker import faults
from docmill.worker.batches import Batches
from docmill.worker.executor import Executor
from docmill.worker.frames import Frame
from docmill.worker.hand import Hand, Stage
from docmill.worker.handlers import Handler, Outcome
from docmill.worker.lanes import Lane, Lanes
from docmill.worker.options import WorkerOptions
from docmill.worker.process import Helper
from docmill.worker.slots import Slots
from docmill.worker.stats import WorkerStats
from docmill.worker.turns import Turns
from docmill.worker.wanted import Wanted

__all__ = ["Worker"]

log = structlog.stdlib.get_logger("docmill.worker")

_MAX_ANSWERING = 16  # jobs a place whose outcome is being kept and published; more means that somebody is too slow
_MAX_CANCELLED = 10_000  # runs remembered as cancelled
_MORE_EXPRESS = 16  # express jobs in hand beside as many as of the other lane: a few slow pages must not shut it


class Worker:
    """Takes jobs of one pool. `run` is its whole life; one instance lives once."""

    def __init__(
        self,
        *,
        bus: Bus,
        handlers: Mapping[JobKind, Handler],
        executors: Sequence[Executor],
        options: WorkerOptions,
        quick: Sequence[Executor] = (),
        llm: Sequence[Executor] = (),
    ) -> None:
        """`executors`: a child for each slot; `quick`: children beside them, for jobs that are no pages.

        `llm`: children for jobs that call a language model; without any the worker takes no such jobs.
        """
        self.stats = WorkerStats()
        self._bus = bus
        self._handlers = handlers
        self._executors = (*executors, *quick, *llm)
        self._llm = llm
        self._options = options
        self._wanted = Wanted(bus)
        self._turns = Turns(Slots(executors, quick, llm), self._wanted, answering=self._answering)
        batch = min(options.max_batch, max((each.batch_size for each in executors), default=1))
        self._batches = Batches(self._turns, size=batch, window=options.batch_window)
        self._hands: set[Hand] = set()
        self._places = options.slots * batch
        each = self._places * (1 + options.prefetch)
        room = {
            Lane.NORMAL: each,
            Lane.EXPRESS: each + _MORE_EXPRESS,
            Lane.LLM: len(llm) * (1 + options.prefetch),
        }
        self._lanes = Lanes(room, most=sum(room.values()) + self._places * _MAX_ANSWERING)
        self._stopping = False
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cancelled: OrderedDict[str, None] = OrderedDict()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is running and give back the rest.

        Raises what ended a part of the worker: it never goes on without one.
        """
        async with AsyncExitStack() as stack:
            stack.callback(self._bus.on_hint(self._on_hint))
            stack.push_async_callback(self._wanted.aclose)
            stack.push_async_callback(self._batches.aclose)
            fetchers = []
            for lane, source in [each async for each in self._sources(stack)]:
                fetchers += [asyncio.create_task(self._fetch(source, lane)) for _ in range(self._options.pulls)]
            watchers = [asyncio.create_task(watch()) for watch in (self._touch, self._beat, self._review)]
            stopped = asyncio.create_task(stop.wait())
            keepers = [each.keeper for each in self._executors if each.keeper is not None]
            who = {"worker_id": self._options.worker_id, "slots": self._options.slots}
            log.info("the worker has started", event_key="worker.started", **who)
            try:
                parts: set[asyncio.Future[Any]] = {stopped, self._broken, *fetchers, *watchers, *keepers}
                await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                await self._shut_down(fetchers)
                for watcher in watchers:
                    watcher.cancel()
                outcomes = await asyncio.gather(*fetchers, *watchers, return_exceptions=True)
            self._raise_first([*outcomes, *(_failure(part) for part in (self._broken, *keepers))])
            log.info("the worker has stopped", event_key="worker.stopped", **who, **self.stats.facts())

    # -- the fetch loop

    async def _sources(self, stack: AsyncExitStack) -> AsyncIterator[tuple[Lane, JobSource]]:
        """The queues that this worker fetches from."""
        pool = self._options.pool
        yield Lane.EXPRESS, await stack.enter_async_context(self._bus.jobs(pool, express=True))
        yield Lane.NORMAL, await stack.enter_async_context(self._bus.jobs(pool, express=False))
        if self._llm:
            yield Lane.LLM, await stack.enter_async_context(self._bus.jobs(LLM_POOL))

    async def _fetch(self, source: JobSource, lane: Lane) -> None:
        """Ask for as many jobs as the lane has room for, share the room with its other pulls."""
        share = self._lanes.share(lane, self._options.pulls)
        while room := await self._lanes.room(lane):
            limit = min(room, share)
            self._lanes.occupy(lane, limit)
            taken = 0
            try:
                for delivery in await source.fetch(limit, self._options.fetch_timeout):
                    taken += 1
                    await self._accept(delivery, lane)
            finally:
                self._lanes.occupy(lane, taken - limit)

    def _answering(self, hand: Hand) -> None:
        hand.stage = Stage.ANSWERING
        if hand.takes_room:
            hand.takes_room = False
            self._lanes.occupy(hand.lane, -1)

    async def _accept(self, delivery: JobDelivery, lane: Lane) -> None:
        hand = Hand(delivery, time.monotonic(), lane)
        self._hands.add(hand)
        self._lanes.hold(1)
        hand.task = asyncio.create_task(self._work(hand))
        hand.task.add_done_callback(partial(self._put_down, hand))
        if self._stopping:
            hand.release("returned")
        elif hand.job.run_id in self._cancelled:
            hand.release("dropped")

    def _put_down(self, hand: Hand, task: asyncio.Task[None]) -> None:
        self._hands.discard(hand)
        self._lanes.hold(-1)
        self._lanes.occupy(hand.lane, -1 if hand.takes_room else 0)
        if not task.cancelled() and (error := task.exception()) and not self._broken.done():
            self._broken.set_exception(error)

    # -- one job

    async def _work(self, hand: Hand) -> None:
        job = hand.job
        structlog.contextvars.bind_contextvars(job_id=job.job_id, attempt=job.attempt, run_id=job.run_id)
        if not hand.let_go:
            hand.stage = Stage.WAITING
            hand.question = self._wanted.first(job)  # answered while the document is fetched
            try:
                result = await self._result(hand)
            except asyncio.CancelledError:
                if not hand.let_go:
                    raise
            else:
                await self._answer(hand, result)
                return
            finally:
                hand.question.cancel()
        await self._let_go(hand)

    async def _result(self, hand: Hand) -> JobResult:
        """The job's outcome as a result; a failure is a result too: the engine decides what follows."""
        job = hand.job
        outcome, fault = Outcome(), None
        try:
            hand.seconds_left()
            outcome = await self._handle(hand)
        except DocmillError as error:
            fault = Fault.of(error, step=error.details.get("step", ""))
            facts = {"kind": job.kind, "page": job.page, "reason": error.reason, "message": error.message}
            log.info("a job failed", event_key="job.failed", **facts)
        except Exception:
            fault = Fault.of(faults.internal())
            log.exception(
                "a job met an exception that nobody expected", event_key="job.exception", kind=job.kind, page=job.page
            )
        self._answering(hand)
        return JobResult(
            job_id=job.job_id,
            attempt=job.attempt,
            kind=job.kind,
            org_id=job.org_id,
            run_id=job.run_id,
            document_id=job.document_id,
            page=job.page,
            worker_id=self._options.worker_id,
            duration_ms=round((time.monotonic() - hand.since) * 1000),
            engine_ms=outcome.engine_ms,
            probe=outcome.probe,
            page_facts=outcome.page_facts,
            document=outcome.document,
            fault=fault,
            express=job.express,
        )

    async def _handle(self, hand: Hand) -> Outcome:
        seconds = self._options.transfer_timeout
        hand.transfer = asyncio.timeout(seconds)
        try:
            async with hand.transfer:
                return await self._handlers[hand.job.kind].handle(hand.job, partial(self._ask, hand))
        except TimeoutError as error:
            if not hand.transfer.expired():
                raise
            raise faults.TryAgain(
                Reason.WORKER_TIMEOUT,
                f"The document could not be fetched, or its outcome kept, within {seconds:.0f} s",
            ) from error

    async def _ask(
        self, hand: Hand, request: dict[str, Any], body: bytes = b"", *, seconds: float, helper: Helper | None = None
    ) -> Frame:
        """Have the next free child do `request`: alone, or with other pages where the engine gains from it."""
        with self._paused(hand.transfer):
            await self._turns.wait_for_leave(hand)
            if self._batches.size > 1 and hand.job.kind is JobKind.PAGE:
                return await self._batches.ask(hand, request, seconds=seconds)
            async with self._turns.lease(hand, str(request.get("path", ""))) as executor:
                return await self._turns.alone(executor, hand, request, body, seconds=seconds, helper=helper)

    @contextmanager
    def _paused(self, transfer: asyncio.Timeout) -> Iterator[None]:
        """Neither the wait for a free child nor its work is a transfer; the next one has its full time."""
        transfer.reschedule(None)
        try:
            yield
        finally:
            transfer.reschedule(asyncio.get_running_loop().time() + self._options.transfer_timeout)

    async def _answer(self, hand: Hand, result: JobResult) -> None:
        """Publish, then ack: between the two the job may be done twice, but it is never lost."""
        for answer in (result, _failed(result)):  # the second if no message can carry the first
            try:
                await self._publish(answer)
            except BusUnavailable:
                self.stats.lost += 1
                log.exception("a result could not be published", event_key="result.lost")
                return  # not acked: the bus, or the sweep if the bus forgot it, brings the job again
            except (TypeError, ValueError):
                log.exception("no message can carry a result", event_key="result.unsendable")
            else:
                self.stats.count(answer)
                await hand.delivery.ack()
                return

    async def _publish(self, result: JobResult) -> None:
        try:  # the usual way, without the machinery of the other one
            await self._bus.publish_result(result)
        except BusUnavailable:
            log.info("the bus does not take a result now", event_key="result.waiting")
        else:
            return
        patience = self._options.ack_wait * 4  # signs of life go on meanwhile
        usual = replace(result, express=False)  # a bus of the release before may take nothing on the express lane
        async for attempt in stamina.retry_context(on=BusUnavailable, attempts=None, timeout=patience, wait_max=2.0):
            with attempt:
                await self._bus.publish_result(usual)

    async def _let_go(self, hand: Hand) -> None:
        if hand.let_go == "returned":
            self.stats.returned += 1
            await hand.delivery.nak(0)
            return
        if hand.let_go == "killed":
            self.stats.killed += 1
        else:
            self.stats.dropped += 1
        facts = {"why": hand.let_go, "kind": hand.job.kind, "page": hand.job.page}
        log.info("a job of a cancelled run was let go", event_key="job.let_go", **facts)
        await hand.delivery.ack()

    # -- beside the jobs

    def _on_hint(self, hint: Hint) -> None:
        """Jobs of a cancelled run go at once; what a child works on may end within `cancel_patience`, else it is killed."""
        if hint.kind is not HintKind.RUN_CANCELLED or hint.run_id in self._cancelled:
            return
        self._cancelled[hint.run_id] = None
        if len(self._cancelled) > _MAX_CANCELLED:
            self._cancelled.popitem(last=False)
        for hand in self._hands:
            if hand.job.run_id == hint.run_id:
                self._stop(hand)

    def _stop(self, hand: Hand) -> None:
        if hand.stage is Stage.WORKING:
            asyncio.get_running_loop().call_later(self._options.cancel_patience, hand.release, "killed")
        else:
            hand.release("dropped")

    async def _touch(self) -> None:
        """Tell the bus that the jobs in hand are still being worked on."""
        while True:
            await asyncio.sleep(self._options.ack_wait / 3)
            await asyncio.gather(*(hand.delivery.in_progress() for hand in self._hands))

    async def _beat(self) -> None:
        """Tell the services who works here, and on what."""
        while True:
            holding = tuple((hand.job.job_id, hand.job.attempt) for hand in self._hands)
            beat = Beat(
                worker_id=self._options.worker_id, slots=self._places, holding=holding, llm_slots=len(self._llm)
            )
            await self._bus.publish_beat(beat)
            await asyncio.sleep(self._options.beat_every)

    async def _review(self) -> None:
        """Stop what a child works on and nobody wants any more: the hint may have been lost."""
        while True:
            await asyncio.sleep(self._options.beat_every)
            working = [hand for hand in self._hands if hand.stage is Stage.WORKING]
            answers = await asyncio.gather(*(self._wanted.ask(hand.job.id) for hand in working))
            for hand, said_at in zip(working, answers, strict=True):
                if said_at is None:
                    self._stop(hand)

    # -- the end

    async def _shut_down(self, fetchers: Sequence[asyncio.Task[None]]) -> None:
        """Fetch no more, give back what has not begun, let the rest finish within the grace."""
        self._stopping = True
        self._lanes.close()
        for hand in self._hands:
            if hand.stage is not Stage.WORKING:
                hand.release("returned")
        # A fetch is not cancelled: what it gets meanwhile would be out of reach until ack_wait has passed.
        await asyncio.wait(fetchers, timeout=self._options.fetch_timeout + 5)
        for fetcher in fetchers:
            fetcher.cancel()
        await self._finish(self._options.grace)
        for hand in self._hands:
            hand.release("returned")
        await self._finish(2.0)
        for hand in self._hands:  # the bus does not take their results
            assert hand.task is not None
            hand.task.cancel()
        await self._finish(2.0)

    async def _finish(self, seconds: float) -> None:
        if tasks := {hand.task for hand in self._hands if hand.task is not None}:
            await asyncio.wait(tasks, timeout=seconds)

    def _raise_first(self, outcomes: Sequence[object]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                log.error(
                    "the worker cannot go on",
                    event_key="worker.broken",
                    worker_id=self._options.worker_id,
                    error=repr(outcome),
                )
                raise outcome


def _failure(part: asyncio.Future[None]) -> BaseException | None:
    return part.exception() if part.done() and not part.cancelled() else None


def _failed(result: JobResult) -> JobResult:
    """The result of an attempt whose own result cannot be sent."""
    fault = Fault.of(faults.internal())
    return replace(result, probe=None, page_facts=None, document=None, engine_ms=0, fault=fault)
