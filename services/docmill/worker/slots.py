"""The worker's child processes, leased to one job at a time: express jobs first, and organizations in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from docmill.domain.messages import JobMessage
from docmill.domain.models import JobKind
from docmill.domain.turns import Turns
from docmill.worker.executor import Executor

__all__ = ["Slots"]

_LINGER = 0.2  # seconds; a run's jobs follow each other more quickly, and so do runs of a caller who waits for each


def _new_turn() -> asyncio.Future[Executor]:
    return asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """A job that waits for a child."""

    job: JobMessage
    path: str
    turn: asyncio.Future[Executor] = field(default_factory=_new_turn)


class Slots:
    """Children for every job, and quick ones for jobs that are no pages: so that these never wait for a slow page.

    Express jobs are first. Within a lane the organization that was served longest ago is next, whatever the lane it was
    served on: many jobs of one do not delay another's only one. Jobs of one organization come in the order they asked.

    Jobs that call a language model have children of their own, which do nothing else: they wait most of the time.

    While express jobs of one organization come in, one child is kept for them: pages of others share the rest, and so
    the machine. That costs others at most a slot, and nothing where there is one slot only.
    """

    def __init__(
        self, executors: Sequence[Executor], quick: Sequence[Executor] = (), llm: Sequence[Executor] = ()
    ) -> None:
        self._free = [*executors, *quick, *llm]
        self._quick = frozenset(quick)
        self._llm = frozenset(llm)
        self._kept = min(1, len(executors) - 1)
        self._last_path: dict[Executor, str] = {}
        self._waiting: tuple[list[_Waiter], list[_Waiter]] = ([], [])
        self._turns = Turns()
        self._express_until: dict[str, float] = {}
        self._reminder: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def lease(self, job: JobMessage, path: str = "") -> AsyncIterator[Executor]:
        """A free executor, rather one whose child has the document at `path` open already."""
        self._see(job)
        waiter = _Waiter(job, path)
        executor = self._pick(waiter) or await self._wait(waiter)
        try:
            yield executor
        finally:
            self._see(job)
            self._free.append(executor)
            self._deal()

    async def _wait(self, waiter: _Waiter) -> Executor:
        line = self._waiting[0 if waiter.job.express else 1]
        line.append(waiter)
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                line.remove(waiter)
            else:  # it was this one's turn already
                self._free.append(waiter.turn.result())
                self._deal()
            raise

    def _deal(self) -> None:
        """See that nobody waits who may have a free child."""
        for line in self._waiting:
            while self._free and self._serve(line):
                pass

    def _serve(self, line: list[_Waiter]) -> bool:
        """Give a free child to the next one of the line who may have it; whether there was one."""
        for waiter in sorted(line, key=lambda each: self._turns.last(each.job.org_id)):  # stable: by age among equals
            if not waiter.turn.done() and (executor := self._pick(waiter)):
                line.remove(waiter)
                waiter.turn.set_result(executor)
                return True
        return False

    def _pick(self, waiter: _Waiter) -> Executor | None:
        """Take a free executor, rather a quick one; None when there is none for this job."""
        quick, calls = waiter.job.kind is not JobKind.PAGE, waiter.job.calls_llm
        usable = [each for each in self._free if (each in self._llm) == calls and (quick or each not in self._quick)]
        if len(usable) <= (0 if quick else self._kept_from(waiter.job)):
            return None
        path = waiter.path
        executor = min(
            usable, key=lambda each: (each not in self._quick, not path or self._last_path.get(each) != path)
        )
        self._free.remove(executor)
        self._turns.served([waiter.job.org_id])
        self._last_path[executor] = path or self._last_path.get(executor, "")
        return executor

    def _see(self, job: JobMessage) -> None:
        """An express job came or went: more may follow."""
        if job.express and self._kept:
            loop = asyncio.get_running_loop()
            self._express_until[job.org_id] = loop.time() + _LINGER
            if self._reminder is None:
                self._reminder = loop.call_later(_LINGER, self._remind)

    def _remind(self) -> None:
        """The time of some express jobs is over: others may have the child that was kept for them."""
        loop = asyncio.get_running_loop()
        self._express_until = {org_id: until for org_id, until in self._express_until.items() if until > loop.time()}
        next_ = min(self._express_until.values(), default=None)
        self._reminder = None if next_ is None else loop.call_at(next_, self._remind)
        self._deal()

    def _kept_from(self, job: JobMessage) -> int:
        """How many free children a page must leave for express jobs of other organizations."""
        return self._kept if not job.express and self._express_until.keys() - {job.org_id} else 0
