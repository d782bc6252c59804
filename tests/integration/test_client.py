"""The client against a whole docmill: what its documentation promises."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from docmill.client import (
    AsyncDocmill,
    AuthenticationError,
    ConflictError,
    Docmill,
    DocumentStatus,
    FailedPreconditionError,
    FlowConfig,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PageStatus,
    RunCancelledError,
    RunFailedError,
    RunStatus,
    aio,
)
from tests.fixtures.documents import scanned_pdf, text_pdf
from tests.fixtures.stack import Stack

INVOICE = ["ACME GmbH", "Invoice number: INV-2026-17", "Date: 2026-03-04", "Subtotal: 100.00", "Total: 119.00"]


@pytest.fixture
async def docmill(stack: Stack) -> AsyncIterator[AsyncDocmill]:
    """A client of the running docmill."""
    async with AsyncDocmill(stack.grpc, stack.api_key) as client:
        yield client


@pytest.fixture
def invoice(tmp_path: Path) -> Path:
    """A born-digital invoice of three pages."""
    path = tmp_path / "invoice.pdf"
    text_pdf(path, pages=3, lines=INVOICE)
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A scan whose reading takes a while."""
    return scanned_pdf(tmp_path / "scan.pdf", [[f"Sheet {number} of a long report"] for number in range(12)])


async def test_a_document_in_data_out(docmill: AsyncDocmill, invoice: Path) -> None:
    """A file goes in; numbered events come while it is read; the data comes out, with where it was read."""
    handle = await docmill.flows.run("invoice-extractor", invoice, metadata={"case": 7})
    events = [event async for event in handle.watch()]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert (events[0].kind, events[-1].kind) == ("run.accepted", "run.succeeded")
    pages = [event for event in events if event.kind == "page.done"]
    assert sorted(event.page_number or 0 for event in pages) == [1, 2, 3]
    assert pages[-1].pages_done == pages[-1].pages_total == 3
    run = await handle.result(timeout=30, evidence=True)
    assert run.status is RunStatus.SUCCEEDED
    assert (run.output["invoiceNumber"], run.output["total"]) == ("INV-2026-17", 119)
    assert run.metadata == {"case": 7}
    assert run.metrics is not None
    assert run.metrics.page_count == 3
    number = next(item for item in run.evidence if item.path == "/invoiceNumber")
    assert "INV-2026-17" in " ".join(number.words)
    assert number.page_number in {1, 2, 3}
    unsure = {item.path for item in run.evidence if item.confidence < 0.85 or not item.grounded}
    assert set(run.low_confidence) == unsure
    assert number.box.w > 0


async def test_a_watch_can_start_anywhere(docmill: AsyncDocmill, invoice: Path) -> None:
    """The events after a number can be had at any time, also after the end; a number that never was is an error."""
    handle = await docmill.flows.run("document-text", invoice)
    run = await handle.result(timeout=30)
    later = [event.sequence async for event in docmill.runs.watch(run.id, after_sequence=2)]
    assert later == list(range(3, run.last_sequence + 1))
    with pytest.raises(OutOfRangeError) as caught:
        await anext(docmill.runs.watch(run.id, after_sequence=run.last_sequence + 1))
    assert caught.value.reason == "SEQUENCE_OUT_OF_RANGE"


async def test_path_bytes_and_file_are_the_same_document(docmill: AsyncDocmill, invoice: Path) -> None:
    """However a document is given, the same bytes arrive, in pieces where they are many."""
    data = invoice.read_bytes() + b"\n%" + b"x" * (3 << 20)
    invoice.write_bytes(data)
    with invoice.open("rb") as file:
        sent = [
            await docmill.documents.upload(invoice),
            await docmill.documents.upload(str(invoice)),
            await docmill.documents.upload(data, filename="invoice.pdf"),
            await docmill.documents.upload(file),
        ]
    assert {document.sha256 for document in sent} == {hashlib.sha256(data).hexdigest()}
    assert {(document.filename, document.size) for document in sent} == {("invoice.pdf", len(data))}


async def test_an_uploaded_document_is_looked_at(docmill: AsyncDocmill, invoice: Path) -> None:
    """Its type and its pages are known soon; it can go through several flows."""
    document = await docmill.documents.upload(invoice)
    async with asyncio.timeout(20):
        while (found := await docmill.documents.get(document.id)).status is DocumentStatus.PENDING:  # noqa: ASYNC110 - asks a server
            await asyncio.sleep(0.02)
    assert (found.mime_type, found.page_count) == ("application/pdf", 3)
    for flow in ("document-text", "invoice-extractor"):
        handle = await docmill.flows.run(flow, document_id=document.id)
        assert (await handle.result(timeout=30)).document_id == document.id


async def test_pages_of_a_run(docmill: AsyncDocmill, invoice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages of a run come in order over several calls; one page has its words with boxes."""
    monkeypatch.setattr(aio, "PAGE_SIZE", 2)
    run = await (await docmill.flows.run("document-text", invoice)).result(timeout=30)
    pages = [page async for page in docmill.runs.pages(run.id)]
    assert [page.number for page in pages] == [1, 2, 3]
    assert {page.status for page in pages} == {PageStatus.DONE}
    page = await docmill.runs.page(run.id, 2)
    assert page.text is not None
    assert "Invoice number: INV-2026-17" in page.text.text
    assert page.text.unit == "pt"
    assert page.text.lines[0].words[0].box.w > 0
    with pytest.raises(NotFoundError) as caught:
        await docmill.runs.page(run.id, 4)
    assert caught.value.reason == "PAGE_NOT_FOUND"


async def test_runs_are_listed_newest_first(
    docmill: AsyncDocmill, invoice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list goes over as many calls as it takes, and shows what was asked for."""
    monkeypatch.setattr(aio, "PAGE_SIZE", 2)
    document = await docmill.documents.upload(invoice)
    started = [await docmill.flows.run("universal-extract", document_id=document.id) for _ in range(5)]
    for handle in started:
        await handle.result(timeout=30)
    assert started[0].run.created_at is not None
    first = started[0].run.created_at - timedelta(microseconds=1)
    found = [run.id async for run in docmill.runs.list(flow_id="universal-extract", created_after=first)]
    assert found == [handle.id for handle in reversed(started)]
    failed = docmill.runs.list(flow_id="universal-extract", created_after=first, statuses=[RunStatus.FAILED])
    assert [run async for run in failed] == []


async def test_a_cancelled_run(docmill: AsyncDocmill, scan: Path) -> None:
    """A cancelled run is over at once; its result is an error; it cannot be cancelled twice."""
    handle = await docmill.flows.run("document-text", scan)
    assert (await handle.cancel()).status is RunStatus.CANCELLED
    with pytest.raises(RunCancelledError) as caught:
        await handle.result(timeout=30)
    assert caught.value.run.id == handle.id
    with pytest.raises(FailedPreconditionError) as again:
        await handle.cancel()
    assert again.value.reason == "RUN_ALREADY_CANCELLED"


async def test_a_failed_run(docmill: AsyncDocmill, scan: Path) -> None:
    """The result of a run that failed is an error with the run's reason."""
    handle = await docmill.flows.run("document-text", scan, time_limit=0.05)
    with pytest.raises(RunFailedError) as caught:
        await handle.result(timeout=60)
    assert caught.value.reason == "DEADLINE"
    assert caught.value.run.status is RunStatus.FAILED


async def test_flows(docmill: AsyncDocmill, invoice: Path) -> None:
    """Flows are listed, shown, created and run; a version that exists cannot be created again."""
    listed = {flow.id async for flow in docmill.flows.list()}
    everything = {flow.id async for flow in docmill.flows.list(include_hidden=True)}
    assert everything - listed >= {"universal-extract"}
    assert {"document-text", "invoice-extractor", "receipt-extractor"} <= listed
    shown = await docmill.flows.get("invoice-extractor", version="1.0.0")
    assert (shown.version, shown.versions[-1]) == ("1.0.0", "1.2.0")
    config = FlowConfig(supported_formats=["application/pdf"], max_pages=5)
    text = await docmill.flows.get("document-text")
    made = await docmill.flows.create(
        "client-test", "1.0.0", name="Client test", config=config, definition=text.definition
    )
    assert (made.config.max_pages, made.config.supported_formats) == (5, ("application/pdf",))
    run = await (await docmill.flows.run("client-test", invoice)).result(timeout=30)
    assert (run.flow_id, run.version) == ("client-test", "1.0.0")
    with pytest.raises(ConflictError) as caught:
        await docmill.flows.create("client-test", "1.0.0", name="x", config=config, definition=text.definition)
    assert caught.value.reason == "VERSION_EXISTS"


async def looked_at(docmill: AsyncDocmill, document_id: str) -> None:
    """Wait until a worker has opened the document."""
    async with asyncio.timeout(30):
        while (await docmill.documents.get(document_id)).status is DocumentStatus.PENDING:  # noqa: ASYNC110 - the record is elsewhere
            await asyncio.sleep(0.02)


async def test_errors_say_what_was_wrong(docmill: AsyncDocmill, stack: Stack, tmp_path: Path, invoice: Path) -> None:
    """Every refusal is an error of its kind with the reason, and the file that is not there is Python's own error."""
    with pytest.raises(NotFoundError) as flow:
        await docmill.flows.run("no-such-flow", invoice)
    with pytest.raises(NotFoundError) as run:
        await docmill.runs.get("run_nope")
    document = await docmill.documents.upload(b"no document at all", filename="notes.pdf")
    await looked_at(docmill, document.id)  # else the run might be accepted, and fail later with the same reason
    with pytest.raises(InvalidArgumentError) as media:
        await docmill.flows.run("document-text", document_id=document.id)
    with pytest.raises(InvalidArgumentError) as metadata:
        await docmill.flows.run("document-text", invoice, metadata={"when": object()})
    assert [caught.value.reason for caught in (flow, run, media, metadata)] == [
        *("FLOW_NOT_FOUND", "RUN_NOT_FOUND", "MEDIA_UNSUPPORTED", "FIELD_INVALID")
    ]
    with pytest.raises(FileNotFoundError):
        await docmill.documents.upload(tmp_path / "absent.pdf")
    with pytest.raises(TypeError):
        await docmill.flows.run("document-text")


@pytest.mark.parametrize("attempt", range(5))
async def test_a_wrong_key_is_said_also_in_the_middle_of_an_upload(stack: Stack, attempt: int) -> None:
    """A server that answers before it read everything is heard."""
    async with AsyncDocmill(stack.grpc, "dc_test_wrong") as stranger:
        with pytest.raises(AuthenticationError) as caught:
            await stranger.documents.upload(b"x" * (3 << 20))
    assert caught.value.reason == "CREDENTIAL_INVALID"


async def test_a_file_that_breaks_leaves_no_document(docmill: AsyncDocmill) -> None:
    """An error while the file is read is given as it is, and half a document is not kept."""

    class Broken:
        """Gives one piece and breaks."""

        name = "broken.pdf"
        reads = 0

        def read(self, size: int) -> bytes:
            self.reads += 1
            if self.reads > 1:
                raise OSError(5, "the disk broke")
            return b"x" * size

    with pytest.raises(OSError, match="the disk broke"):
        await docmill.documents.upload(Broken())  # type: ignore[arg-type]


def test_the_blocking_client(stack: Stack, invoice: Path) -> None:
    """The same from blocking code."""
    with Docmill(stack.grpc, stack.api_key) as docmill:
        handle = docmill.flows.run("invoice-extractor", invoice)
        kinds = [event.kind for event in handle.watch()]
        assert (kinds[0], kinds[-1], kinds.count("page.done")) == ("run.accepted", "run.succeeded", 3)
        run = handle.result(timeout=30)
        assert run.output["invoiceNumber"] == "INV-2026-17"
        assert handle.id in {found.id for found in docmill.runs.list(flow_id="invoice-extractor")}
        assert docmill.runs.handle(run).id == run.id
        assert "document-text" in {flow.id for flow in docmill.flows.list()}
        with pytest.raises(NotFoundError):
            docmill.runs.get("run_nope")
