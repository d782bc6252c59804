"""What a worker believes its child."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docmill.blobs import BlobNotFound
from docmill.blobs.memory import MemoryBlobStore
from docmill.domain.errors import DocmillError, Reason
from docmill.domain.messages import JobMessage, PageFacts, StepFacts
from docmill.domain.models import JobKind, PageSize
from docmill.domain.pages import Unit
from docmill.worker import facts, faults
from docmill.worker.cache import DocumentCache
from docmill.worker.frames import Frame
from docmill.worker.handlers import DocumentHandler, PageHandler, RenderHandler, Timeouts
from docmill.worker.page_cache import PageCache

JOB = JobMessage(job_id="job", attempt=1, kind=JobKind.PAGE, org_id="org1", blob_key="doc", sha256="", page=1)


@pytest.fixture
async def blobs() -> AsyncIterator[MemoryBlobStore]:
    """One document, and another organization's output."""
    store = MemoryBlobStore()
    await store.put("doc", b"bytes")
    await store.put("runs/other/output.json", b"theirs")
    yield store
    assert await store.get("runs/other/output.json") == b"theirs"


@pytest.fixture
async def cache(blobs: MemoryBlobStore, tmp_path: Path) -> AsyncIterator[DocumentCache]:
    """The worker's."""
    cache = DocumentCache(tmp_path / "cache", blobs)
    yield cache
    await cache.aclose()


def _page(header: dict[str, Any]) -> PageFacts:
    return facts.page_facts(header, "key")


def _parts(header: dict[str, Any]) -> Sequence[Frame]:
    return facts.parts(Frame(header, b"12345"), 2)


@pytest.mark.parametrize("fingerprint", ["../../../runs/other/output.json", "a/b", "..", "", "x" * 200, 7, None])
async def test_a_child_cannot_name_blobs(blobs: MemoryBlobStore, cache: DocumentCache, fingerprint: object) -> None:
    """A taken-over child cannot have the worker write anywhere but under its job's document."""

    async def ask(request: dict[str, Any], body: bytes = b"", *, seconds: float) -> Frame:
        said = {"engine": "paddle", "confidence": 1, "words": 1, "engine_ms": 1, "fingerprint": fingerprint}
        return Frame(said, b"mine now")

    with pytest.raises(DocmillError) as caught:
        await PageHandler(PageCache(blobs, {}), cache, 1.0).handle(JOB, ask)
    assert caught.value.reason is Reason.INTERNAL


@pytest.mark.parametrize("body", [b"", b"\x89PNG", b"<html>", b"%PDF-1.7"])
async def test_a_child_cannot_have_a_page_shown_that_is_no_picture(
    blobs: MemoryBlobStore, cache: DocumentCache, body: bytes
) -> None:
    """What will be given to browsers as a PNG at least begins as one; anything else is kept nowhere."""

    async def ask(request: dict[str, Any], body_: bytes = b"", *, seconds: float) -> Frame:
        return Frame({}, body)

    job = replace(JOB, kind=JobKind.RENDER, read={"max_side": 100}, page_keys=("pages/1.png",))
    with pytest.raises(DocmillError) as caught:
        await RenderHandler(blobs, cache, 1.0).handle(job, ask)
    assert caught.value.reason is Reason.INTERNAL
    with pytest.raises(BlobNotFound):
        await blobs.get("pages/1.png")


@pytest.mark.parametrize("media_type", ["application/pdf", "image/png", "application/xml"])
@pytest.mark.parametrize("reason", [Reason.WORKER_MEMORY, Reason.WORKER_CRASHED, Reason.WORKER_TIMEOUT])
async def test_files_in_a_pdf_that_no_child_can_bear_cost_only_themselves(
    blobs: MemoryBlobStore, cache: DocumentCache, reason: Reason, media_type: str
) -> None:
    """The flow runs over the pages then, and is told; other documents are not even opened again."""
    asked: list[dict[str, Any]] = []

    async def ask(request: dict[str, Any], body: bytes = b"", *, seconds: float) -> Frame:
        asked.append(request)
        if "path" in request:
            raise faults.TryAgain(reason, "too much")
        return Frame({"steps": []}, b"output")

    definition = {"steps": [{"id": "f", "nodeType": "extract", "config": {"schema": {}}}]}
    job = replace(JOB, kind=JobKind.DOCUMENT, run_id="run", media_type=media_type, definition=definition)
    handled = DocumentHandler(blobs, cache, Timeouts(document=1.0)).handle(job, ask)
    if media_type == "image/png":
        await handled
        assert ["path" in request for request in asked] == [False]
    elif media_type == "application/xml" or reason is Reason.WORKER_TIMEOUT:
        with pytest.raises(faults.TryAgain):
            await handled
    else:
        await handled
        assert await blobs.get("runs/run/output.json") == b"output"
        assert asked[-1]["files_problem"] == "too much"


async def test_a_step_that_wants_no_embedded_data_costs_no_download(
    blobs: MemoryBlobStore, cache: DocumentCache
) -> None:
    """`useEmbedded: false`, and flows without an extract step."""
    asked: list[dict[str, Any]] = []

    async def ask(request: dict[str, Any], body: bytes = b"", *, seconds: float) -> Frame:
        asked.append(request)
        return Frame({"steps": []}, b"output")

    for step in (
        {"id": "f", "nodeType": "extract", "config": {"schema": {}, "useEmbedded": False}},
        {"id": "k", "nodeType": "categorize", "config": {}},
    ):
        job = replace(
            JOB, kind=JobKind.DOCUMENT, run_id="run", media_type="application/pdf", definition={"steps": [step]}
        )
        await DocumentHandler(blobs, cache, Timeouts(document=1.0)).handle(job, ask)
    assert not any("path" in request for request in asked)


async def test_a_step_in_an_inner_flow_gets_the_document_too(blobs: MemoryBlobStore, cache: DocumentCache) -> None:
    """In a branch, and in the flow of a stack."""
    asked: list[dict[str, Any]] = []

    async def ask(request: dict[str, Any], body: bytes = b"", *, seconds: float) -> Frame:
        asked.append(request)
        return Frame({"steps": []}, b"output")

    flow = {"steps": [{"id": "f", "nodeType": "extract", "config": {"schema": {}}}]}
    for inner in ({"branches": {"a": {"steps": []}, "b": flow}}, {"itemFlow": flow}):
        definition = {"steps": [{"id": "x", "nodeType": "categorize", "config": {}, **inner}]}
        job = replace(JOB, kind=JobKind.DOCUMENT, run_id="run", media_type="application/pdf", definition=definition)
        await DocumentHandler(blobs, cache, Timeouts(document=1.0)).handle(job, ask)
    assert all("path" in request for request in asked)


NAN = float("nan")
PAGE = {"engine": "paddle", "confidence": 0.9, "words": 3, "engine_ms": 7, "fingerprint": "f"}
PROBE = {"media_type": "application/pdf", "pages": [[595.0, 842.0, "pt"]]}
STEPS = {"steps": [["read", "parse", 12, 100, 20]]}


@pytest.mark.parametrize(
    ("believe", "header"),
    [
        *((_page, PAGE | {"confidence": value}) for value in (-0.1, 1.1, NAN, 1e300, 10**400, "1", None, True)),
        *((_page, PAGE | {"words": value}) for value in (-1, 10**12, 2**63, 1.5, "3", None, True)),
        *((_page, PAGE | {"engine": value}) for value in (7, None, "x" * 201, "a\0b", ["paddle"])),
        *((facts.engine_ms, PAGE | {"engine_ms": value}) for value in (-1, 10**12, 2.5, NAN, "7", None)),
        *((facts.fingerprint, PAGE | {"fingerprint": value}) for value in ("a/b", "..", "", "x" * 129, 7, None)),
        *((facts.probe_facts, PROBE | {"media_type": value}) for value in (None, 7, "x" * 201)),
        *((facts.probe_facts, PROBE | {"pages": value}) for value in (None, "pages", {"a": 1}, [[1, 2]], [7], [None])),
        *((facts.probe_facts, PROBE | {"pages": [[side, 1, "pt"]]}) for side in (-1, NAN, 1e300, "595", None)),
        *((facts.probe_facts, PROBE | {"pages": [[1, 1, unit]]}) for unit in ("inch", 7, None)),
        (facts.probe_facts, PROBE | {"pages": [[1, 1, "pt"]] * 100_001}),
        *(
            (facts.step_facts, {"steps": value})
            for value in (
                None,
                [["read", "parse", 1]],
                [["read", "parse", -1, 0, 0]],
                [["read", "parse", 1, 0, 10**12]],
            )
        ),
        *((facts.step_facts, {"steps": [[name, "parse", 1, 0, 0]]}) for name in (None, 7, "x" * 201)),
        (facts.step_facts, {"steps": [["read", "parse", 1, 0, 0]] * 1001}),
        *(
            (_parts, {"pages": pages, "sizes": sizes})
            for pages, sizes in (
                (None, [2, 3]),
                ([{}], [5]),
                ([{}, {}, {}], [2, 2, 1]),
                ([{}, {}], [5]),
                ([{}, {}], [2, 2]),
                ([{}, {}], [3, 3]),
                ([{}, {}], [-1, 6]),
                ([{}, {}], [2.0, 3]),
                ([{}, None], [2, 3]),
                ([{}, {}], None),
            )
        ),
        *((facts.batch_size, {"batch_size": value}) for value in (-1, 65, 2.0, "4", None)),
        *(
            (believe, {})
            for believe in (_page, _parts, facts.engine_ms, facts.fingerprint, facts.probe_facts, facts.step_facts)
        ),
    ],
)
def test_a_child_is_not_believed_everything(
    believe: Callable[[dict[str, Any]], object], header: dict[str, Any]
) -> None:
    """Whatever is missing, of another kind or out of its bounds is a failure of this attempt, to be tried again."""
    with pytest.raises(DocmillError) as caught:
        believe(header)
    assert (caught.value.reason, caught.value.retryable) == (Reason.INTERNAL, True)


def test_what_can_be_is_believed() -> None:
    """Also bare pages, whole numbers for fractions, and a mean that was rounded up."""
    assert _page(PAGE) == PageFacts(page_key="key", engine="paddle", confidence=0.9, words=3)
    assert _page(PAGE | {"confidence": 1 + 1e-12, "words": 0, "engine": ""}).confidence == 1.0
    assert (facts.engine_ms(PAGE), facts.fingerprint(PAGE)) == (7, "f")
    assert facts.probe_facts(PROBE).pages == (PageSize(width=595.0, height=842.0, unit=Unit.POINT),)
    assert _parts({"pages": [{"a": 1}, {"b": 2}], "sizes": [0, 5]}) == [Frame({"a": 1}), Frame({"b": 2}, b"12345")]
    assert (facts.batch_size({}), facts.batch_size({"batch_size": 0}), facts.batch_size({"batch_size": 8})) == (1, 1, 8)
    assert facts.step_facts(STEPS) == (
        StepFacts(step_id="read", node_type="parse", duration_ms=12, input_tokens=100, output_tokens=20),
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        {"reason": "NO_SUCH_REASON", "message": "m", "details": {}, "retryable": False},
        {"reason": "MEDIA_CORRUPT", "message": 7, "details": {}, "retryable": False},
        {"reason": "MEDIA_CORRUPT", "message": "m", "details": [], "retryable": False},
        {"reason": "MEDIA_CORRUPT", "message": "m", "details": {}, "retryable": "yes"},
    ],
)
def test_what_is_no_error_is_internal(value: object) -> None:
    """An error that a child made up in another shape says nothing to a user."""
    assert faults.from_json(value).reason is Reason.INTERNAL


def test_errors_of_a_child_are_bounded() -> None:
    """A child cannot fill the record with its message, nor make one that a database refuses."""
    error = faults.from_json(
        {
            "reason": "MEDIA_CORRUPT",
            "message": "\0" + "m" * 10_000,
            "retryable": False,
            "details": {f"k{n}": "v" * 10_000 for n in range(100)},
        }
    )
    assert error.message == "m" * 999
    assert sum(len(key) + len(text) for key, text in error.details.items()) < 20_000
