"""A slot of a worker: one child process that opens documents, watched, killed and replaced from here.

A crash, a hang or a memory bomb costs the child its life and one attempt of one job; the worker goes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import stamina
import structlog

from docmill.domain.errors import DocmillError, MediaError, Reason
from docmill.worker import facts, faults, frames

__all__ = ["ChildProcess", "ChildSpec", "ChildUnusable", "Executor"]

log = structlog.stdlib.get_logger("docmill.worker")

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_STREAM_LIMIT = 1024 * 1024
_MAX_LOG_LINES = 1000  # of one child's life
_MAX_LOG_LINE = 500
_MAX_IDLE_DEATHS = 5  # in a row
# What the child may know of our environment. Everything else stays here: it may hold credentials, and the child opens
# untrusted bytes.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "TESSDATA_PREFIX",
              "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")  # fmt: skip
_THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_THREAD_LIMIT",
)


class ChildUnusable(Exception):
    """A child cannot be started, or dies before it gets any work: the worker cannot go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What a child process is and what it may use."""

    module: str = "docmill.worker.child"
    config: Mapping[str, Any] = field(default_factory=dict)
    """Sent as the first frame."""
    niceness: int = 0
    """How much it gives way to other processes, as nice(2) counts."""
    threads: int = 1
    """Of numerical libraries, so that one child a core does not ask for more cores than there are."""
    memory_limit: int = 2 * 1024**3
    """Bytes of resident memory; beyond, the child is killed (where there is a /proc to look at)."""
    memory_check: float = 0.25
    """Seconds between two looks at it."""
    recycle_after: int = 2000
    """Requests until a fresh child takes over."""
    start_timeout: float = 60.0
    """Seconds until it must have said hello."""

    def environment(self) -> dict[str, str]:
        """The child's environment variables."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return inherited | dict.fromkeys(_THREAD_LIMITS, str(self.threads))


class ChildProcess:
    """The life of one child: start, exchange frames, end."""

    def __init__(self, spec: ChildSpec, process: asyncio.subprocess.Process) -> None:
        self._spec = spec
        self._process = process
        self._over_memory = False
        self._killed = False
        self.asked = 0
        """Requests sent to it."""
        self.hello: dict[str, Any] = {}
        """What it said of itself when it was ready: `engine`, `fingerprint`, `fingerprints`, `batch_size`."""
        self.gone = asyncio.create_task(process.wait())
        """Done when the process has ended."""
        self._side_tasks = (asyncio.create_task(self._log_stderr()), asyncio.create_task(self._watch_memory()))

    @classmethod
    async def start(cls, spec: ChildSpec) -> ChildProcess:
        """A child that has said hello. Raises `ChildUnusable`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", spec.module,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            limit=_STREAM_LIMIT, env=spec.environment(),
            start_new_session=True,  # a Ctrl-C at the terminal is for the worker to handle, and kill() takes grandchildren
        )  # fmt: skip
        child = cls(spec, process)
        try:
            head, body = frames.encode(
                {**spec.config, "parent": os.getpid(), "threads": spec.threads, "niceness": spec.niceness}
            )
            child.hello = (await child.exchange(head, body, spec.start_timeout)).header
        except (TimeoutError, EOFError, ConnectionError, frames.FrameError) as error:
            await child.close()
            raise ChildUnusable(f"{spec.module} does not start: {type(error).__name__} {error}") from error
        except asyncio.CancelledError:
            await child.close()
            raise
        if why := child.hello.get("unusable"):
            await child.close()
            raise ChildUnusable(str(why))
        return child

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def over_memory(self) -> bool:
        """It was killed for using too much memory."""
        return self._over_memory

    @property
    def usable(self) -> bool:
        """Neither killed nor ended."""
        return not self._killed and not self.gone.done()

    async def ended(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        return await asyncio.shield(self.gone)

    async def exchange(self, head: bytes, body: bytes, seconds: float) -> frames.Frame:
        """Send a frame, get one back. Any failure, also a cancellation, kills the child: it is out of step.

        Raises `TimeoutError` after so many seconds, `EOFError` or `ConnectionError` if it died, `FrameError`.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                self._process.stdin.write(head)
                if body:
                    self._process.stdin.write(body)
                await self._process.stdin.drain()
                return await frames.receive(self._process.stdout)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it and what it started, now."""
        self._killed = True
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self, patience: float = 2.0) -> None:
        """Let it end by itself, kill it after `patience` seconds; returns when it is gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait({self.gone}, timeout=patience)
        finally:
            self.kill()
        await self.ended()
        for task in self._side_tasks:
            task.cancel()
        await asyncio.gather(*self._side_tasks, return_exceptions=True)

    async def _watch_memory(self) -> None:
        """Resident memory is what brings a machine down; RLIMIT_AS would forbid mapped models and thread stacks too."""
        while not self.gone.done():
            await asyncio.sleep(self._spec.memory_check)
            try:
                with open(f"/proc/{self.pid}/statm", "rb") as statm:  # noqa: ASYNC230, PTH123 - memory, not a disk
                    resident = int(statm.read().split()[1]) * _PAGE_SIZE
            except (OSError, IndexError):
                return
            if resident > self._spec.memory_limit:
                self._over_memory = True
                self.kill()
                log.warning(
                    "a child took too much memory and was killed",
                    event_key="child.over_memory",
                    pid=self.pid,
                    resident=resident,
                    limit=self._spec.memory_limit,
                )
                return

    async def _log_stderr(self) -> None:
        assert self._process.stderr is not None
        lines = 0
        while True:
            try:
                line = await self._process.stderr.readline()
            except ValueError:
                line = b"(a line too long to log)"
            if not line:
                return
            lines += 1
            if lines <= _MAX_LOG_LINES:
                text = line[:_MAX_LOG_LINE].decode(errors="replace").rstrip()
                log.info("a child wrote a line", event_key="child.stderr", pid=self.pid, line=text)


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

    async def call(self, request: dict[str, Any], body: bytes = b"", *, seconds: float) -> frames.Frame:
        """The child's reply, at most so many `seconds` after it got the request.

        Raises `TryAgain` with WORKER_TIMEOUT, WORKER_MEMORY or WORKER_CRASHED if the child had to be killed or died,
        and what the child reported as a document's fault. A cancelled call kills the child.
        """
        return self._believed(request, await self._request(request, body, seconds))

    async def call_together(
        self, requests: Sequence[dict[str, Any]], *, seconds: float
    ) -> Sequence[frames.Frame | DocmillError]:
        """The child's replies to requests about pages that it reads together, or what it reports of each as a fault.

        Raises as `call` does if it answers none of them.
        """
        request = {"do": "pages", "pages": requests}
        reply = self._believed(request, await self._request(request, b"", seconds, counts=len(requests)))
        return [self._outcome(each) for each in facts.parts(reply, len(requests))]

    async def _request(self, request: dict[str, Any], body: bytes, seconds: float, *, counts: int = 1) -> frames.Frame:
        try:
            frame = frames.encode(request, body)
        except frames.FrameError as error:
            raise MediaError(Reason.MEDIA_TOO_LARGE, "The text of this document is too long to be worked on") from error
        async with self._turn:
            child = await self._usable()
            child.asked += counts
            try:
                reply = await self._exchange(child, *frame, seconds)
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

    async def _exchange(self, child: ChildProcess, head: bytes, body: bytes, seconds: float) -> frames.Frame:
        try:
            return await child.exchange(head, body, seconds)
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
