"""Whether work is still wanted: asked of the services before it starts, because a worker has no record to look into.

Word of a cancelled run (a hint) is quicker, but may be lost, or may go out before the worker or its job is there.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import structlog

from docmill.bus import Bus, BusUnavailable
from docmill.domain.messages import Attempt, JobMessage
from docmill.domain.models import JobKind

__all__ = ["FRESH_SECONDS", "Wanted"]

log = structlog.stdlib.get_logger("docmill.worker")

FRESH_SECONDS = 0.5
"""What the record said is good for so long: as an answer from when it came, with the job from when it was claimed."""

_PAUSE = 0.25  # seconds until a question that nobody answered is asked again


class Wanted:
    """Asks for the attempts in a worker's hands; what is asked at the same moment goes in one question."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._next: list[tuple[Attempt, asyncio.Future[float | None]]] = []
        self._asking: set[asyncio.Task[None]] = set()

    def ask(self, attempt: Attempt) -> asyncio.Future[float | None]:
        """When the services said that it is wanted (`time.monotonic()`), or None if they said that it is not.

        It takes as long as there are no services to answer. Cancel it if nobody waits for it any more.
        """
        if not self._next:
            task = asyncio.create_task(self._ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        future: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._next.append((attempt, future))
        return future

    def first(self, job: JobMessage) -> asyncio.Future[float | None]:
        """As `ask`, for a job that has just come: if it is cheap, the record's own word, if fresh, needs no question.

        Clocks of machines differ: what seems to come from the future is asked about, as what is old.
        """
        age = (datetime.now(UTC) - job.wanted_at).total_seconds() if job.wanted_at else FRESH_SECONDS
        is_dear = job.kind is JobKind.PAGE or job.calls_llm
        if is_dear or not 0 <= age < FRESH_SECONDS:
            return self.ask(job.id)
        future: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        future.set_result(time.monotonic() - age)
        return future

    async def aclose(self) -> None:
        """Ask no more."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ask(self) -> None:
        """In the loop's next round, when everybody who asks in this one has done so."""
        waiting, self._next = self._next, []
        loudly = True
        while waiting := [(attempt, future) for attempt, future in waiting if not future.done()]:
            try:
                wanted = await self._bus.ask_wanted([attempt for attempt, _ in waiting])
            except BusUnavailable as error:
                if loudly:
                    log.warning("work waits for the services", event_key="wanted.waiting", error=str(error)[:500])
                loudly = False
                await asyncio.sleep(_PAUSE)
                continue
            now = time.monotonic()
            for attempt, future in waiting:
                if not future.done():
                    future.set_result(now if attempt in wanted else None)
