"""Batches through the Python client, against a served engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from docmill.client import (
    AsyncDocmill,
    Batch,
    BatchStatus,
    ConflictError,
    DeliveryStatus,
    Docmill,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PaymentRequiredError,
    QuotaExhaustedError,
    RunStatus,
    WaitTimeoutError,
)
from docmill.domain.errors import Fault, Reason
from docmill.domain.models import JobKind
from docmill.domain.pages import Box
from docmill.extract import Evidence
from tests.fixtures.batch_house import INVOICE, PDF, BatchHouse
from tests.fixtures.receiver import answering, receiving
from tests.fixtures.rpc import until

BROKEN = Fault(reason=Reason.MEDIA_CORRUPT, message="The file is damaged")


@pytest_asyncio.fixture
async def docmill(batches: BatchHouse) -> AsyncIterator[AsyncDocmill]:
    """A client with the key of an account on the plan Starter."""
    async with AsyncDocmill(batches.api.server.addresses[0], batches.key) as client:
        yield client


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Three files."""
    made = [tmp_path / name for name in ("a.pdf", "b.pdf", "c.pdf")]
    for path in made:
        path.write_bytes(PDF)
    return made


async def test_submit_watch_results(docmill: AsyncDocmill, batches: BatchHouse, paths: list[Path]) -> None:
    """One call for all, events without gaps, and what became of each in the order in which they were given."""
    batches.faults["b.pdf"] = BROKEN
    read = Evidence(path="/total", page=1, box=Box(0, 0, 1, 1), words=("9",), confidence=0.2, grounded=True)
    batches.evidence["a.pdf"] = [read, replace(read, path="/date", confidence=0.9)]
    sent: list[int] = []
    made = await docmill.batches.submit(paths, metadata={"case": 7}, on_upload=sent.append)
    assert (made.status, made.progress.files_total, made.metadata) == (BatchStatus.QUEUED, 3, {"case": 7})
    assert sorted(sent) == [0, 1, 2]
    shown: list[Batch] = []
    events = [event async for event in docmill.batches.watch(made.id, files=True, on_batch=shown.append)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.is_terminal for event in events] == [False] * (len(events) - 1) + [True]
    percents = [event.progress.percent for event in events]
    assert (percents, percents[-1]) == (sorted(percents), 100)
    assert [file.filename for file in shown[0].files] == ["a.pdf", "b.pdf", "c.pdf"]
    (failed,) = [event.file for event in events if event.kind == "file.failed"]
    assert failed is not None
    assert failed.error is not None
    assert (failed.index, failed.status, failed.error.reason) == (1, RunStatus.FAILED, "MEDIA_CORRUPT")
    rest = [event.sequence async for event in docmill.batches.watch(made.id, after_sequence=events[-1].sequence - 1)]
    assert rest == [events[-1].sequence]
    results = [result async for result in docmill.batches.results(made.id)]
    assert [(result.filename, result.status) for result in results] == [
        ("a.pdf", "success"),
        ("b.pdf", "failed"),
        ("c.pdf", "success"),
    ]
    assert (results[0].output, results[0].media_type, results[0].pages) == (dict(INVOICE), "application/pdf", 2)
    assert [result.low_confidence for result in results] == [("/total",), (), ()]
    assert results[1].error is not None
    assert (results[1].output, results[1].error.message) == (None, "The file is damaged")
    ended = await docmill.batches.get(made.id, files=True)
    assert (ended.status, ended.progress.files_failed) == (BatchStatus.COMPLETED, 1)
    assert ended.files[0].pages_total == 2
    run = await docmill.runs.get(ended.files[0].run_id)
    assert run.batch_id == made.id
    assert [batch.id async for batch in docmill.batches.list(statuses=[BatchStatus.COMPLETED])] == [made.id]
    assert [batch.id async for batch in docmill.batches.list(statuses=[BatchStatus.QUEUED])] == []


async def test_waiting_and_cancelling(docmill: AsyncDocmill, batches: BatchHouse, paths: list[Path]) -> None:
    """A wait that runs out leaves the batch going; a cancelled one completes."""
    batches.silent.add(JobKind.PAGE)
    made = await docmill.batches.submit(paths)
    with pytest.raises(WaitTimeoutError):
        await docmill.batches.wait_for_completion(made.id, timeout=0.2)
    with pytest.raises(FailedPreconditionError):
        [result async for result in docmill.batches.results(made.id)]
    assert (await docmill.batches.cancel(made.id)).cancelled_at is not None
    ended = await docmill.batches.wait_for_completion(made.id, timeout=20)
    assert [file.status for file in ended.files] == [RunStatus.CANCELLED] * 3
    with pytest.raises(FailedPreconditionError):
        await docmill.batches.cancel(made.id)
    with pytest.raises(NotFoundError):
        await docmill.batches.get("nope")


async def test_the_same_batch_again(docmill: AsyncDocmill, paths: list[Path]) -> None:
    """Under one key it is made once; another one under it is refused."""
    first, again = [(await docmill.batches.submit(paths, idempotency_key="k")).id for _ in range(2)]
    assert first == again
    with pytest.raises(ConflictError):
        await docmill.batches.submit(paths[:1], idempotency_key="k")


async def test_a_refused_batch_leaves_nothing(docmill: AsyncDocmill, batches: BatchHouse, paths: list[Path]) -> None:
    """What was uploaded for it is deleted: over the quota, without the plan, and with a file that is not there."""
    await batches.use_up(1998, batches.key)
    with pytest.raises(QuotaExhaustedError) as refused:
        await docmill.batches.submit(paths)
    assert (refused.value.details["required"], refused.value.details["available"]) == ("3", "2")
    await batches.api.operator.set_plan(batches.org_id, "documentflow.free")
    with pytest.raises(PaymentRequiredError):
        await docmill.batches.submit(paths[:1])
    with pytest.raises(FileNotFoundError):
        await docmill.batches.submit([*paths, paths[0].with_name("missing.pdf")])
    assert not [key for key in batches.api.bench.engine.ctx.blobs._blobs if key.startswith("documents/")]  # type: ignore[attr-defined]  # they are in memory


async def test_a_file_that_is_refused_is_named(docmill: AsyncDocmill, paths: list[Path]) -> None:
    """By its place from 1, and its name where it has one."""
    paths[2].write_bytes(b"")
    with pytest.raises(InvalidArgumentError, match=r"^File 3 \(c\.pdf\): The document is empty") as refused:
        await docmill.batches.submit(paths)
    assert refused.value.reason == "MEDIA_EMPTY"
    with pytest.raises(InvalidArgumentError, match=r"^File 1: The document is empty"):
        await docmill.batches.submit([b""])


async def test_blocking_code(batches: BatchHouse, paths: list[Path]) -> None:
    """The same without a loop."""

    def program() -> tuple[list[str], list[str]]:
        with Docmill(batches.api.server.addresses[0], batches.key) as docmill:
            made = docmill.batches.submit(paths[:2])
            kinds = [event.kind for event in docmill.batches.watch(made.id)]
            return kinds, [result.filename for result in docmill.batches.results(made.id)]

    kinds, names = await asyncio.to_thread(program)
    assert (kinds[-1], names) == ("batch.completed", ["a.pdf", "b.pdf"])


async def test_word_of_the_end_is_looked_at_and_sent_again(docmill: AsyncDocmill, paths: list[Path]) -> None:
    """One delivery for the batch, under an id that it keeps; none of anybody else's."""
    async with receiving(answering(410, 200)) as receiver:
        made = await docmill.batches.submit(paths[:1], webhook_url=receiver.url(), webhook_secret="one-for-this-batch")
        await docmill.batches.wait_for_completion(made.id, timeout=20)
        await until(lambda: bool(receiver.received))
        async with asyncio.timeout(10):
            while (found := (await docmill.batches.deliveries(made.id)))[0].status is DeliveryStatus.PENDING:  # noqa: ASYNC110 - no event is set there
                await asyncio.sleep(0.02)
        (delivery,) = found
        assert (delivery.batch_id, delivery.run_id, delivery.event) == (made.id, "", "batch.completed")
        assert (delivery.status, delivery.attempts[0].http_status) == (DeliveryStatus.FAILED, 410)
        again = await docmill.batches.redeliver(made.id, delivery.id)
        assert (again.id, again.status) == (delivery.id, DeliveryStatus.PENDING)
        await until(lambda: len(receiver.received) == 2)
    with pytest.raises(NotFoundError):
        await docmill.batches.redeliver(made.id, "dlv_nope")
    with pytest.raises(NotFoundError, match="of their own organization and mode") as absent:
        await docmill.batches.deliveries("nope")
    assert "organization" in absent.value.message
