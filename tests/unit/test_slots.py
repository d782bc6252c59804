"""Who gets a worker's next free child."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from docmill.domain.messages import JobMessage
from docmill.domain.models import JobKind
from docmill.worker import slots
from docmill.worker.executor import Executor
from docmill.worker.slots import Slots

A, B, QUICK, LLM = (cast("Executor", name) for name in ("a", "b", "quick", "llm"))  # they are only told apart here


def job(
    org_id: str = "org_a", *, express: bool = False, kind: JobKind = JobKind.PAGE, calls_llm: bool = False
) -> JobMessage:
    """A job of an organization."""
    return JobMessage(job_id="job", attempt=1, kind=kind, org_id=org_id, express=express, calls_llm=calls_llm)


@dataclass
class Jobs:
    """Jobs that want children, by name, and in which order they began."""

    slots: Slots
    begun: list[str] = field(default_factory=list)
    _ends: dict[str, asyncio.Event] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def ask(self, name: str, wanted: JobMessage, path: str = "") -> None:
        """Let the job ask for a child; it keeps it until told to end."""
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._live(name, wanted, path))
        await settle()

    async def end(self, name: str) -> None:
        """The job gives its child back."""
        self._ends[name].set()
        await self._tasks[name]
        await settle()

    async def cancel(self, name: str) -> None:
        """The job is not wanted any more."""
        self._tasks[name].cancel()
        await asyncio.gather(self._tasks[name], return_exceptions=True)
        await settle()

    async def cancel_all(self) -> None:
        """At the end of a test."""
        for name in self._tasks:
            await self.cancel(name)

    async def _live(self, name: str, wanted: JobMessage, path: str) -> None:
        async with self.slots.lease(wanted, path) as executor:
            self.begun.append(f"{name}@{executor}")
            await self._ends[name].wait()


async def settle() -> None:
    """Let everything that can happen now happen."""
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def jobs_at(
    *executors: Executor, quick: tuple[Executor, ...] = (), llm: tuple[Executor, ...] = ()
) -> AsyncIterator[Jobs]:
    """Jobs for these children."""
    async with AsyncExitStack() as stack:
        jobs = Jobs(Slots(executors, quick, llm))
        stack.push_async_callback(jobs.cancel_all)
        yield jobs


async def test_first_come_first_served() -> None:
    """Among equals."""
    async with jobs_at(A) as jobs:
        for name in ("one", "two", "three"):
            await jobs.ask(name, job())
        await jobs.end("one")
        await jobs.end("two")
        assert jobs.begun == ["one@a", "two@a", "three@a"]


async def test_an_express_job_is_next() -> None:
    """It passes whoever waits, but takes nobody's child."""
    async with jobs_at(A) as jobs:
        for name in ("one", "two", "three"):
            await jobs.ask(name, job())
        await jobs.ask("express", job("org_b", express=True))
        assert jobs.begun == ["one@a"]
        await jobs.end("one")
        assert jobs.begun == ["one@a", "express@a"]
        await jobs.end("express")
        assert jobs.begun[-1] == "two@a"


async def test_organizations_take_turns() -> None:
    """Of those in a lane, who was served longest ago is next; each one's own jobs come in the order they asked."""
    for express in (False, True):
        async with jobs_at(A) as jobs:
            await jobs.ask("work", job("org_a"))
            for name in ("a1", "a2", "a3"):
                await jobs.ask(name, job("org_a", express=express))
            await jobs.ask("b1", job("org_b", express=express))
            await jobs.ask("c1", job("org_c", express=express))
            await jobs.ask("b2", job("org_b", express=express))
            for name in ("work", "b1", "c1", "a1", "b2", "a2"):
                await jobs.end(name)
            assert jobs.begun == [f"{name}@a" for name in ("work", "b1", "c1", "a1", "b2", "a2", "a3")]


async def test_turns_do_not_lead_past_the_express_lane() -> None:
    """An organization that was never served waits for express jobs of one that just was."""
    async with jobs_at(A) as jobs:
        await jobs.ask("one", job("org_a", express=True))
        await jobs.ask("new", job("org_b"))
        await jobs.ask("two", job("org_a", express=True))
        await jobs.end("one")
        await jobs.end("two")
        assert jobs.begun == ["one@a", "two@a", "new@a"]


async def test_a_child_is_kept_while_express_jobs_come_in() -> None:
    """Another organization's pages leave one of two children free for a moment, and have it when nobody came."""
    async with jobs_at(A, B) as jobs:
        await jobs.ask("express", job("org_b", express=True))
        await jobs.ask("one", job())
        await jobs.ask("two", job())
        await jobs.end("express")
        assert jobs.begun == ["express@a", "one@b"]
        await jobs.ask("again", job("org_b", express=True))
        assert jobs.begun[2:] == ["again@a"]
        await jobs.end("again")
        async with asyncio.timeout(10 * slots._LINGER):
            while len(jobs.begun) < 4:  # noqa: ASYNC110 - it happens by itself
                await asyncio.sleep(0.01)
        assert jobs.begun[3:] == ["two@a"]


async def test_no_child_is_kept_from_ones_own_pages() -> None:
    """An organization's express jobs keep none of its own pages waiting."""
    async with jobs_at(A, B) as jobs:
        await jobs.ask("express", job(express=True))
        await jobs.end("express")
        await jobs.ask("one", job())
        await jobs.ask("two", job())
        assert jobs.begun[1:] == ["one@a", "two@b"] or jobs.begun[1:] == ["one@b", "two@a"]


async def test_the_only_child_is_never_kept() -> None:
    """With one slot, pages and express jobs take turns."""
    async with jobs_at(A) as jobs:
        await jobs.ask("express", job("org_b", express=True))
        await jobs.ask("one", job())
        await jobs.end("express")
        assert jobs.begun == ["express@a", "one@a"]


async def test_quick_jobs_do_not_wait_for_pages() -> None:
    """They have a child that reads no pages, and take a free one of the others where that is busy."""
    document = job(kind=JobKind.DOCUMENT)
    async with jobs_at(A, quick=(QUICK,)) as jobs:
        await jobs.ask("page", job())
        await jobs.ask("waits", job())
        await jobs.ask("quick", document)
        assert jobs.begun == ["page@a", "quick@quick"]
        await jobs.ask("second", document)
        await jobs.end("page")
        assert jobs.begun[2:] == ["waits@a"]
        await jobs.end("waits")
        assert jobs.begun[3:] == ["second@a"]
        await jobs.end("quick")
        await jobs.ask("third", document)
        assert jobs.begun[4:] == ["third@quick"]


async def test_who_leaves_the_line_takes_nothing_along() -> None:
    """A job that is cancelled while it waits, or just when its turn comes, leaves the child to the next one."""
    async with jobs_at(A) as jobs:
        for name in ("one", "two", "three", "four"):
            await jobs.ask(name, job())
        await jobs.cancel("two")
        jobs._ends["one"].set()
        await asyncio.sleep(0)
        await jobs.cancel("three")
        assert jobs.begun == ["one@a", "four@a"]


async def test_a_document_stays_with_its_child() -> None:
    """A free child that has the document open is taken before others."""
    async with jobs_at(A, B) as jobs:
        await jobs.ask("one", job(), "doc")
        await jobs.ask("two", job(), "other")
        await jobs.end("two")
        await jobs.end("one")
        await jobs.ask("three", job(), "doc")
        assert jobs.begun[2:] == ["three@a"]


async def test_a_job_that_calls_a_language_model_takes_no_other_child() -> None:
    """It waits for its own kind, however many others are free; and others never get one of these."""
    async with jobs_at(A, quick=(QUICK,), llm=(LLM,)) as jobs:
        await jobs.ask("call", job(kind=JobKind.DOCUMENT, calls_llm=True))
        await jobs.ask("call2", job(kind=JobKind.DOCUMENT, calls_llm=True))
        await jobs.ask("flow", job(kind=JobKind.DOCUMENT))
        await jobs.ask("page", job())
        await jobs.ask("page2", job())
        assert jobs.begun == ["call@llm", "flow@quick", "page@a"]
        await jobs.end("call")
        assert jobs.begun[3:] == ["call2@llm"]
