"""Keys, labels, estimates, artifacts and deletions through the client, against a whole docmill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from docmill.client import (
    AsyncDocmill,
    ConflictError,
    Docmill,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    Run,
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
    """A born-digital invoice of two pages."""
    path = tmp_path / "invoice.pdf"
    text_pdf(path, pages=2, lines=INVOICE)
    return path


async def test_a_key_gives_its_run_and_keeps_one_document(
    docmill: AsyncDocmill, invoice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that came along with the repeated call is deleted again, and so is that of a refused one."""
    first = await docmill.flows.run("document-text", invoice, idempotency_key=str(invoice))
    sent: list[str] = []
    upload = docmill.documents.upload

    async def noted(*args: object, **options: object) -> object:
        document = await upload(*args, **options)  # type: ignore[arg-type]  # passed on
        sent.append(document.id)
        return document

    monkeypatch.setattr(docmill.documents, "upload", noted)
    again = await docmill.flows.run("document-text", invoice, idempotency_key=str(invoice))
    assert (again.id, again.run.document_id) == (first.id, first.run.document_id)
    with pytest.raises(ConflictError) as refused:
        await docmill.flows.run("document-text", invoice, variables={"a": 1}, idempotency_key=str(invoice))
    assert (refused.value.reason, refused.value.details["runId"]) == ("IDEMPOTENCY_CONFLICT", first.id)
    assert len(sent) == 2
    for document_id in sent:
        with pytest.raises(NotFoundError):
            await docmill.documents.get(document_id)
    assert (await docmill.documents.get(first.run.document_id)).id == first.run.document_id


async def test_labels_find_runs(docmill: AsyncDocmill, invoice: Path) -> None:
    """And come back with them."""
    labels = {"ward": "B2", "file": invoice.parent.name}
    handle = await docmill.flows.run("document-text", invoice, labels=labels)
    assert handle.run.labels == labels
    for label in (f"file={invoice.parent.name}", "ward=B2"):
        assert handle.id in [run.id async for run in docmill.runs.list(label=label)]
    assert [run async for run in docmill.runs.list(label="ward=none")] == []


async def test_a_run_that_waits_shows_its_place(stack: Stack, tmp_path: Path) -> None:
    """In the answer, in lists, and to who watches it: the plan of test keys has two runs at work at a time."""
    scan = scanned_pdf(tmp_path / "scan.pdf", [["A page that takes its time"] * 3] * 20)
    key = stack.new_key(stack.new_organization())
    async with AsyncDocmill(stack.grpc, str(key["key"])) as docmill:
        document = await docmill.documents.upload(scan)
        runs = [await docmill.flows.run("document-text", document_id=document.id) for _ in range(4)]
        places = {handle.id: handle.run.queue_position for handle in runs}
        assert list(places.values()) == [None, None, 1, 2]
        assert {run.id: run.queue_position async for run in docmill.runs.list()} == places
        seen: list[int | None] = []

        def stands(run: Run) -> None:
            seen.append(run.queue_position)

        async with asyncio.timeout(60), aclosing(runs[3].watch(on_run=stands)) as events:
            assert (await anext(events)).kind == "run.accepted"
            for handle in runs[:3]:
                await handle.cancel()
            async for _ in events:
                if seen[-1] is None:
                    break
        assert seen[0] == 2
        await runs[3].cancel()


async def test_artifacts_and_steps(docmill: AsyncDocmill, invoice: Path) -> None:
    """What workers really made of a document on the way to its output."""
    handle = await docmill.flows.run("invoice-extractor", invoice)
    done = await handle.result(timeout=60)
    assert (done.artifacts, done.metrics.steps if done.metrics else None) == ({}, ())
    run = await docmill.runs.get(handle.id, include=["artifacts", "metrics"])
    assert run.evidence == ()
    asked, meant = [await docmill.runs.get(handle.id, **how) for how in ({"include": ["evidence"]}, {"evidence": True})]
    assert asked.evidence == meant.evidence != ()
    with pytest.raises(
        ValueError, match="include has evidenc; a run can be asked for with artifacts, evidence, metrics"
    ):
        await docmill.runs.get(handle.id, include=["metrics", "evidenc"])  # type: ignore[list-item]  # as a caller might
    by_type = {made["type"]: made for made in run.artifacts.values()}
    assert by_type["parse"]["pageCount"] == 2
    assert "Invoice number: INV-2026-17" in by_type["parse"]["pages"][1]["text"]
    assert by_type["extract"]["data"]["invoiceNumber"] == run.output["invoiceNumber"] == "INV-2026-17"
    assert run.metrics is not None
    assert run.metrics.steps_run == run.metrics.steps_total == len(run.metrics.steps) >= 2
    assert {step.node_type for step in run.metrics.steps} >= {"parse", "extract"}


async def test_estimates(docmill: AsyncDocmill, invoice: Path) -> None:
    """Over a document or a number of pages; test keys run for nothing."""
    document = await docmill.documents.upload(invoice, flow_id="document-text")
    estimate = await docmill.flows.estimate("document-text", document_id=document.id)
    assert (estimate.page_count, estimate.credits, estimate.available, estimate.sufficient) == (2, 0, None, True)
    assert (await docmill.flows.estimate("document-text", page_count=7)).page_count == 7
    for wrong in ({}, {"page_count": 1, "document_id": document.id}):
        with pytest.raises(TypeError):
            await docmill.flows.estimate("document-text", **wrong)  # type: ignore[arg-type]  # by name


def test_live_runs_need_credits(stack: Stack, invoice: Path) -> None:
    """Without them a run is refused with both numbers; granted ones are held, used, and shown."""
    org = stack.new_organization()
    with stack.connect(str(stack.new_key(org, "--mode", "live")["key"])) as live:
        with pytest.raises(FailedPreconditionError) as refused:
            live.flows.run("document-text", invoice)
        assert refused.value.reason == "CREDITS_INSUFFICIENT"
        assert refused.value.details["available"] == "0"
        assert stack.grant(org, 5)["available"] == 5
        estimate = live.flows.estimate("document-text", page_count=6)
        assert (estimate.credits, estimate.available, estimate.sufficient) == (6, 5, False)
        run = live.flows.run("document-text", invoice).result(timeout=60)
        assert run.metrics is not None
        assert run.metrics.credits_used == 2
    shown = stack.facts_of("credits", "show", "--org", org, "--data", stack.data)
    assert (shown["available"], shown["reserved"], shown["used"]) == (3, 0, 2)
    moved = {(transfer["kind"], transfer["credits"], transfer["run"]) for transfer in shown["transfers"]}
    assert {("GRANTED", 5, None), ("SETTLED", 2, run.id)} <= moved


async def test_documents_are_deleted(docmill: AsyncDocmill, invoice: Path) -> None:
    """Unless a run is over them."""
    document = await docmill.documents.upload(invoice)
    await docmill.documents.delete(document.id)
    with pytest.raises(NotFoundError):
        await docmill.documents.delete(document.id)
    run = (await docmill.flows.run("document-text", invoice)).run
    with pytest.raises(FailedPreconditionError) as refused:
        await docmill.documents.delete(run.document_id)
    assert refused.value.reason == "DOCUMENT_IN_USE"


def test_an_upload_for_a_flow_ends_at_its_limit(stack: Stack, tmp_path: Path) -> None:
    """The server answers in the middle of the upload, and its word arrives."""
    large = tmp_path / "large.pdf"
    large.write_bytes(b"%PDF" + b"x" * (60 << 20))  # the flow takes 50 MiB
    with Docmill(stack.grpc, stack.api_key) as client, pytest.raises(InvalidArgumentError) as refused:
        client.flows.run("document-text", large)
    assert (refused.value.reason, refused.value.details["maxFileSizeMB"]) == ("MEDIA_TOO_LARGE", "50")


def test_labels_on_the_command_line(stack: Stack, invoice: Path) -> None:
    """Given with `docmill run`, shown with `--json`, and used to list; a wrong one is told."""
    label = f"file={invoice.parent.name}"
    run = stack.facts_of("run", "document-text", invoice, "--no-wait", "--label", label, "--label", "ward=B2")
    assert run["labels"] == {"file": invoice.parent.name, "ward": "B2"}
    assert stack.facts_of("runs", "list", "--label", label)["id"] == run["id"]
    assert stack.docmill("runs", "list", "--label", "ward=none", "--json").stdout == ""
    wrong = stack.docmill("run", "document-text", invoice, "--label", "ward")
    assert (wrong.returncode, "--label 'ward'" in wrong.stderr) == (2, True)
