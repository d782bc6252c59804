"""Documents from their upload until they are deleted, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from docmill.blobs import BlobNotFound
from docmill.blobs.memory import MemoryBlobStore
from docmill.bus.memory import MemoryBroker, MemoryBus
from docmill.domain.errors import DocmillError, FailedPrecondition, MediaError, NotFound, Reason
from docmill.engine import Engine, RunRequest, expire
from docmill.engine.context import Context
from docmill.engine.upload import one_chunk
from docmill.store import Op, Statement, Store
from tests.fixtures.engine import CALLER, LIVE, QUICK, Bench, done, lab_report, serving

MIB = 1 << 20
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class StubbornBlobs(MemoryBlobStore):
    """Blobs that cannot be deleted for a while."""

    away = True

    async def delete(self, key: str) -> None:
        """Raise while the store is away."""
        if self.away:
            raise OSError("the blob store is away")
        await super().delete(key)


def rows(table: str) -> Op[int]:
    """Rows of a table."""
    found = yield Statement(f"SELECT count(*) FROM {table}")
    return int(found[0][0])


async def pieces(count: int, drawn: list[int]) -> AsyncIterator[bytes]:
    """Pieces of 1 MiB; the numbers of those that were drawn."""
    for number in range(count):
        drawn.append(number)
        yield b"x" * MIB


async def test_a_document_is_deleted_with_its_bytes_and_its_probe(bench: Bench) -> None:
    """Nothing of it is there afterwards, deleting it again finds nothing, and no run can have it."""
    bench.peer.answer = lambda job: None
    document_id = await bench.upload()
    ctx = bench.engine.ctx
    found = await bench.engine.get_document(CALLER, document_id)
    await bench.engine.delete_document(CALLER, document_id)
    assert (await ctx.store.read(lambda: rows("documents")), await ctx.store.read(lambda: rows("jobs"))) == (0, 0)
    with pytest.raises(BlobNotFound):
        await ctx.blobs.get(found.blob_key)
    for attempt in (
        bench.engine.get_document(CALLER, document_id),
        bench.engine.delete_document(CALLER, document_id),
        bench.engine.run_flow(CALLER, RunRequest(flow_id="document-text", document_id=document_id)),
    ):
        with pytest.raises(NotFound) as absent:
            await attempt
        assert absent.value.reason is Reason.DOCUMENT_NOT_FOUND


async def test_a_late_look_at_a_deleted_document_changes_nothing(bench: Bench) -> None:
    """The worker's answer finds no job and no document, and the next document is looked at as ever."""
    bench.peer.answer = lambda job: None
    document_id = await bench.upload()
    async with asyncio.timeout(10):
        while not bench.peer.seen:  # noqa: ASYNC110 - the peer's list has no event
            await asyncio.sleep(0.005)
    await bench.engine.delete_document(CALLER, document_id)
    await bench.peer.bus.publish_result(done(bench.peer.seen[0]))
    bench.peer.answer = done
    assert (await bench.engine.get_document(CALLER, await bench.probed())).page_count == 3


async def test_a_document_that_a_run_uses_stays(bench: Bench) -> None:
    """Also when the run has ended: its pages can still be looked at."""
    document_id = await bench.probed()
    run = await bench.engine.run_flow(CALLER, RunRequest(flow_id="document-text", document_id=document_id))
    for _ in range(2):
        with pytest.raises(FailedPrecondition) as refused:
            await bench.engine.delete_document(CALLER, document_id)
        assert refused.value.reason is Reason.DOCUMENT_IN_USE
        await bench.ended(run.id)
    assert await bench.engine.ctx.blobs.size(f"documents/{CALLER.org_id}/{document_id}")


async def test_only_its_own_documents_can_be_deleted(bench: Bench) -> None:
    """Another organization's, or the other mode's, do not exist."""
    document_id = await bench.probed()
    for stranger in (replace(CALLER, org_id="org_2"), LIVE):
        with pytest.raises(NotFound):
            await bench.engine.delete_document(stranger, document_id)
    assert (await bench.engine.get_document(CALLER, document_id)).id == document_id


async def test_a_run_and_a_deletion_at_once_have_one_winner(bench: Bench) -> None:
    """Either the run has its document, or the document is gone and there is no run."""
    for _ in range(20):
        document_id = await bench.probed()
        request = RunRequest(flow_id="document-text", document_id=document_id)
        run, deletion = await asyncio.gather(
            bench.engine.run_flow(CALLER, request),
            bench.engine.delete_document(CALLER, document_id),
            return_exceptions=True,
        )
        assert isinstance(run, DocmillError) is (deletion is None)
        if deletion is None:
            assert isinstance(run, NotFound)
        else:
            assert isinstance(deletion, FailedPrecondition)
            assert await bench.engine.ctx.blobs.size(f"documents/{CALLER.org_id}/{document_id}")


@pytest.mark.parametrize(
    "request_",
    [
        RunRequest(flow_id="document-text", content=b"x" * (51 * MIB)),
        RunRequest(flow_id="document-text", content=b"x", metadata={"a": "b" * 20_000}),
        RunRequest(flow_id="document-text", content=b""),
    ],
    ids=["too large", "metadata", "empty"],
)
async def test_a_refused_run_leaves_no_document(bench: Bench, request_: RunRequest) -> None:
    """What came along with it is not kept."""
    with pytest.raises(DocmillError):
        await bench.engine.run_flow(CALLER, request_)
    assert await bench.engine.ctx.store.read(lambda: rows("documents")) == 0


async def test_a_run_refused_by_the_probe_leaves_no_document(bench: Bench) -> None:
    """The probe's word comes after the upload: the document is taken away again."""
    bench.peer.answer = lambda job: done(job, pages=0)
    with pytest.raises(MediaError):
        await bench.run()
    store = bench.engine.ctx.store
    assert (await store.read(lambda: rows("documents")), await store.read(lambda: rows("jobs"))) == (0, 0)
    (probe,) = bench.peer.seen
    with pytest.raises(BlobNotFound):
        await bench.engine.ctx.blobs.get(probe.blob_key)


async def test_an_upload_for_a_flow_keeps_to_its_size(bench: Bench) -> None:
    """More bytes than the flow takes are refused while they come, the rest is not drawn, and nothing is kept."""
    spec = lab_report("small", {"onPageFailure": "skip"})
    small = replace(spec, limits=replace(spec.limits, max_file_size_mb=2))
    await bench.engine.create_flow(CALLER, small)
    drawn: list[int] = []
    with pytest.raises(MediaError) as refused:
        await bench.engine.upload_document(
            CALLER, filename="a.pdf", declared_type="", chunks=pieces(10, drawn), flow_id="small", version="latest"
        )
    assert refused.value.reason is Reason.MEDIA_TOO_LARGE
    assert refused.value.details["maxFileSizeMB"] == "2"
    assert drawn == [0, 1, 2]
    assert await bench.engine.ctx.store.read(lambda: rows("documents")) == 0
    taken = await bench.engine.upload_document(
        CALLER, filename="a.pdf", declared_type="", chunks=pieces(2, drawn), flow_id="small"
    )
    assert taken.size == 2 * MIB


async def test_an_upload_for_a_flow_that_is_not_there_draws_nothing(bench: Bench) -> None:
    """The flow must be there for the caller, in that version, before any byte is taken."""
    await bench.engine.create_flow(CALLER, lab_report("ours", {"onPageFailure": "skip"}))
    drawn: list[int] = []
    for caller, flow_id, version, reason in (
        (CALLER, "nothing", "", Reason.FLOW_NOT_FOUND),
        (CALLER, "ours", "9.9.9", Reason.VERSION_NOT_FOUND),
        (replace(CALLER, org_id="org_2"), "ours", "", Reason.FLOW_NOT_FOUND),
    ):
        with pytest.raises(NotFound) as refused:
            await bench.engine.upload_document(
                caller, filename="", declared_type="", chunks=pieces(1, drawn), flow_id=flow_id, version=version
            )
        assert refused.value.reason is reason
    assert drawn == []


@dataclass
class House:
    """An engine without loops, whose clock stands where a test puts it, over blobs that may be away."""

    engine: Engine
    blobs: StubbornBlobs
    clock: list[datetime]

    def wait(self, **time: float) -> None:
        """Put the clock forward."""
        self.clock[0] += timedelta(**time)

    async def rows(self, table: str) -> int:
        """Rows of a table."""
        return await self.engine.ctx.store.read(lambda: rows(table))


@pytest_asyncio.fixture
async def house(store: Store) -> House:
    """With the flows that come with docmill, and the blobs away."""
    clock, blobs = [NOW], StubbornBlobs()
    options = replace(QUICK, probe_wait=timedelta(), unused_document_kept=timedelta(hours=24))
    bus = MemoryBus(MemoryBroker())
    engine = Engine(Context(store=store, blobs=blobs, bus=bus, now=lambda: clock[0], options=options))
    await engine.prepare()
    return House(engine, blobs, clock)


async def upload(engine: Engine, content: bytes = b"%PDF") -> str:
    """The id of an uploaded document."""
    uploaded = await engine.upload_document(CALLER, filename="", declared_type="", chunks=one_chunk(content))
    return uploaded.id


async def test_documents_without_a_run_are_deleted_after_a_day(house: House) -> None:
    """With their bytes; what a run is over stays, and so does what is younger."""
    engine, house.blobs.away = house.engine, False
    used, unused = await upload(engine), await upload(engine)
    await engine.run_flow(CALLER, RunRequest(flow_id="document-text", document_id=used))
    house.wait(hours=23)
    young = await upload(engine)
    await expire.expire_once(engine.ctx)
    assert await house.rows("documents") == 3
    house.wait(hours=1, seconds=1)
    await expire.expire_once(engine.ctx)
    for kept in (used, young):
        assert (await engine.get_document(CALLER, kept)).id == kept
        assert await house.blobs.size(f"documents/{CALLER.org_id}/{kept}")
    with pytest.raises(NotFound):
        await engine.get_document(CALLER, unused)
    with pytest.raises(BlobNotFound):
        await house.blobs.size(f"documents/{CALLER.org_id}/{unused}")
    assert await house.rows("documents") == 2


async def test_a_deletion_that_stopped_halfway_is_finished_later(house: House) -> None:
    """While the bytes cannot be deleted the document is gone for its owner, and nothing is forgotten."""
    document_id = await upload(house.engine)
    with pytest.raises(OSError, match="away"):
        await house.engine.delete_document(CALLER, document_id)
    with pytest.raises(NotFound):
        await house.engine.get_document(CALLER, document_id)
    house.wait(hours=25)
    assert not await expire.expire_once(house.engine.ctx)
    assert await house.rows("documents") == 1
    house.blobs.away = False
    await expire.expire_once(house.engine.ctx)
    assert (await house.rows("documents"), await house.rows("jobs")) == (0, 0)


async def test_the_services_look_for_old_documents_by_themselves(store: Store) -> None:
    """Nobody has to ask."""
    quick = replace(QUICK, expire=timedelta(milliseconds=20), unused_document_kept=timedelta())
    async with serving(store, quick) as bench:
        await bench.upload()
        async with asyncio.timeout(10):
            while await store.read(lambda: rows("documents")):  # noqa: ASYNC110 - the loop's doing, it sets no event
                await asyncio.sleep(0.01)
