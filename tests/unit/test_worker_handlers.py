"""What a worker believes its child."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from docmill.blobs.memory import MemoryBlobStore
from docmill.domain.errors import DocmillError, Reason
from docmill.domain.messages import JobMessage
from docmill.domain.models import JobKind
from docmill.worker import faults
from docmill.worker.cache import DocumentCache
from docmill.worker.frames import Frame
from docmill.worker.handlers import PageHandler

JOB = JobMessage(job_id="job", attempt=1, kind=JobKind.PAGE, org_id="org1", blob_key="doc", sha256="", page=1)


@pytest.fixture
async def blobs() -> AsyncIterator[MemoryBlobStore]:
    """One document, and another organization's output."""
    store = MemoryBlobStore()
    await store.put("doc", b"bytes")
    await store.put("runs/other/output.json", b"theirs")
    yield store
    assert await store.get("runs/other/output.json") == b"theirs"


@pytest.mark.parametrize("fingerprint", ["../../../runs/other/output.json", "a/b", "..", "", "x" * 200, 7, None])
async def test_a_child_cannot_name_blobs(blobs: MemoryBlobStore, tmp_path: Path, fingerprint: object) -> None:
    """A taken-over child cannot have the worker write anywhere but under its job's document."""

    async def ask(request: dict[str, Any], body: bytes = b"", *, seconds: float) -> Frame:
        facts = {"engine": "paddle", "confidence": 1, "words": 1, "engine_ms": 1, "fingerprint": fingerprint}
        return Frame(facts, b"mine now")

    handler = PageHandler(blobs, DocumentCache(tmp_path / "cache", blobs), 1.0)
    with pytest.raises(DocmillError) as caught:
        await handler.handle(JOB, ask)
    assert caught.value.reason is Reason.INTERNAL


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
    """A child cannot fill the record with its message."""
    error = faults.from_json(
        {
            "reason": "MEDIA_CORRUPT",
            "message": "m" * 10_000,
            "retryable": False,
            "details": {f"k{n}": "v" * 10_000 for n in range(100)},
        }
    )
    assert len(error.message) == 1000
    assert sum(len(key) + len(text) for key, text in error.details.items()) < 20_000
