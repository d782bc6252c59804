"""A worker whose child or blob store is not as it should be: each costs an attempt, none costs the worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docmill.blobs.memory import MemoryBlobStore
from docmill.domain.errors import Fault, Reason
from docmill.domain.messages import JobMessage, PageFacts
from docmill.worker.cache import DocumentCache
from docmill.worker.handlers import Ask, Outcome, PageHandler
from docmill.worker.page_cache import PageCache
from tests.fixtures.worker_house import House, open_house, until

DOCUMENT = b"bytes"


class Moody(MemoryBlobStore):
    """Away, or slow, when it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def get_stream(self, key: str) -> AsyncIterator[bytes]:
        await self._mood()
        async for chunk in super().get_stream(key):
            yield chunk

    async def put(self, key: str, data: bytes) -> None:
        await self._mood()
        await super().put(key, data)

    async def _mood(self) -> None:
        await self.answers.wait()
        if self.away:
            raise OSError("connection refused by 10.0.0.7")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty one."""
    async with open_house(tmp_path) as house:
        yield house


@pytest.fixture
async def blobs() -> Moody:
    """With the one document of these tests."""
    blobs = Moody()
    await blobs.put("doc", DOCUMENT)
    return blobs


@pytest.fixture
async def pages(blobs: Moody, tmp_path: Path) -> AsyncIterator[PageHandler]:
    """What the worker does with its pages: as in real life."""
    cache = DocumentCache(tmp_path / "cache", blobs)
    yield PageHandler(PageCache(blobs, {}), cache, 20.0)
    await cache.aclose()


def _fault(house: House, number: int) -> Fault:
    (result,) = [result for result in house.results if result.page == number]
    assert result.fault is not None
    return result.fault


@pytest.mark.parametrize(
    "odd", [{"words": 10**12}, {"words": -1}, {"confidence": 7.0}, {"engine_ms": "soon"}, {"engine": "\0"}], ids=str
)
async def test_odd_facts_cost_one_attempt(house: House, pages: PageHandler, odd: dict[str, object]) -> None:
    """A child or OCR plug-in that says an impossible number fails its page for now; the worker reads the next one."""
    await house.worker(handler=pages)
    await house.page(1, document=DOCUMENT, **odd)
    await house.page(2, document=DOCUMENT)
    await until(lambda: len(house.results) == 2)
    assert (_fault(house, 1).reason, _fault(house, 1).retryable) == (Reason.INTERNAL, True)
    assert [result.page for result in house.results if result.fault is None] == [2]


class Boaster:
    """Comes to facts that no message can carry: too many bytes on page 1, too large a number on page 2."""

    async def handle(self, job: JobMessage, ask: Ask) -> Outcome:
        key = "x" * 9_000_000 if job.page == 1 else "key"
        words = 10**12 if job.page == 2 else 3
        return Outcome(page_facts=PageFacts(page_key=key, engine="boaster", confidence=0.5, words=words))


async def test_a_result_that_cannot_be_sent_is_a_failure(house: House) -> None:
    """Facts that fit into no message become a fault of their attempt, at once, and the worker goes on."""
    await house.worker(handler=Boaster())
    for number in (1, 2, 3):
        await house.page(number)
    await until(lambda: len(house.results) == 3)
    assert [_fault(house, number).reason for number in (1, 2)] == [Reason.INTERNAL] * 2
    assert [result.page for result in house.results if result.fault is None] == [3]


@pytest.mark.parametrize("stage", ["fetching", "keeping"])
async def test_a_blob_store_that_is_away_is_waited_for(
    house: House, blobs: Moody, pages: PageHandler, stage: str
) -> None:
    """Pages that meet an outage of the blob store are to be tried again, and are read when it is back."""
    await house.worker(handler=pages)
    if stage == "keeping":
        await house.page(1, document=DOCUMENT)
        await until(lambda: len(house.results) == 1)  # from here on the document is in the cache
    blobs.away = True
    await house.page(2, document=DOCUMENT)
    await until(lambda: any(result.page == 2 for result in house.results))
    fault = _fault(house, 2)
    assert (fault.reason, fault.retryable) == (Reason.OVERLOADED, True)
    assert "10.0.0.7" not in fault.message
    blobs.away = False
    await house.page(3, document=DOCUMENT)
    await until(lambda: any(result.page == 3 and result.fault is None for result in house.results))


async def test_a_blob_store_that_hangs_is_given_up(house: House, blobs: Moody, pages: PageHandler) -> None:
    """A download that does not end is a timeout that is worth another attempt."""
    await house.worker(handler=pages, transfer_timeout=0.3)
    blobs.answers.clear()
    await house.page(1, document=DOCUMENT)
    await until(lambda: len(house.results) == 1)
    assert (_fault(house, 1).reason, _fault(house, 1).retryable) == (Reason.WORKER_TIMEOUT, True)
    blobs.answers.set()
    await house.page(2, document=DOCUMENT)
    await until(lambda: any(result.page == 2 and result.fault is None for result in house.results))


async def test_waiting_for_a_child_is_no_timeout(house: House) -> None:
    """A page behind long ones is read when its turn comes, however long that takes, and so are the long ones."""
    await house.worker(transfer_timeout=0.3, prefetch=2)
    for number in (1, 2, 3):
        await house.page(number, seconds=0.5)
    await until(lambda: len(house.results) == 3)
    assert [result.fault for result in house.results] == [None] * 3
