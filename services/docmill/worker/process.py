"""One child process of a worker: start, exchange frames, end; watched and killed from here."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from docmill.worker import frames

__all__ = ["ASKS", "ChildProcess", "ChildSpec", "ChildUnusable", "EngineUnusable", "Helper"]

log = structlog.stdlib.get_logger("docmill.worker")

ASKS = "ask"
"""Key of a child's frame that is no reply: it asks for something that only the worker may do, and waits for the answer."""
_MOST_ASKED = 200  # times in one request

Helper = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Does for a child what it asks for; never raises for what was asked."""

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
_STREAM_LIMIT = 1024 * 1024
_MAX_LOG_LINES = 1000  # of one child's life
_MAX_LOG_LINE = 500
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


class EngineUnusable(ChildUnusable):
    """A child says that the engine it should read with cannot work here: what is missing, and how to get it."""


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
            raise EngineUnusable(str(why))
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
        return not self._killed and not self.gone.done() and not self._has_ended()

    def _has_ended(self) -> bool:
        """Whether the system knows of its end: the event loop learns of it later, and would send work to nobody meanwhile."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # the event loop's watcher has fetched its status already
            return True

    async def ended(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        return await asyncio.shield(self.gone)

    async def exchange(self, head: bytes, body: bytes, seconds: float, helper: Helper | None = None) -> frames.Frame:
        """Send a frame, get one back. Any failure, also a cancellation, kills the child: it is out of step.

        What the child asks for meanwhile `helper` does; without one it may ask for nothing. Raises `TimeoutError` after so many seconds, `EOFError` or `ConnectionError` if it died, `FrameError`.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                for _ in range(_MOST_ASKED):
                    await self._send(head, body)
                    frame = await frames.receive(self._process.stdout)
                    if ASKS not in frame.header:
                        return frame
                    if helper is None:
                        raise frames.FrameError("the child asks for what it may not have")
                    head, body = frames.encode(dict(await helper(frame.header)))
                raise frames.FrameError(f"the child asks more than {_MOST_ASKED} times")
        except BaseException:
            self.kill()
            raise

    async def _send(self, head: bytes, body: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(head)
        if body:
            self._process.stdin.write(body)
        await self._process.stdin.drain()

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
