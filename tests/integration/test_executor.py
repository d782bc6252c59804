"""Child processes of a worker: what happens to them, and to who asked."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from docmill.domain.errors import DocmillError, Reason
from docmill.worker.executor import ChildSpec, ChildUnusable, Executor

UNRULY = "tests.fixtures.unruly_child"


@asynccontextmanager
async def _executor(**changes: Any) -> AsyncIterator[Executor]:
    executor = Executor(ChildSpec(module=UNRULY, **changes))
    await executor.start()
    try:
        yield executor
    finally:
        await executor.aclose()


async def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - processes tell no event
            await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


async def _pid(executor: Executor) -> int:
    return int((await executor.call({"do": "echo"}, seconds=20)).header["pid"])


async def _fails(executor: Executor, do: str, seconds: float = 20) -> DocmillError:
    with pytest.raises(DocmillError) as caught:
        await executor.call({"do": do}, seconds=seconds)
    return caught.value


async def test_it_answers() -> None:
    """A call gives the child's reply with its body."""
    async with _executor() as executor:
        body = os.urandom(5_000_000)
        reply = await executor.call({"do": "echo", "text": "héllo"}, body, seconds=20)
        assert (reply.header["text"], reply.body) == ("héllo", body)


async def test_the_log_says_which_engine_was_started() -> None:
    """An operator who wonders what reads the pages finds it in the log."""
    with structlog.testing.capture_logs() as logs:
        async with _executor() as executor:
            pid = await _pid(executor)
    (line,) = [line for line in logs if line["event_key"] == "child.started"]
    assert (line["pid"], line["engine"], line["fingerprint"]) == (pid, "unruly", "unruly-1")


async def test_a_crash_costs_one_call() -> None:
    """A child that dies fails its call for another attempt, and the next call finds a new child."""
    async with _executor() as executor:
        first = await _pid(executor)
        error = await _fails(executor, "crash")
        assert (error.reason, error.retryable) == (Reason.WORKER_CRASHED, True)
        assert "9" not in error.message
        assert await _pid(executor) != first


async def test_a_child_killed_while_idle_is_replaced() -> None:
    """Nobody's call suffers from a child that was killed between calls."""
    async with _executor() as executor:
        first = await _pid(executor)
        os.kill(first, signal.SIGKILL)
        await _until(lambda: not _alive(first))
        assert await _pid(executor) != first


async def test_a_hang_ends_at_its_timeout() -> None:
    """A child that does not answer is killed, also if it ignores SIGTERM; the next call works."""
    async with _executor() as executor:
        first = await _pid(executor)
        error = await _fails(executor, "hang", seconds=0.3)
        assert (error.reason, error.retryable) == (Reason.WORKER_TIMEOUT, True)
        assert await _pid(executor) != first
        assert not _alive(first)


async def test_a_memory_bomb_is_stopped() -> None:
    """A child over its memory limit is killed before it brings the machine down."""
    async with _executor(memory_limit=150_000_000, memory_check=0.02) as executor:
        error = await _fails(executor, "bomb")
        assert (error.reason, error.retryable) == (Reason.WORKER_MEMORY, True)
        assert await _pid(executor)


async def test_a_document_at_fault_is_no_crash() -> None:
    """The child's finding comes through whole, and the child lives on."""
    async with _executor() as executor:
        first = await _pid(executor)
        error = await _fails(executor, "media")
        assert (error.reason, error.message, error.details, error.retryable) == (
            Reason.MEDIA_ENCRYPTED, "The document is locked", {"format": "pdf"}, False,
        )  # fmt: skip
        assert await _pid(executor) == first


async def test_a_bug_is_logged_and_not_shown() -> None:
    """An unexpected exception is INTERNAL to users; its traceback is in the log."""
    async with _executor() as executor:
        with structlog.testing.capture_logs() as logs:
            error = await _fails(executor, "bug")
        assert (error.reason, error.retryable) == (Reason.INTERNAL, True)
        assert "secret" not in str(error)
        (line,) = [line for line in logs if line["event_key"] == "child.exception"]
        assert "secret internals" in line["traceback"]


async def test_an_unknown_request_is_internal() -> None:
    """A child answers what it does not know with a fault, and lives."""
    async with _executor() as executor:
        first = await _pid(executor)
        assert (await _fails(executor, "dance")).reason is Reason.INTERNAL
        assert await _pid(executor) == first


async def test_prints_of_libraries_do_no_harm() -> None:
    """What is printed on standard output goes to the log, not between the frames."""
    async with _executor() as executor:
        with structlog.testing.capture_logs() as logs:
            reply = await executor.call({"do": "noise"}, seconds=20)
            await _until(lambda: any("chatter" in line.get("line", "") for line in logs))
        assert reply.header["text"] == "still in step"


async def test_cancelling_a_call_kills_the_child() -> None:
    """Work that nobody wants any more ends at once; the next call finds a new child."""
    async with _executor() as executor:
        first = await _pid(executor)
        call = asyncio.create_task(executor.call({"do": "hang"}, seconds=60))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await _until(lambda: not _alive(first))
        assert await _pid(executor) != first


async def test_it_is_recycled() -> None:
    """After its share of requests a fresh child takes over, and no call fails."""
    async with _executor(recycle_after=3) as executor:
        pids = [await _pid(executor) for _ in range(3)]
        assert len(set(pids)) == 1
        await _until(lambda: not _alive(pids[0]))
        assert await _pid(executor) not in pids


async def test_closing_ends_the_child() -> None:
    """Nothing is left behind, also when a call is under way."""
    async with _executor() as executor:
        pid = await _pid(executor)
        call = asyncio.create_task(executor.call({"do": "hang"}, seconds=60))
        await asyncio.sleep(0.05)
    assert not _alive(pid)
    with pytest.raises(DocmillError):
        await call


async def test_a_child_that_cannot_start_is_said_at_once() -> None:
    """The worker learns that its child is unusable instead of waiting for it."""
    executor = Executor(ChildSpec(module=UNRULY, config={"refuse_if": "/"}))
    with pytest.raises(ChildUnusable):
        await executor.start()
    await executor.aclose()


async def test_secrets_of_the_environment_stay_with_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that opens untrusted bytes gets neither credentials nor more threads than its share."""
    monkeypatch.setenv("DOCMILL_STORE_URL", "postgresql://user:secret@host/db")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with _executor(threads=2) as executor:
        seen = (await executor.call({"do": "echo"}, seconds=20)).header["env"]
    assert "secret" not in str(seen)
    assert seen["OMP_NUM_THREADS"] == "2"


async def test_a_child_gives_way() -> None:
    """A child may be told to be nicer than who started it; without a word it is as nice."""
    async with _executor(niceness=3) as executor, _executor() as usual:
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        assert (await executor.call({"do": "echo"}, seconds=10)).header["niceness"] == min(mine + 3, 19)
        assert (await usual.call({"do": "echo"}, seconds=10)).header["niceness"] == mine


async def test_the_child_dies_with_its_worker() -> None:
    """A kill -9 of the worker takes a hanging child along: nothing keeps a core busy for nobody."""
    script = (
        "import asyncio\n"
        "from docmill.worker.executor import ChildSpec, Executor\n"
        "async def main():\n"
        f"    executor = Executor(ChildSpec(module={UNRULY!r}))\n"
        "    await executor.start()\n"
        "    print((await executor.call({'do': 'echo'}, seconds=20)).header['pid'], flush=True)\n"
        "    await executor.call({'do': 'hang'}, seconds=60)\n"
        "asyncio.run(main())\n"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert worker.stdout is not None
    # The worker logs to its standard output, too: the line with only a number is the child's id.
    pid = 0
    while not pid:
        line = await asyncio.wait_for(worker.stdout.readline(), 20)
        pid = int(line) if line.strip().isdigit() else 0
    assert _alive(pid)
    worker.kill()
    await worker.wait()
    await _until(lambda: not _alive(pid))
