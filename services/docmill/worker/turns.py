"""A job's turn at a child: only if the services have just said that it is wanted, and before its deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from docmill.worker import faults
from docmill.worker.executor import Executor
from docmill.worker.frames import Frame
from docmill.worker.hand import Hand
from docmill.worker.process import Helper
from docmill.worker.slots import Slots
from docmill.worker.wanted import FRESH_SECONDS, Wanted

__all__ = ["Turns"]


class Turns:
    """Leads jobs to the worker's children. `answering` is told of each whose child is done with it."""

    def __init__(self, slots: Slots, wanted: Wanted, *, answering: Callable[[Hand], None]) -> None:
        self._slots = slots
        self._wanted = wanted
        self.answering = answering

    def lease(self, hand: Hand, path: str) -> AbstractAsyncContextManager[Executor]:
        """The next free child for the job, rather one that has the document at `path` open."""
        return self._slots.lease(hand.job, path)

    async def allowed(self, hand: Hand) -> bool:
        """Whether the services have said, a moment ago at most, that the job is wanted; if it is not, it is let go."""
        assert hand.question is not None
        said_at = await hand.question
        if said_at is not None and time.monotonic() - said_at > FRESH_SECONDS:
            hand.question = self._wanted.ask(hand.job.id)
            said_at = await hand.question
        if said_at is None and not hand.let_go:
            hand.let_go = "dropped"
        return said_at is not None

    async def wait_for_leave(self, hand: Hand) -> None:
        """Return if the job is allowed; end its task if it is not."""
        if not await self.allowed(hand):
            raise asyncio.CancelledError

    async def alone(
        self,
        executor: Executor,
        hand: Hand,
        request: dict[str, Any],
        body: bytes = b"",
        *,
        seconds: float,
        helper: Helper | None = None,
    ) -> Frame:
        """Have the leased child do `request`; it gets no longer than the job's deadline allows."""
        await self.wait_for_leave(hand)
        left = hand.seconds_left()
        hand.begin()
        try:
            return await executor.call(request, body, seconds=min(seconds, left), helper=helper)
        except faults.TryAgain:
            hand.seconds_left()
            raise
        finally:
            self.answering(hand)
