"""Old batches: what goes, what stays, and what others still need, on both stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from docmill.domain.errors import NotFound
from docmill.engine import RunRequest, expire
from docmill.engine.context import utc_now
from docmill.store import Store
from tests.fixtures.batching import OWNER, answering, batching, completed, keep_outputs, request, results, upload
from tests.fixtures.engine import Bench


@pytest_asyncio.fixture
async def bench(store: Store) -> AsyncIterator[Bench]:
    """An engine whose worker leaves the pages' texts behind."""
    async with batching(store) as bench:
        bench.peer.answer = answering({})
        yield bench


async def made(bench: Bench, *names: str) -> tuple[str, list[str]]:
    """A completed batch, and the documents in it."""
    ids = await upload(bench, *names)
    await keep_outputs(bench, ids)
    batch = await bench.engine.create_batch(OWNER, request(ids))
    await completed(bench, batch.batch.id)
    return batch.batch.id, ids


def kept(bench: Bench) -> set[str]:
    """Keys of all blobs."""
    blobs: Any = bench.engine.ctx.blobs
    return set(blobs._blobs)


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
