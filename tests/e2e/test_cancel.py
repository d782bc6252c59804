"""Cancelling a run: at once, for good, and for nobody else."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from docmill.client import Docmill, FailedPreconditionError, PageStatus, RunCancelledError, RunStatus
from docmill.domain.credits import TransferKind
from docmill.store import ledger
from docmill.store.sql import open_store
from tests.fixtures import documents
from tests.fixtures.processes import Process, descendants, eventually
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

PAGES = 6


@pytest.fixture
def live(stack: Stack) -> Iterator[Docmill]:
    """A client whose runs are billed."""
    org = stack.new_organization()
    stack.grant(org, PAGES)
    key = stack.new_key(org, "--mode", "live")
    with stack.connect(str(key["key"])) as client:
        yield client


def long_tiff(path: Path) -> Path:
    """Pages full of words: reading one takes several seconds, longer than a cancelled run may go on."""
    lines = [f"Article {number} with words enough to keep a reader busy for a while" for number in range(48)]
    quick, _ = documents.draw_page(["Sheet 1"], (400, 120), 40)
    dense = documents.draw_page(lines, (2000, 2600), 26)[0].convert("1")  # a fax: small in bytes
    return documents.never_read(documents.tiff(path, [quick, *[dense] * (PAGES - 1)]))


def test_cancel_ends_the_work(stack: Stack, live: Docmill, client: Docmill, tmp_path: Path) -> None:
    """The run is CANCELLED at once, no page follows, readers stop within two seconds, only pages read are billed, and another run goes on."""
    handle = live.flows.run("document-text", long_tiff(tmp_path / "long.tiff"))
    next(event for event in handle.watch() if event.kind == "page.done")
    readers = reading(stack)
    assert eventually(lambda: any(busy(reader) for reader in readers), 10)
    documents.text_pdf(tmp_path / "other.pdf", pages=3)
    other = client.flows.run("document-text", tmp_path / "other.pdf")

    cancelled = handle.cancel()
    began = time.monotonic()
    assert cancelled.status is RunStatus.CANCELLED
    assert eventually(lambda: not any(busy(reader) for reader in readers), 10)
    assert time.monotonic() - began < 2

    events = list(handle.watch())
    assert events[-1].kind == "run.cancelled"
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    done = [event.page_number for event in events if event.kind == "page.done"]
    assert 0 < len(done) < PAGES
    with pytest.raises(RunCancelledError) as ended:
        handle.result()
    run = ended.value.run
    assert run.last_sequence == len(events)
    assert run.cancelled_at
    states = [page.status for page in live.runs.pages(handle.id)]
    assert states.count(PageStatus.DONE) == len(done)
    assert states.count(PageStatus.CANCELLED) == PAGES - len(done)
    assert run.metrics
    assert run.metrics.credits_used == len(done)
    moved = asyncio.run(credits_of(stack, handle.id))
    assert moved[TransferKind.HELD] + moved[TransferKind.TOPPED_UP] == PAGES
    assert (moved[TransferKind.SETTLED], moved[TransferKind.RELEASED]) == (len(done), PAGES - len(done))
    assert other.result(timeout=60).progress.pages_done == 3

    with pytest.raises(FailedPreconditionError) as again:
        handle.cancel()
    assert again.value.reason == "RUN_ALREADY_CANCELLED"


def test_cancel_what_has_ended(client: Docmill, tmp_path: Path) -> None:
    """A run that has ended stays as it is."""
    documents.text_pdf(tmp_path / "a.pdf")
    handle = client.flows.run("document-text", tmp_path / "a.pdf")
    run = handle.result(timeout=60)
    with pytest.raises(FailedPreconditionError) as refused:
        handle.cancel()
    assert refused.value.reason == "RUN_NOT_CANCELLABLE"
    assert client.runs.get(run.id) == run


def test_cancel_before_anything_began(stack: Stack, client: Docmill, tmp_path: Path) -> None:
    """A run that waits behind another one is cancelled without a page being read."""
    first = client.flows.run("document-text", long_tiff(tmp_path / "first.tiff"))
    waiting = client.flows.run("document-text", long_tiff(tmp_path / "second.tiff"))
    assert waiting.cancel().status is RunStatus.CANCELLED
    assert first.cancel().status is RunStatus.CANCELLED
    assert [event.kind for event in waiting.watch() if event.kind.startswith("page")] == []
    states = {page.status for page in client.runs.pages(waiting.id)}
    assert states <= {PageStatus.CANCELLED}


def reading(stack: Stack) -> list[Process]:
    """The processes that read pages."""
    return [found for found in descendants(stack.process.pid) if "docmill.worker.child" in found.command]


def busy(reader: Process) -> bool:
    """Whether it lives and uses the processor, over a time in which a process at work does so for sure."""
    before = reader.cpu_seconds
    time.sleep(0.1)  # ten ticks of the clock that counts it
    return reader.alive and reader.cpu_seconds > before


async def credits_of(stack: Stack, run_id: str) -> Counter[TransferKind]:
    """What the ledger says of a run."""
    store = await open_store(f"sqlite:///{stack.data / 'docmill.db'}")
    try:
        return await store.read(lambda: ledger.of_run(run_id))
    finally:
        await store.aclose()
