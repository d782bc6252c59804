"""A whole worker on real documents: bytes in the blob store, jobs on the bus, results and page texts out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import orjson
import pytest
from PIL import Image

from docmill.domain.errors import Reason
from docmill.domain.models import JobKind
from tests.fixtures import documents
from tests.fixtures.mill import Mill, job, open_mill


@pytest.fixture
async def mill(tmp_path: Path) -> AsyncIterator[Mill]:
    """One worker with one slot."""
    async with open_mill(tmp_path) as mill:
        yield mill


async def test_a_pdf_is_probed_and_read(mill: Mill, tmp_path: Path) -> None:
    """The probe counts the pages, and each page's words come back under its key."""
    path = tmp_path / "letter.pdf"
    drawn = documents.text_pdf(path, pages=3)
    facts = await mill.upload(path)
    (probed,) = await mill.work(job(JobKind.PROBE, 0, **facts))
    assert probed.probe is not None
    assert (probed.probe.media_type, len(probed.probe.pages)) == ("application/pdf", 3)
    pages = await mill.work(*(job(JobKind.PAGE, n, media_type="application/pdf", **facts) for n in (1, 2, 3)))
    for number, result in enumerate(pages, start=1):
        assert result.page_facts is not None
        assert result.page_facts.page_key.startswith(f"pages/org/{facts['sha256']}/")
        assert result.page_facts.page_key.endswith(f"/{number}.json")
        page = await mill.text(result)
        assert (page.number, page.engine, result.page_facts.engine) == (number, "text-layer", "text-layer")
        assert len(page.words) == result.page_facts.words == len(drawn)
        assert result.engine_ms == 0


async def test_a_scan_is_read_by_an_engine(mill: Mill, tmp_path: Path) -> None:
    """A picture of words comes back as words, with the time the engine took."""
    path = documents.image_file(tmp_path / "scan.png")
    facts = await mill.upload(path)
    (result,) = await mill.work(job(JobKind.PAGE, 1, media_type="image/png", **facts))
    assert result.page_facts is not None
    assert result.page_facts.engine not in {"", "text-layer"}
    assert 0 < result.engine_ms <= result.duration_ms
    assert 0.5 < result.page_facts.confidence <= 1


async def test_bad_documents_disturb_nobody(mill: Mill, tmp_path: Path) -> None:
    """Each bad document gets its reason as a fault that is not worth retrying; good ones beside it are read."""
    (tmp_path / "empty.pdf").write_bytes(b"")
    (tmp_path / "text.pdf").write_text("Not a PDF at all, just text.")
    documents.text_pdf(tmp_path / "locked.pdf", password="secret")
    documents.text_pdf(tmp_path / "good.pdf")
    documents.huge_png(tmp_path / "huge.png")
    names = ("empty.pdf", "text.pdf", "locked.pdf", "good.pdf", "huge.png")
    jobs = [job(JobKind.PROBE, number, **await mill.upload(tmp_path / name)) for number, name in enumerate(names)]
    results = await mill.work(*jobs)
    assert [result.fault and (result.fault.reason, result.fault.retryable) for result in results] == [
        (Reason.MEDIA_EMPTY, False),
        (Reason.MEDIA_UNSUPPORTED, False),
        (Reason.MEDIA_ENCRYPTED, False),
        None,
        (Reason.MEDIA_TOO_LARGE, False),
    ]


async def test_a_document_whose_bytes_are_gone(mill: Mill) -> None:
    """The user learns that the upload must be made again."""
    (result,) = await mill.work(job(JobKind.PROBE, 0, blob_key="documents/org/gone"))
    assert result.fault is not None
    assert (result.fault.reason, result.fault.retryable) == (Reason.DOCUMENT_NOT_FOUND, False)


async def test_pages_become_an_output(mill: Mill, tmp_path: Path) -> None:
    """A DOCUMENT job takes the page texts, failed pages left out, and keeps the output's JSON under the run's key."""
    path = tmp_path / "letter.pdf"
    documents.text_pdf(path, pages=2)
    facts = await mill.upload(path)
    pages = await mill.work(*(job(JobKind.PAGE, n, media_type="application/pdf", **facts) for n in (1, 2)))
    keys = [result.page_facts.page_key for result in pages if result.page_facts]
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}
    fields = {"providerRef": "layout", "schema": schema}
    definition = {
        "version": "1.0.0",
        "steps": [
            {"type": "step", "id": "read", "nodeType": "parse", "config": {"providerRef": "ocr"}},
            {"type": "step", "id": "fields", "nodeType": "extract", "config": fields},
        ],
    }
    whole = job(JobKind.DOCUMENT, 0, run_id="run1", page_keys=keys, definition=definition)
    part = job(JobKind.DOCUMENT, 1, run_id="run2", page_keys=[keys[0], ""], definition=definition)
    gone = job(JobKind.DOCUMENT, 2, run_id="run3", page_keys=["pages/org/gone/1.json"], definition=definition)
    for result, run in zip(await mill.work(whole, part), ("run1", "run2"), strict=True):
        assert result.fault is None
        assert result.document is not None
        assert result.document.output_key == f"runs/{run}/output.json"
        assert [step.step_id for step in result.document.steps] == ["fields"]
        assert orjson.loads(await mill.blobs.get(result.document.output_key))
    (result,) = await mill.work(gone)
    assert result.fault is not None
    assert result.fault.reason is Reason.PAGE_NOT_FOUND


async def test_a_picture_of_a_page(mill: Mill, tmp_path: Path) -> None:
    """A RENDER job draws its page as a PNG, no larger than it says, and keeps it where it says; bad pages are faults."""
    documents.text_pdf(tmp_path / "letter.pdf", pages=2)
    documents.cut_off(documents.image_file(tmp_path / "bad.png"))
    letter, bad = await mill.upload(tmp_path / "letter.pdf"), await mill.upload(tmp_path / "bad.png")
    order = {"read": {"max_side": 700}, "page_keys": ("pages/org/picture.png",)}
    drawn, failed = await mill.work(
        job(JobKind.RENDER, 2, media_type="application/pdf", **letter, **order),
        job(JobKind.RENDER, 1, media_type="image/png", **bad, **order),
    )
    assert (drawn.fault, drawn.page_facts, drawn.page) == (None, None, 2)
    with Image.open(BytesIO(await mill.blobs.get("pages/org/picture.png")), formats=["PNG"]) as picture:
        assert picture.size == (495, 700)
    assert failed.fault is not None
    assert (failed.fault.reason, failed.fault.retryable) == (Reason.MEDIA_CORRUPT, False)
