"""A worker put together: children, cache, handlers, loop; opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from docmill.blobs import BlobStore
from docmill.bus import Bus
from docmill.extract.llm.options import LlmOptions
from docmill.worker.cache import DocumentCache
from docmill.worker.executor import ChildSpec, Executor
from docmill.worker.handlers import Timeouts, handlers_of
from docmill.worker.llm_desk import LlmDesk
from docmill.worker.loop import Worker
from docmill.worker.options import WorkerOptions
from docmill.worker.page_cache import PageCache

__all__ = ["NICENESS", "WorkerSetup", "serve_worker"]

log = structlog.stdlib.get_logger("docmill.worker")

NICENESS = 10  # of a child that reads pages: a tenth of the weight of a process that somebody waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """Everything that can be set about a worker."""

    options: WorkerOptions
    cache_folder: Path
    """Workers may share it: each takes a subfolder of its own, which is emptied at its start and its end."""
    cache_bytes: int = 2 * 1024**3
    llm: LlmOptions | None = None
    """A language model's server; None where there is none."""
    llm_children: int = 2
    """Beside the others, for documents whose flow calls it: they wait on a network most of the time."""
    llm_max_input: int = 60_000
    """Characters of a document that are given to it."""
    llm_max_tokens: int = 4096
    """Of an answer, where a flow says nothing."""
    quick_children: int = 1
    """Beside one a slot, for jobs that are no pages: small, and so cheap that they are no slots."""
    engine: str = "auto"
    """Reading engine of the children; the next six are as `docmill.ocr.plugins.EngineOptions` has them."""
    weights_dir: str = ""
    languages: Sequence[str] = ("en",)
    gpu: str = "auto"
    gpu_memory: float = 1.0
    precision: str = "auto"
    profile: str = "balanced"
    page_cache: bool = True
    """Whether pages that were read before are looked for."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `docmill.ocr.limits.MediaLimits` that differ from their defaults."""
    threads: int = 1
    """Of numerical libraries in each child."""
    memory_limit: int = 2 * 1024**3
    """Bytes that a child may take."""
    recycle_after: int = 2000
    """Requests until a child is replaced."""
    timeouts: Timeouts = field(default_factory=Timeouts)

    def llm_child(self) -> ChildSpec:
        """A quick child that may ask the language model; of the server it knows the models' names, and no key."""
        spec = self.child(quick=True)
        models = list(self.llm.models) if self.llm else []
        about = {"models": models, "max_input": self.llm_max_input, "max_tokens": self.llm_max_tokens}
        return replace(spec, config={**spec.config, "llm": about})

    def child(self, *, quick: bool = False) -> ChildSpec:
        """What each child process is; a quick one has no engine loaded."""
        return ChildSpec(
            config={
                "warm_up": not quick,
                "engine": self.engine,
                "weights_dir": self.weights_dir,
                "languages": list(self.languages),
                "gpu": self.gpu,
                "gpu_memory": self.gpu_memory,
                "precision": self.precision,
                "profile": self.profile,
                "limits": dict(self.limits),
            },
            niceness=0 if quick else NICENESS,
            threads=self.threads,
            memory_limit=self.memory_limit,
            recycle_after=self.recycle_after,
        )


async def serve_worker(
    bus: Bus, blobs: BlobStore, setup: WorkerSetup, stop: asyncio.Event, *, ready: asyncio.Event | None = None
) -> None:
    """Work until `stop` is set; `ready` is set once jobs can be taken.

    Raises when a part of the worker fails: the process must then end with an error, and be started again.
    """
    async with AsyncExitStack() as stack:
        cache = DocumentCache(setup.cache_folder, blobs, max_bytes=setup.cache_bytes)
        stack.push_async_callback(cache.aclose)
        executors = [Executor(setup.child(), slot=slot) for slot in range(setup.options.slots)]
        quick = [
            Executor(setup.child(quick=True), slot=setup.options.slots + number)
            for number in range(setup.quick_children)
        ]
        desk, callers = None, []
        if setup.llm is not None:
            from docmill.extract.llm.client import ChatClient  # noqa: PLC0415 - most workers call no model

            desk = LlmDesk(await stack.enter_async_context(ChatClient(setup.llm)))
            first = setup.options.slots + setup.quick_children
            callers = [Executor(setup.llm_child(), slot=first + number) for number in range(setup.llm_children)]
        for executor in (*executors, *quick, *callers):
            stack.push_async_callback(executor.aclose)
        await asyncio.gather(*(executor.start() for executor in (*executors, *quick, *callers)))
        pages = PageCache(blobs, executors[0].fingerprints if setup.page_cache else {})
        worker = Worker(
            bus=bus,
            handlers=handlers_of(blobs, cache, pages, setup.timeouts, desk),
            executors=executors,
            options=setup.options,
            quick=quick,
            llm=callers,
        )
        if ready is not None:
            ready.set()
        try:
            await worker.run(stop)
        finally:
            if desk is not None:
                log.info("what the language model was asked", event_key="llm.stopped", **desk.facts())
