"""Pages for an engine that gains from reading several at once: gathered for a moment, across runs, answered each alone.

A batch that fails as a whole (a crash, a hang, memory, a cancelled run among it) is read again page by page, so that
what is wrong with one page costs that page alone.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from docmill.domain.errors import DeadlineExceeded, DocmillError
from docmill.worker.executor import Executor
from docmill.worker.frames import Frame
from docmill.worker.hand import Hand, Stage
from docmill.worker.turns import Turns

__all__ = ["Batches"]

log = structlog.stdlib.get_logger("docmill.worker")


def _new_reply() -> asyncio.Future[Frame]:
    return asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """A page that waits for its answer; cancelled if nobody wants it any more."""

    hand: Hand
    request: dict[str, Any]
    seconds: float
    since: float = field(default_factory=time.monotonic)
    reply: asyncio.Future[Frame] = field(default_factory=_new_reply)

    def settle(self, outcome: Frame | BaseException) -> None:
        if self.reply.done():
            return
        if isinstance(outcome, Frame):
            self.reply.set_result(outcome)
        elif isinstance(outcome, asyncio.CancelledError):
            self.reply.cancel()
        else:
            self.reply.set_exception(outcome)


class Batches:
    """Puts up to `size` pages into one request; none waits longer than `window` seconds for company."""

    def __init__(self, turns: Turns, *, size: int, window: float) -> None:
        self.size = size
        self._turns = turns
        self._window = window
        self._waiting: deque[_Member] = deque()
        self._full = asyncio.Event()
        self._gathering: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, hand: Hand, request: dict[str, Any], *, seconds: float) -> Frame:
        """The reply to `request` about the page in hand, read together with others or not."""
        member = _Member(hand, request, seconds)
        (self._waiting.appendleft if hand.job.express else self._waiting.append)(member)
        self._gather()
        return await member.reply

    async def aclose(self) -> None:
        """Stop; whoever waits is cancelled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._waiting:
            self._waiting.pop().reply.cancel()

    def _gather(self) -> None:
        """See that somebody waits for the next free child, if there are pages for it."""
        if len(self._waiting) >= self.size:
            self._full.set()
        if self._gathering is None and self._waiting:
            self._gathering = task = asyncio.create_task(self._turn(str(self._waiting[0].request.get("path", ""))))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _turn(self, path: str) -> None:
        async with self._turns.lease(path) as executor:
            members = await self._take()
            try:
                for member in await self._together(executor, members):
                    await self._alone(executor, member)
            except BaseException as error:
                for member in members:
                    member.settle(error)
                if not isinstance(error, Exception):
                    raise

    async def _take(self) -> list[_Member]:
        """The pages of the next batch: as many as there are when it is full, or when the oldest has waited enough."""
        self._waiting = deque(member for member in self._waiting if not member.reply.done())
        if self._waiting and len(self._waiting) < self.size:
            self._full.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._waiting[0].since + self._window - time.monotonic()):
                    await self._full.wait()
        members = [self._waiting.popleft() for _ in range(min(self.size, len(self._waiting)))]
        self._full.clear()
        self._gathering = None
        self._gather()
        return members

    async def _together(self, executor: Executor, members: Sequence[_Member]) -> Sequence[_Member]:
        """Read the pages at once. What is left: those to be read alone."""
        ready = await self._ready(members)
        if len(ready) < 2:
            return ready
        for member in ready:
            member.hand.begin()
        requests = [member.request for member in ready]
        call = asyncio.create_task(
            executor.call_together(requests, seconds=min(member.seconds for member in ready)),
        )
        try:
            await _first(call, *(member.reply for member in ready))
            if call.done():
                for member, outcome in zip(ready, call.result(), strict=True):
                    self._turns.answering(member.hand)
                    member.settle(outcome)
                return ()
            why = "cancelled"
        except DocmillError as error:
            why = error.reason.value
        finally:
            await _end(call)
        left = [member for member in ready if not member.reply.done()]
        for member in left:
            member.hand.stage = Stage.WAITING
        if left:
            log.warning("pages are read again, one by one", event_key="batch.failed", pages=len(left), why=why)
        return left

    async def _ready(self, members: Sequence[_Member]) -> list[_Member]:
        """Those that may begin now."""
        open_ = [member for member in members if not member.reply.done()]
        allowed = await asyncio.gather(*(self._turns.allowed(member.hand) for member in open_))
        for member, may in zip(open_, allowed, strict=True):
            try:
                member.hand.seconds_left()
            except DeadlineExceeded as error:
                member.settle(error)
            if not may:
                member.reply.cancel()
        return [member for member in open_ if not member.reply.done()]

    async def _alone(self, executor: Executor, member: _Member) -> None:
        if member.reply.done():
            return
        call = asyncio.create_task(
            self._turns.alone(executor, member.hand, member.request, seconds=member.seconds),
        )
        try:
            await _first(call, member.reply)
        finally:
            await _end(call)
        if call.cancelled():
            member.reply.cancel()
        else:
            member.settle(call.exception() or call.result())


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _end(call: asyncio.Task[Any]) -> None:
    """Cancel a call that nobody waits for any more, which kills its child."""
    call.cancel()
    await asyncio.wait({call})
    if not call.cancelled():
        call.exception()  # seen, also when nobody asks for it
