"""`kill -9` of every part of a running docmill in the middle of a run of 50 pages: nobody who watches may notice more than a pause."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from docmill.client import PageStatus, RunEvent
from tests.fixtures.documents import mixed_pdf, never_read
from tests.fixtures.processes import Process, descendants, eventually, part, parts
from tests.fixtures.stack import Stack, start_stack

pytestmark = pytest.mark.xdist_group("chaos")

PAGES = 50
STRIKE_AT = 15
"""Pages that are done when disaster strikes."""
PATIENCE = timedelta(seconds=20)
"""Nobody waits longer for the next news."""


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A docmill of its own: parts of it are killed."""
    running = start_stack(tmp_path_factory.mktemp("chaos") / "data")
    yield running
    assert running.stop() == 0


@pytest.fixture
def fifty_pages(tmp_path: Path) -> Path:
    """Mostly quick pages, and scanned ones among them that take long enough to be hit: none was read before."""
    return never_read(mixed_pdf(tmp_path / "fifty.pdf", PAGES, scanned_every=7))


def watch_through(stack: Stack, document: Path, strike: Callable[[], object], *, pages: int = PAGES) -> None:
    """Run the document with a disaster in its middle; asserts what its owner sees."""
    with stack.connect() as client:
        handle = client.flows.run("document-text", document)
        seen: list[RunEvent] = []
        struck = None
        for event in handle.watch():
            seen.append(event)
            if not struck and sum(event.kind == "page.done" for event in seen) == STRIKE_AT:
                strike()
                struck = datetime.now(UTC)
        run = handle.result(timeout=30)
        assert struck
        assert [event.sequence for event in seen] == list(range(1, run.last_sequence + 1))
        assert seen[-1].kind == "run.succeeded"
        done = [event.page_number for event in seen if event.kind == "page.done"]
        assert sorted(page or 0 for page in done) == list(range(1, pages + 1))
        assert list(handle.watch()) == seen
        assert [page["pageNumber"] for page in run.output["pages"]] == list(range(1, pages + 1))
        for number, page in enumerate(run.output["pages"], start=1):
            assert f"Page {number}" in [line["text"] for line in page["lines"]]
        assert {page.status for page in client.runs.pages(run.id)} == {PageStatus.DONE}
    times = [struck, *(event.at for event in seen if event.at is not None and event.at > struck)]
    assert max(later - earlier for earlier, later in pairwise(times)) < PATIENCE


def strike_part(stack: Stack, words: str) -> Callable[[], None]:
    """Kill the part with these words in its command line, all of its processes, for good."""

    def strike() -> None:
        processes = parts(stack.process.pid, words)
        for process in processes:
            process.send(signal.SIGKILL)
        assert eventually(lambda: not any(process.alive for process in processes), 5)

    return strike


def test_worker_killed(victim: Stack, fifty_pages: Path) -> None:
    """The worker comes back, and what it had in hand is read again."""
    watch_through(victim, fifty_pages, strike_part(victim, "docmill.role worker"))


def test_reading_process_killed(victim: Stack, fifty_pages: Path) -> None:
    """Reading processes cost one attempt of the pages they were at."""
    watch_through(victim, fifty_pages, strike_part(victim, "docmill.worker.child"))


def test_services_killed(victim: Stack, fifty_pages: Path) -> None:
    """The services come back at the same address, and the watch goes on where it was."""
    watch_through(victim, fifty_pages, strike_part(victim, "docmill.role services"))


def test_services_killed_at_full_speed(victim: Stack, tmp_path: Path) -> None:
    """Results of the many jobs that workers had in hand meanwhile count, though the services have just begun anew."""
    quick = mixed_pdf(tmp_path / "quick.pdf", 300, scanned_every=1000)
    watch_through(victim, quick, strike_part(victim, "docmill.role services"), pages=300)


def test_bus_killed(victim: Stack, fifty_pages: Path) -> None:
    """Jobs and results on the bus are there again with it."""
    watch_through(victim, fifty_pages, strike_part(victim, "nats-server"))


def test_bus_killed_and_its_store_lost(victim: Stack, fifty_pages: Path) -> None:
    """What was on the bus is published again from the record."""

    def strike() -> None:
        server = part(victim.process.pid, "nats-server")
        server.send(signal.SIGSTOP)  # so that it cannot come back before its store is gone
        shutil.rmtree(victim.data / "nats" / "jetstream")
        server.send(signal.SIGKILL)

    watch_through(victim, fifty_pages, strike)


def test_supervisor_killed(tmp_path: Path, fifty_pages: Path) -> None:
    """All its children end with it, and a second start on the same folder finishes the run."""
    first = start_stack(tmp_path / "data")
    second: list[Stack] = []

    def strike() -> None:
        family: list[Process] = descendants(first.process.pid)
        first.process.kill()
        first.process.wait()
        assert eventually(lambda: not any(process.alive for process in family), 10)
        second.append(start_stack(tmp_path / "data", grpc=first.grpc))

    try:
        watch_through(first, fifty_pages, strike)
    finally:
        for stack in second or [first]:
            assert stack.stop() == 0
