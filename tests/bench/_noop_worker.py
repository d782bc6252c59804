"""`python -m tests.bench._noop_worker NATS_URL SLOTS PAGES PARENT`: a worker as it is, but for its work, which is none.

Every document it is asked to look at has PAGES pages.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

import structlog
import uvloop

from docmill.bus.nats import NatsBus
from docmill.domain.messages import DocumentFacts, JobMessage, PageFacts, ProbeFacts
from docmill.domain.models import JobKind, PageSize
from docmill.domain.pages import Unit
from docmill.lifeline import die_with_parent
from docmill.worker.handlers import Ask, Outcome
from docmill.worker.loop import Worker
from docmill.worker.options import WorkerOptions

_A4 = PageSize(width=595.0, height=842.0, unit=Unit.POINT)


class _NoWork:
    """Says at once what each kind of job should say."""

    def __init__(self, pages: int) -> None:
        self._probe = ProbeFacts(media_type="application/pdf", pages=(_A4,) * pages)

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        match job.kind:
            case JobKind.PROBE:
                return Outcome(probe=self._probe)
            case JobKind.PAGE:
                key = f"pages/{job.org_id}/{job.sha256}/none/{job.page}.json"
                return Outcome(page_facts=PageFacts(page_key=key, engine="none", confidence=1.0, words=100))
            case JobKind.DOCUMENT:
                return Outcome(document=DocumentFacts(output_key=f"runs/{job.run_id}/output.json"))


async def _main(url: str, slots: int, pages: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    bus = await NatsBus.connect(url, name="no-op-worker")
    try:
        handlers = dict.fromkeys(JobKind, _NoWork(pages))
        options = WorkerOptions(worker_id="no-op", slots=slots, fetch_timeout=0.5)
        await Worker(bus=bus, handlers=handlers, executors=(), options=options).run(stop)
    finally:
        await bus.aclose()


if __name__ == "__main__":
    die_with_parent(int(sys.argv[4]))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    uvloop.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
