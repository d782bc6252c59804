"""What each kind of job does: fetch what it names, have a child work on it, keep the outcome, report facts.

Outcomes have deterministic keys: an attempt that is made again writes the same blob again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from docmill.blobs import BlobNotFound, BlobStore
from docmill.domain.einvoices import MAY_CARRY_XML
from docmill.domain.errors import NotFound, Reason
from docmill.domain.messages import DocumentFacts, JobMessage, PageFacts, ProbeFacts
from docmill.domain.models import JobKind, JsonObject
from docmill.worker import facts, faults
from docmill.worker.cache import DocumentCache
from docmill.worker.frames import Frame
from docmill.worker.llm_desk import LlmDesk
from docmill.worker.outages import asking_for
from docmill.worker.page_cache import PageCache
from docmill.worker.process import Helper

__all__ = [
    "Ask",
    "DocumentHandler",
    "Handler",
    "Outcome",
    "PageHandler",
    "ProbeHandler",
    "RenderHandler",
    "Timeouts",
    "handlers_of",
]

_PDF = "application/pdf"
_UNBEARABLE = frozenset({Reason.WORKER_MEMORY, Reason.WORKER_CRASHED})
_FETCHES = 8  # pages of one document at the same time


class Ask(Protocol):
    """Have a child do one request once a slot is free; raises the `DocmillError` that becomes the job's fault."""

    async def __call__(
        self, request: dict[str, Any], body: bytes = b"", *, seconds: float, helper: Helper | None = None
    ) -> Frame:
        """The reply, at most so many `seconds` after a child took the request; `helper` does what the child may ask for."""


Work = Callable[[dict[str, Any], bytes], Awaitable[Frame]]
"""A request to a child whose time is settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Facts of the job's kind."""

    probe: ProbeFacts | None = None
    page_facts: PageFacts | None = None
    document: DocumentFacts | None = None
    engine_ms: int = 0


class Handler(Protocol):
    """Does jobs of one kind. It runs as soon as the job is in hand, so downloads overlap with other jobs' work."""

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        """The facts; raises `DocmillError` for a failed job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds that a child may take for one request."""

    probe: float = 30.0
    page: float = 120.0
    document: float = 300.0
    render: float = 60.0
    llm: float = 900.0
    """More for a document whose flow calls a language model, all its calls together."""


def handlers_of(
    blobs: BlobStore, cache: DocumentCache, pages: PageCache, timeouts: Timeouts, llm: LlmDesk | None = None
) -> Mapping[JobKind, Handler]:
    """The handler of every kind of job; `llm` is where children ask a language model."""
    return {
        JobKind.PROBE: ProbeHandler(cache, timeouts.probe),
        JobKind.PAGE: PageHandler(pages, cache, timeouts.page),
        JobKind.DOCUMENT: DocumentHandler(blobs, cache, timeouts, llm),
        JobKind.RENDER: RenderHandler(blobs, cache, timeouts.render),
    }


class ProbeHandler:
    """Look at a document: its real type, its pages and their sizes."""

    def __init__(self, cache: DocumentCache, timeout: float) -> None:
        self._cache = cache
        self._timeout = timeout

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        """`ProbeFacts`; raises `MediaError` for bytes that are no readable document."""
        request = {"do": "probe", "declared_type": job.declared_type, "filename": job.filename}
        async with self._cache.hold(job.blob_key, job.sha256) as path:
            reply = await ask({**request, "path": str(path)}, seconds=self._timeout)
        return Outcome(probe=facts.probe_facts(reply.header))


class PageHandler:
    """Read one page and keep its text, unless it is kept already."""

    def __init__(self, pages: PageCache, cache: DocumentCache, timeout: float) -> None:
        self._pages = pages
        self._cache = cache
        self._timeout = timeout

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        """`PageFacts`; raises `MediaError` for a page that cannot be read."""
        if (kept := await self._pages.find(job)) is not None:
            return Outcome(page_facts=kept)
        request = {"do": "page", "media_type": job.media_type, "page": job.page, "read": dict(job.read)}
        async with self._cache.hold(job.blob_key, job.sha256) as path:
            reply = await ask({**request, "path": str(path)}, seconds=self._timeout)
        engine_ms = facts.engine_ms(reply.header)
        return Outcome(page_facts=await self._pages.keep(job, reply), engine_ms=engine_ms)


class RenderHandler:
    """Make a picture of one page and keep it where the job says."""

    def __init__(self, blobs: BlobStore, cache: DocumentCache, timeout: float) -> None:
        self._blobs = blobs
        self._cache = cache
        self._timeout = timeout

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        """No facts: the picture is there; raises `MediaError` for a page that cannot be drawn."""
        (key,) = job.page_keys
        side = job.read["max_side"]
        request = {"do": "render", "media_type": job.media_type, "page": job.page, "max_side": side}
        async with self._cache.hold(job.blob_key, job.sha256) as path:
            reply = await ask({**request, "path": str(path)}, seconds=self._timeout)
        picture = facts.png(reply.body)
        with asking_for(key):
            await self._blobs.put(key, picture)
        return Outcome()


class DocumentHandler:
    """Everything after the pages; the output is kept as `runs/{run_id}/output.json`."""

    def __init__(self, blobs: BlobStore, cache: DocumentCache, timeouts: Timeouts, llm: LlmDesk | None = None) -> None:
        self._blobs = blobs
        self._cache = cache
        self._timeouts = timeouts
        self._llm = llm
        self._fetches = asyncio.Semaphore(_FETCHES)

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        """`DocumentFacts`; raises `WorkFailed` if a step of the flow fails."""
        pages = await asyncio.gather(*(self._page(key) for key in job.page_keys))
        request = {
            "do": "document",
            "definition": job.definition,
            "output_schema": job.output_schema,
            "variables": job.variables,
            "sizes": [None if page is None else len(page) for page in pages],
        }
        body = b"".join(page for page in pages if page is not None)
        async with self._original(job) as where:
            reply = await self._run(self._asking(job, ask), request, where, body)
        key = f"runs/{job.run_id}/output.json"
        outcome = Outcome(document=DocumentFacts(output_key=key, steps=facts.step_facts(reply.header)))
        with asking_for(key):
            await self._blobs.put(key, reply.body)
        return outcome

    def _asking(self, job: JobMessage, ask: Ask) -> Work:
        """Ask a child for the flow; one that calls a language model has more time, and somebody to call it."""
        if not job.calls_llm or self._llm is None:
            return partial(ask, seconds=self._timeouts.document)
        seconds = self._timeouts.document + self._timeouts.llm
        return partial(ask, seconds=seconds, helper=self._llm.helper(self._timeouts.llm))

    async def _run(self, ask: Work, request: dict[str, Any], where: dict[str, str], body: bytes) -> Frame:
        """The flow over the pages; once more without the files in a PDF if they are what a child cannot bear."""
        try:
            return await ask({**request, **where}, body)
        except faults.TryAgain as error:
            if where.get("media_type") != _PDF or error.reason not in _UNBEARABLE:
                raise
            return await ask({**request, "files_problem": error.message}, body)

    @asynccontextmanager
    async def _original(self, job: JobMessage) -> AsyncIterator[dict[str, str]]:
        """Where the document itself is, if an extract step may read an electronic invoice in it."""
        if job.media_type not in MAY_CARRY_XML or not _may_use_files(job.definition):
            yield {}
            return
        async with self._cache.hold(job.blob_key, job.sha256) as path:
            yield {"path": str(path), "media_type": job.media_type}

    async def _page(self, key: str) -> bytes | None:
        if not key:
            return None
        async with self._fetches:
            try:
                with asking_for(key):
                    return await self._blobs.get(key)
            except BlobNotFound as error:
                raise NotFound(
                    Reason.PAGE_NOT_FOUND, "The text of a page is gone: run the document again", {"key": key}
                ) from error


def _may_use_files(flow: JsonObject) -> bool:
    """Whether an extract step, of the flow or of one inside it, reads electronic invoices."""
    for step in flow.get("steps", ()):
        if step.get("nodeType") == "extract" and step.get("config", {}).get("useEmbedded", True):
            return True
        if any(map(_may_use_files, [*step.get("branches", {}).values(), step.get("itemFlow", {})])):
            return True
    return False
