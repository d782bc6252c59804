"""How many jobs of each lane a worker takes into its hands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum, auto

__all__ = ["Lane", "Lanes"]


class Lane(Enum):
    """A queue that a worker fetches from."""

    EXPRESS = auto()
    NORMAL = auto()
    LLM = auto()  # jobs that call a language model: they wait long and need little


class Lanes:
    """Room by lane, and `most` jobs in all, those included that only their answer is missing."""

    def __init__(self, capacity: Mapping[Lane, int], most: int) -> None:
        self._capacity = dict(capacity)
        self._free = dict(capacity)
        self._most = most
        self._held = 0
        self._changed = asyncio.Event()
        self._closed = False

    def share(self, lane: Lane, pulls: int) -> int:
        """What one of so many overlapping fetches may ask for at most."""
        return -(-self._capacity[lane] // pulls)

    async def room(self, lane: Lane) -> int:
        """How many jobs the lane has room for, once it has any; 0 when nothing is to be fetched any more."""
        while not self._closed and (self._free[lane] <= 0 or self._held >= self._most):
            self._changed.clear()
            await self._changed.wait()
        return 0 if self._closed else min(self._free[lane], self._most - self._held)

    def occupy(self, lane: Lane, jobs: int) -> None:
        """So many more jobs of the lane count against its room; fewer for a negative number."""
        self._free[lane] -= jobs
        self._changed.set()

    def hold(self, jobs: int) -> None:
        """So many more jobs are in hand at all."""
        self._held += jobs
        self._changed.set()

    def close(self) -> None:
        """Nothing is to be fetched any more."""
        self._closed = True
        self._changed.set()
