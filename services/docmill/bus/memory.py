"""The bus inside one process, for tests: the contract of `docmill.bus` without a server."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from docmill.bus import ANSWER_SECONDS, BusUnavailable, Publication, codec, pool_of_job
from docmill.bus.listeners import Registry, ResetListeners, tell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from docmill.bus import WantedAnswer
    from docmill.domain.messages import Attempt, Beat, Hint, JobMessage, JobResult

__all__ = ["MemoryBroker", "MemoryBus"]

log = structlog.get_logger(__name__)

_DUPLICATE_WINDOW = 120.0


@dataclass(eq=False, slots=True)
class _Entry:
    """A message in a queue. Payloads are bytes as on the wire, so that nothing is shared by accident."""

    payload: bytes
    group: str
    visible_at: float = 0.0


class _Queue:
    """A work queue with redelivery and de-duplication."""

    def __init__(self, ack_wait: float, seen: dict[str, float]) -> None:
        """`seen`, times by `dedup_id`, may be shared: what one queue has taken, no other one takes again."""
        self._ack_wait = ack_wait
        self._ready: deque[_Entry] = deque()
        self._held: set[_Entry] = set()
        self._seen = seen
        self._arrived = asyncio.Condition()

    async def put(self, payload: bytes, *, dedup_id: str, group: str) -> None:
        now = _now()
        while self._seen and next(iter(self._seen.values())) <= now - _DUPLICATE_WINDOW:
            del self._seen[next(iter(self._seen))]
        if dedup_id in self._seen:
            return
        self._seen[dedup_id] = now
        self._ready.append(_Entry(payload, group))
        await self._wake()

    async def take(self, limit: int, timeout: float) -> list[_Entry]:  # noqa: ASYNC109 - the interface's word
        if limit < 1:
            raise ValueError("limit must be at least 1")
        deadline = _now() + timeout
        async with self._arrived:
            while True:
                self._return_overdue()
                if self._ready:
                    return [self._hold(self._ready.popleft()) for _ in range(min(limit, len(self._ready)))]
                wake_at = min([deadline, *(entry.visible_at for entry in self._held)])
                if _now() >= deadline:
                    return []
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(wake_at - _now(), 0)):
                        await self._arrived.wait()

    def touch(self, entry: _Entry, seconds: float) -> None:
        """Deliver again in `seconds`, unless something happens before."""
        entry.visible_at = _now() + seconds

    async def give_back(self, entry: _Entry, delay: float) -> None:
        self.touch(entry, delay)
        await self._wake()

    def drop(self, entry: _Entry) -> None:
        self._held.discard(entry)
        if entry in self._ready:  # overdue, but not yet taken by anybody else
            self._ready.remove(entry)

    def purge(self, group: str) -> None:
        self._ready = deque(entry for entry in self._ready if entry.group != group)

    def lose(self) -> None:
        self._ready.clear()
        self._held.clear()
        self._seen.clear()

    def _hold(self, entry: _Entry) -> _Entry:
        self.touch(entry, self._ack_wait)
        self._held.add(entry)
        return entry

    def _return_overdue(self) -> None:
        now = _now()
        for entry in [entry for entry in self._held if entry.visible_at <= now]:
            self._held.discard(entry)
            self._ready.append(entry)

    async def _wake(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()


class MemoryBroker:
    """What the buses of one process share."""

    def __init__(self, *, ack_wait: float = 10.0, max_payload: int = 8 * 1024 * 1024) -> None:
        """Seconds until a job without a sign of life is delivered again: `ack_wait`; bytes of a message: `max_payload`."""
        self.ack_wait = ack_wait
        self.max_payload = max_payload
        sent_results: dict[str, float] = {}
        self.results = {express: _Queue(ack_wait, sent_results) for express in (False, True)}
        self.buses: set[MemoryBus] = set()
        self._lanes: dict[tuple[str, bool], _Queue] = {}
        self._sent_jobs: dict[str, float] = {}

    def lane(self, pool: str, *, express: bool) -> _Queue:
        """One of the two queues of a pool."""
        return self._lanes.setdefault((pool, express), _Queue(self.ack_wait, self._sent_jobs))

    def purge(self, run_id: str) -> None:
        """Drop the run's jobs that wait."""
        for queue in self._lanes.values():
            queue.purge(run_id)

    async def lose_everything(self) -> None:
        """For tests: what happens when a server loses its disk."""
        for queue in (*self.results.values(), *self._lanes.values()):
            queue.lose()
        for bus in tuple(self.buses):
            bus.resets.tell()


class MemoryBus:
    """`docmill.bus.Bus` on a broker of this process."""

    def __init__(self, broker: MemoryBroker, *, pool_of: Callable[[JobMessage], str] = pool_of_job) -> None:
        """`pool_of` says which pool's queue a job goes to."""
        self.resets = ResetListeners()
        self.hints: Registry[Callable[[Hint], None]] = Registry()
        self.beats: Registry[Callable[[Beat], None]] = Registry()
        self.answers: Registry[WantedAnswer] = Registry()
        self._broker = broker
        self._pool_of = pool_of
        self._closed = False
        broker.buses.add(self)

    async def publish_jobs(self, jobs: Sequence[JobMessage]) -> Sequence[Publication]:
        """All of them but the too large."""
        await self.ping()
        return [await self._put(job) for job in jobs]

    @asynccontextmanager
    async def jobs(self, pool: str = "cpu", *, express: bool = False) -> AsyncIterator[_JobSource]:
        """Take part in one of a pool's queues."""
        yield _JobSource(self._broker.lane(pool, express=express), self._broker.ack_wait)

    async def discard_jobs(self, run_id: str) -> None:
        """In all queues."""
        self._broker.purge(run_id)

    async def publish_result(self, result: JobResult) -> None:
        """At once."""
        await self.ping()
        payload = codec.encode_result(result)
        if len(payload) > self._broker.max_payload:
            raise ValueError("the result is too large for a message")
        queue = self._broker.results[result.express]
        await queue.put(payload, dedup_id=f"{result.job_id}.{result.attempt}", group="")

    @asynccontextmanager
    async def results(self, *, express: bool = False) -> AsyncIterator[_ResultSource]:
        """Take part in collecting the lane's results."""
        yield _ResultSource(self._broker.results[express])

    async def publish_hint(self, hint: Hint) -> None:
        """To every bus of the broker, this one too."""
        await self._to_all(lambda bus: tell(bus.hints, hint))

    def on_hint(self, listener: Callable[[Hint], None]) -> Callable[[], None]:
        """From now on."""
        return self.hints.add(listener)

    async def publish_beat(self, beat: Beat) -> None:
        """To every bus of the broker, this one too."""
        await self._to_all(lambda bus: tell(bus.beats, beat))

    def on_beat(self, listener: Callable[[Beat], None]) -> Callable[[], None]:
        """From now on."""
        return self.beats.add(listener)

    async def ask_wanted(self, attempts: Sequence[Attempt]) -> frozenset[Attempt]:
        """Any answerer of the broker, this bus's own too."""
        await self.ping()
        answers = [answer for bus in self._broker.buses for answer in bus.answers]
        if not answers:
            raise BusUnavailable("nobody answers questions")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return frozenset(await random.choice(answers)(attempts))  # noqa: S311 - no secret
        except Exception as error:
            raise BusUnavailable("a question was not answered") from error

    @asynccontextmanager
    async def answering(self, answer: WantedAnswer) -> AsyncIterator[None]:
        """Until the end of the context, or until closed."""
        remove = self.answers.add(answer)
        try:
            yield
        finally:
            remove()

    def on_reset(self, listener: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Called by `MemoryBroker.lose_everything`."""
        return self.resets.add(listener)

    async def ping(self) -> None:
        """There until closed."""
        if self._closed:
            raise BusUnavailable("this bus was closed")

    async def aclose(self) -> None:
        """Leave the broker."""
        self._closed = True
        self._broker.buses.discard(self)
        await self.resets.aclose()

    async def _put(self, job: JobMessage) -> Publication:
        payload = codec.encode_job(job)
        if len(payload) > self._broker.max_payload:
            return Publication.TOO_LARGE
        queue = self._broker.lane(self._pool_of(job), express=job.express)
        await queue.put(payload, dedup_id=job.dedup_id, group=job.run_id)
        return Publication.TAKEN

    async def _to_all(self, call: Callable[[MemoryBus], None]) -> None:
        """Later, as a message would arrive, so that a listener never runs inside the sender."""
        if not self._closed:
            for bus in self._broker.buses:
                asyncio.get_running_loop().call_soon(call, bus)


class _JobSource:
    """`docmill.bus.JobSource`."""

    def __init__(self, queue: _Queue, ack_wait: float) -> None:
        self._queue = queue
        self._ack_wait = ack_wait

    async def fetch(self, limit: int, timeout: float) -> Sequence[_JobDelivery]:  # noqa: ASYNC109 - the interface's word
        return [_JobDelivery(self._queue, entry, self._ack_wait) for entry in await self._queue.take(limit, timeout)]


class _JobDelivery:
    """`docmill.bus.JobDelivery`."""

    def __init__(self, queue: _Queue, entry: _Entry, ack_wait: float) -> None:
        self.job = codec.decode_job(entry.payload)
        self._queue = queue
        self._entry = entry
        self._ack_wait = ack_wait

    async def ack(self) -> None:
        self._queue.drop(self._entry)

    async def nak(self, delay: float) -> None:
        await self._queue.give_back(self._entry, delay)

    async def in_progress(self) -> None:
        self._queue.touch(self._entry, self._ack_wait)


class _ResultSource:
    """`docmill.bus.ResultSource`."""

    def __init__(self, queue: _Queue) -> None:
        self._queue = queue

    async def fetch(self, limit: int, timeout: float) -> Sequence[_ResultDelivery]:  # noqa: ASYNC109 - the interface's word
        return [_ResultDelivery(self._queue, entry) for entry in await self._queue.take(limit, timeout)]


class _ResultDelivery:
    """`docmill.bus.ResultDelivery`."""

    def __init__(self, queue: _Queue, entry: _Entry) -> None:
        self.result = codec.decode_result(entry.payload)
        self._queue = queue
        self._entry = entry

    async def ack(self) -> None:
        self._queue.drop(self._entry)


def _now() -> float:
    return asyncio.get_running_loop().time()
