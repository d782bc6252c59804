"""The worker's child processes, leased to one job at a time: express jobs first, then whoever asked first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from docmill.worker.executor import Executor

__all__ = ["Slots"]


def _new_turn() -> asyncio.Future[Executor]:
    return asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """Somebody who waits for a child."""

    path: str
    quick: bool
    turn: asyncio.Future[Executor] = field(default_factory=_new_turn)


class Slots:
    """Children for every job, and some for quick jobs alone: so that these never wait for a slow page."""

    def __init__(self, executors: Sequence[Executor], quick: Sequence[Executor] = ()) -> None:
        self._free = [*executors, *quick]
        self._quick = frozenset(quick)
        self._last_path: dict[Executor, str] = {}
        self._express: deque[_Waiter] = deque()
        self._others: deque[_Waiter] = deque()

    @asynccontextmanager
    async def lease(self, path: str = "", *, quick: bool = False, express: bool = False) -> AsyncIterator[Executor]:
        """A free executor, rather one whose child has the document at `path` open already."""
        executor = self._pick(path, quick=quick) or await self._wait(_Waiter(path, quick), express=express)
        try:
            yield executor
        finally:
            self._give_back(executor)

    async def _wait(self, waiter: _Waiter, *, express: bool) -> Executor:
        line = self._express if express else self._others
        line.append(waiter)
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                line.remove(waiter)
            else:  # it was this one's turn already
                self._give_back(waiter.turn.result())
            raise

    def _give_back(self, executor: Executor) -> None:
        """To the first who waits and may have it: nobody who may have a free one ever waits."""
        self._free.append(executor)
        for line in (self._express, self._others):
            for waiter in line:
                if not waiter.turn.done() and (found := self._pick(waiter.path, quick=waiter.quick)):
                    line.remove(waiter)
                    waiter.turn.set_result(found)
                    return

    def _pick(self, path: str, *, quick: bool) -> Executor | None:
        """Take a free executor, rather one for quick jobs alone; None when there is none for this job."""
        usable = [each for each in self._free if quick or each not in self._quick]
        if not usable:
            return None
        executor = min(
            usable, key=lambda each: (each not in self._quick, not path or self._last_path.get(each) != path)
        )
        self._free.remove(executor)
        self._last_path[executor] = path or self._last_path.get(executor, "")
        return executor
