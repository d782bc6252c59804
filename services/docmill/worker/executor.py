"""A slot of a worker: one child process that opens documents, kept ready, and replaced when it is gone or worn.

A crash, a hang or a memory bomb costs the child its life and one attempt of one job; the worker goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import stamina
import structlog

from docmill.domain.errors import DocmillError, MediaError, Reason
from docmill.worker import facts, faults, frames
from docmill.worker.process import ChildProcess, ChildSpec, ChildUnusable, Helper

__all__ = ["ChildProcess", "ChildSpec", "ChildUnusable", "Executor"]

log = structlog.stdlib.get_logger("docmill.worker")

_MAX_IDLE_DEATHS = 5  # in a row


class Executor:
    """Keeps a child ready and has it do one request after the other."""

    def __init__(self, spec: ChildSpec, *, slot: int = 0) -> None:
        self._spec = spec
        self._log = log.bind(slot=slot)
        self._turn = asyncio.Lock()
        self._current: asyncio.Future[ChildProcess] = asyncio.get_running_loop().create_future()
        self._worn = asyncio.Event()
        self._children: set[ChildProcess] = set()
        self._idle_deaths = 0
        self.batch_size = 1
        """Pages that are better asked for together, as the first child said; known once started."""
        self.fingerprints: Mapping[str, str] = {}
        """Of the reader by reading mode, as the first child said; known once started."""
        self.keeper: asyncio.Task[None] | None = None
        """Ends only with `ChildUnusable`: whoever owns this executor watches it."""

    async def start(self) -> None:
        """Start the first child. Raises `ChildUnusable`."""
        child = await ChildProcess.start(self._spec)
        self._install(child)
        self.batch_size = facts.batch_size(child.hello)
        self.fingerprints = facts.fingerprints(child.hello)
        self.keeper = asyncio.create_task(self._keep())

    async def call(
        self, request: dict[str, Any], body: bytes = b"", *, seconds: float, helper: Helper | None = None
    ) -> frames.Frame:
        """The child's reply, at most so many `seconds` after it got the request; `helper` does what it may ask for.

        Raises `TryAgain` with WORKER_TIMEOUT, WORKER_MEMORY or WORKER_CRASHED if the child had to be killed or died,
        and what the child reported as a document's fault. A cancelled call kills the child.
        """
        return self._believed(request, await self._request(request, body, seconds, helper=helper))

    async def call_together(
        self, requests: Sequence[dict[str, Any]], *, seconds: float
    ) -> Sequence[frames.Frame | DocmillError]:
        """The child's replies to requests about pages that it reads together, or what it reports of each as a fault.

        Raises as `call` does if it answers none of them.
        """
        request = {"do": "pages", "pages": requests}
        reply = self._believed(request, await self._request(request, b"", seconds, counts=len(requests)))
        return [self._outcome(each) for each in facts.parts(reply, len(requests))]

    async def _request(
        self, request: dict[str, Any], body: bytes, seconds: float, *, counts: int = 1, helper: Helper | None = None
    ) -> frames.Frame:
        try:
            frame = frames.encode(request, body)
        except frames.FrameError as error:
            raise MediaError(Reason.MEDIA_TOO_LARGE, "The text of this document is too long to be worked on") from error
        async with self._turn:
            child = await self._usable()
            child.asked += counts
            try:
                reply = await self._exchange(child, *frame, seconds, helper)
            finally:
                self._vacate(child)
            if child.asked >= self._spec.recycle_after:
                self._worn.set()
        return reply

    def _believed(self, request: dict[str, Any], reply: frames.Frame) -> frames.Frame:
        """The reply, unless it is a failure."""
        outcome = self._outcome(reply, request.get("do"))
        if isinstance(outcome, DocmillError):
            raise outcome
        return outcome

    def _outcome(self, reply: frames.Frame, do: str | None = "page") -> frames.Frame | DocmillError:
        if (fault := reply.header.get("error")) is None:
            return reply
        if trace := reply.header.get("traceback"):
            self._log.error(
                "a child met an exception that nobody expected",
                event_key="child.exception",
                request=do,
                traceback=str(trace)[:8000],
            )
        return faults.from_json(fault)

    async def aclose(self) -> None:
        """End the child; a call under way fails."""
        if self.keeper is not None:
            self.keeper.cancel()
            await asyncio.gather(self.keeper, return_exceptions=True)
        await asyncio.gather(*(self._close(child) for child in tuple(self._children)))

    async def _usable(self) -> ChildProcess:
        while not (child := await asyncio.shield(self._current)).usable:
            self._vacate(child)
        return child

    def _vacate(self, child: ChildProcess) -> None:
        """Let callers wait for the next child if this one is not usable any more."""
        current = self._current
        if not child.usable and current.done() and not current.exception() and current.result() is child:
            self._current = asyncio.get_running_loop().create_future()

    async def _exchange(
        self, child: ChildProcess, head: bytes, body: bytes, seconds: float, helper: Helper | None
    ) -> frames.Frame:
        try:
            return await child.exchange(head, body, seconds, helper)
        except TimeoutError as error:
            self._log.warning(
                "a child took too long and was killed", event_key="child.timeout", pid=child.pid, seconds=seconds
            )
            raise faults.TryAgain(
                Reason.WORKER_TIMEOUT, f"The work took longer than {seconds:.0f} s and was stopped"
            ) from error
        except (EOFError, ConnectionError, frames.FrameError) as error:
            status = await child.ended()
            if child.over_memory:
                raise faults.TryAgain(
                    Reason.WORKER_MEMORY, "The work needed more memory than a worker may use and was stopped"
                ) from error
            self._log.warning(
                "a child ended unexpectedly",
                event_key="child.crashed",
                pid=child.pid,
                status=status,
                cause=type(error).__name__,
            )
            raise faults.TryAgain(
                Reason.WORKER_CRASHED, "The process that worked on this ended unexpectedly"
            ) from error

    async def _keep(self) -> None:
        """Replace the child whenever it is gone or worn: at once, so that the next job finds one."""
        try:
            while True:
                child = await asyncio.shield(self._current)
                worn = asyncio.create_task(self._worn.wait())
                try:
                    await asyncio.wait({child.gone, worn}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    worn.cancel()
                await (self._succeed(child) if child.gone.done() else self._relieve(child))
        except BaseException as error:
            self._give_up(error)
            raise

    async def _succeed(self, dead: ChildProcess) -> None:
        """Put a child in the place of one that is gone."""
        self._vacate(dead)
        await self._close(dead)
        self._idle_deaths = 0 if dead.asked else self._idle_deaths + 1
        if self._idle_deaths > _MAX_IDLE_DEATHS:
            raise ChildUnusable(f"{self._spec.module} dies before it is asked for anything")
        if self._idle_deaths:
            await asyncio.sleep(1)  # whatever ails it, children are not started in a tight loop
        self._install(await self._start_again())

    async def _relieve(self, worn: ChildProcess) -> None:
        """Put a fresh child in the place of a worn one between two calls; the worn one serves until then."""
        fresh = await self._start_again()
        self._children.add(fresh)
        async with self._turn:
            if self._current.done():
                self._current = asyncio.get_running_loop().create_future()
            self._install(fresh)
        await self._close(worn)

    async def _close(self, child: ChildProcess) -> None:
        await child.close()
        self._children.discard(child)

    def _give_up(self, error: BaseException) -> None:
        """Nobody may wait for a child that never comes."""
        if self._current.done():
            self._current = asyncio.get_running_loop().create_future()
        self._current.set_exception(ChildUnusable(str(error) or "the worker ends"))
        self._current.exception()  # seen, also when nobody waits

    async def _start_again(self) -> ChildProcess:
        async for attempt in stamina.retry_context(on=ChildUnusable, attempts=5, timeout=None, wait_initial=0.1):
            with attempt:
                return await ChildProcess.start(self._spec)
        raise AssertionError  # stamina returns or raises

    def _install(self, child: ChildProcess) -> None:
        self._children.add(child)
        self._worn.clear()
        self._current.set_result(child)
        self._log.info(
            "a child was started",
            event_key="child.started",
            pid=child.pid,
            engine=child.hello.get("engine"),
            fingerprint=child.hello.get("fingerprint"),
        )
