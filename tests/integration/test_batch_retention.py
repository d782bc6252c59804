"""Old batches: what goes, what stays, and what others still need, on both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from docmill.domain.errors import NotFound
from docmill.domain.messages import JobMessage
from docmill.domain.models import JobKind
from docmill.domain.pictures import folder_of
from docmill.engine import RunRequest, expire
from docmill.engine.context import utc_now
from docmill.store import Store
from tests.fixtures.batching import OWNER, answering, batching, completed, keep_outputs, request, results, upload
from tests.fixtures.engine import Bench


@pytest_asyncio.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    """An engine whose worker leaves the pages' texts behind."""
    async with batching(store) as bench:
        bench.peer.answer = leaving(bench)
        yield bench


def leaving(bench: Bench) -> Callable[[JobMessage], Any]:
    """A worker that puts down what it makes of pages, as the real one does."""
    answer = answering({})

    def work(job: JobMessage) -> Any:
        if job.kind is JobKind.RENDER:
            bench_blobs(bench)[job.page_keys[0]] = b"picture"
        elif job.kind is JobKind.PAGE:
            bench_blobs(bench)[f"{folder_of(job.org_id, job.sha256)}/reader-1/{job.page}.json"] = b"text"
        return answer(job)

    return work


def bench_blobs(bench: Bench) -> dict[str, bytes]:
    """The blobs themselves."""
    blobs: Any = bench.engine.ctx.blobs
    found: dict[str, bytes] = blobs._blobs
    return found


async def look(bench: Bench, run_id: str, page: int, side: int) -> bytes:
    """The picture of a page."""
    async with asyncio.timeout(20):
        return b"".join([piece async for piece in bench.engine.page_image(OWNER, run_id, page, side)])


async def made(bench: Bench, *names: str) -> tuple[str, list[str]]:
    """A completed batch, and the documents in it."""
    ids = await upload(bench, *names)
    await keep_outputs(bench, ids)
    batch = await bench.engine.create_batch(OWNER, request(ids))
    await completed(bench, batch.batch.id)
    return batch.batch.id, ids


def kept(bench: Bench) -> set[str]:
    """Keys of all blobs."""
    return set(bench_blobs(bench))


def later(bench: Bench, days: float) -> None:
    """So much time passes."""
    now: datetime = utc_now() + timedelta(days=days)
    object.__setattr__(bench.engine.ctx, "now", lambda: now)


async def test_a_batch_is_forgotten_after_its_time(bench: Bench) -> None:
    """Files, data and results go at once; that there was a batch, and how it ended, stays."""
    batch_id, ids = await made(bench, "a.pdf", "b.pdf")
    later(bench, 29.9)
    await expire.expire_once(bench.engine.ctx)
    assert len(await results(bench, batch_id)) == 2
    later(bench, 30.1)
    await expire.expire_once(bench.engine.ctx)
    assert kept(bench) & {f"documents/{OWNER.org_id}/{each}" for each in ids} == set()
    assert not [key for key in kept(bench) if key.startswith(("outputs/", "batches/"))]
    view = await bench.engine.get_batch(OWNER, batch_id)
    assert (view.progress.files_done, view.progress.percent, view.batch.results_key) == (2, 100, "")
    with pytest.raises(NotFound):
        await results(bench, batch_id)
    assert not await expire.expire_once(bench.engine.ctx)


async def test_texts_and_pictures_of_pages_go_too(bench: Bench) -> None:
    """Of every size that somebody asked for; those of bytes that a run of its own is over stay."""
    batch_id, (_, shared) = await made(bench, "a.pdf", "b.pdf")
    for run_id in [entry["runId"] for entry in await results(bench, batch_id)]:
        for page, side in ((1, 400), (1, 2000), (2, 400)):
            assert await look(bench, run_id, page, side) == b"picture"
    run = await bench.engine.run_flow(OWNER, RunRequest(flow_id="document-text", document_id=shared))
    await bench.ended(run.id, OWNER)
    document = await bench.engine.get_document(OWNER, shared)
    wanted = {key for key in kept(bench) if key.startswith(folder_of(OWNER.org_id, document.sha256))}
    assert len(wanted) == 5
    assert len([key for key in kept(bench) if key.startswith("pages/")]) == 10
    later(bench, 30.1)
    await expire.expire_once(bench.engine.ctx)
    assert {key for key in kept(bench) if key.startswith("pages/")} == wanted
    assert await look(bench, run.id, 1, 400) == b"picture"


async def test_what_others_need_stays(bench: Bench) -> None:
    """A document that a run of its own is over, too, and one of a younger batch."""
    old, (shared, own, _) = await made(bench, "a.pdf", "b.pdf", "c.pdf")
    run = await bench.engine.run_flow(OWNER, RunRequest(flow_id="document-text", document_id=own))
    await bench.ended(run.id, OWNER)
    later(bench, 20)
    young = await bench.engine.create_batch(OWNER, request([shared]))
    later(bench, 31)
    await expire.expire_once(bench.engine.ctx)
    documents = {key.rpartition("/")[2] for key in kept(bench) if key.startswith("documents/")}
    assert documents == {shared, own}
    assert (await bench.engine.get_batch(OWNER, old)).batch.results_key == ""
    await completed(bench, young.batch.id)
