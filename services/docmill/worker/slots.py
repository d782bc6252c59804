"""The worker's child processes, leased to one job at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from docmill.worker.executor import Executor

__all__ = ["Slots"]


class Slots:
    """Executors in a fair queue: who asks first gets the next free one."""

    def __init__(self, executors: Sequence[Executor]) -> None:
        self._free = list(executors)
        self._turns = asyncio.Semaphore(len(executors))
        self._last_path: dict[Executor, str] = {}

    @asynccontextmanager
    async def lease(self, path: str = "") -> AsyncIterator[Executor]:
        """A free executor, rather one whose child has the document at `path` open already."""
        async with self._turns:
            executor = next((each for each in self._free if path and self._last_path.get(each) == path), self._free[0])
            self._free.remove(executor)
            self._last_path[executor] = path or self._last_path.get(executor, "")
            try:
                yield executor
            finally:
                self._free.append(executor)
