"""Pages that were read before are not read again: a real worker and child, and an engine that counts."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docmill.domain.messages import JobMessage, JobResult
from docmill.domain.models import JobKind
from tests.fixtures import counting_engine
from tests.fixtures.counting_engine import batches, sheet
from tests.fixtures.mill import Mill, job, open_mill


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the engine, now installed, writes what it is given."""
    counting_engine.install(tmp_path, monkeypatch)
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def counting(tmp_path: Path, notes: Path, **changes: Any) -> AbstractAsyncContextManager[Mill]:
    """A worker that reads with it."""
    return open_mill(tmp_path, engine="counting", weights_dir=str(notes), options={"batch_window": 0.01}, **changes)


def read(notes: Path) -> list[int]:
    """The shades that the engine was given."""
    return sorted(shade for batch in batches(notes) for shade in batch)


def cached(*results: JobResult) -> list[bool]:
    """Of each page, whether its text was there already."""
    return [result.page_facts is not None and result.page_facts.cached for result in results]


async def jobs_of(mill: Mill, path: Path, pages: int, **rest: Any) -> list[JobMessage]:
    """To read the pages of the document."""
    facts = await mill.upload(path)
    return [job(JobKind.PAGE, number, media_type="image/tiff", **facts, **rest) for number in range(1, pages + 1)]


async def test_a_second_flow_over_the_same_bytes_reads_nothing(tmp_path: Path, notes: Path) -> None:
    """Also under another name: the same facts and texts, no time of an engine, not even the document's bytes."""
    async with counting(tmp_path, notes) as mill:
        path = sheet(tmp_path / "a.tiff", 11, 12)
        first = await mill.work(*await jobs_of(mill, path, 2))
        again = await jobs_of(mill, path.rename(tmp_path / "b.tiff"), 2, run_id="run2")
        await mill.blobs.delete(again[0].blob_key)
        second = await mill.work(*(replace(one, blob_key="documents/org/another") for one in again))
        assert (cached(*first), cached(*second)) == ([False, False], [True, True])
        for before, after in zip(first, second, strict=True):
            assert before.page_facts is not None
            assert after.page_facts == replace(before.page_facts, cached=True)
            assert before.page_facts.quality is not None
        assert [result.engine_ms for result in second] == [0, 0]
        assert [(await mill.text(result)).text for result in second] == ["shade11", "shade12"]
    assert read(notes) == [11, 12]


async def test_a_worker_that_was_started_again_still_finds_them(tmp_path: Path, notes: Path) -> None:
    """Nothing of it is in a worker's memory; a page that was never read is, and only that one."""
    path = sheet(tmp_path / "a.tiff", 11, 12, 13)
    async with counting(tmp_path, notes) as mill:
        await mill.work(*(await jobs_of(mill, path, 3))[:2])
    async with counting(tmp_path, notes) as mill:
        assert cached(*await mill.work(*await jobs_of(mill, path, 3))) == [True, True, False]
    assert read(notes) == [11, 12, 13]


async def test_organizations_do_not_share(tmp_path: Path, notes: Path) -> None:
    """The same bytes of somebody else are read for them."""
    async with counting(tmp_path, notes) as mill:
        (ours,) = await jobs_of(mill, sheet(tmp_path / "a.tiff", 11), 1)
        results = [*await mill.work(ours), *await mill.work(replace(ours, job_id="theirs", org_id="other"))]
        assert cached(*results) == [False, False]
        keys = {result.page_facts.page_key.split("/")[1] for result in results if result.page_facts}
        assert keys == {"org", "other"}
    assert read(notes) == [11, 11]


async def test_other_bytes_and_other_reading_are_read(tmp_path: Path, notes: Path) -> None:
    """A page is found only if it would read the same now: the document, the flow's reading mode and the settings."""
    path = sheet(tmp_path / "a.tiff", 11)
    async with counting(tmp_path, notes) as mill:
        await mill.work(*await jobs_of(mill, path, 1))
        other_mode = await mill.work(*await jobs_of(mill, path, 1, read={"mode": "ocr"}))
        other_bytes = await mill.work(*await jobs_of(mill, sheet(tmp_path / "b.tiff", 12), 1))
        assert cached(*other_mode, *other_bytes) == [False, False]
        assert cached(*await mill.work(*await jobs_of(mill, path, 1, read={"mode": "ocr"}))) == [True]
    async with counting(tmp_path, notes, limits={"max_render_side": 500}) as mill:
        assert cached(*await mill.work(*await jobs_of(mill, path, 1))) == [False]
    assert read(notes) == [11, 11, 11, 12]


async def test_another_engine_reads_for_itself(tmp_path: Path, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new release of an engine finds nothing of the old one; back at the old one, it is all there."""
    path = sheet(tmp_path / "a.tiff", 11)
    async with counting(tmp_path, notes) as mill:
        await mill.work(*await jobs_of(mill, path, 1))
    with monkeypatch.context() as newer:
        counting_engine.install(tmp_path / "newer", newer, "tests.fixtures.newer_engine")
        async with open_mill(tmp_path, engine="newer", weights_dir=str(notes)) as mill:
            assert cached(*await mill.work(*await jobs_of(mill, path, 1))) == [False]
    async with counting(tmp_path, notes) as mill:
        assert cached(*await mill.work(*await jobs_of(mill, path, 1))) == [True]
    assert read(notes) == [11, 11]


async def test_it_can_be_switched_off(tmp_path: Path, notes: Path) -> None:
    """Then every run reads its pages."""
    async with counting(tmp_path, notes, page_cache=False) as mill:
        path = sheet(tmp_path / "a.tiff", 11)
        results = [*await mill.work(*await jobs_of(mill, path, 1)), *await mill.work(*await jobs_of(mill, path, 1))]
        assert cached(*results) == [False, False]
    assert read(notes) == [11, 11]


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"[]", b'{"v": 99}', b'{"v":1,"n":1,"s":[1,1],"u":"px","r":0,"e":7,"l":[]}',
     b'{"v":1,"n":1,"s":[1,1],"u":"px","r":0,"e":"x","l":[[["a",0,0,1,1,"sure"]]]}',
     b'{"v":1,"n":1,"s":[1,1],"u":"px","r":0,"e":"x","l":[[["a",0,0,1,1,7]]]}',
     b'{"v":1,"n":1,"s":[1,1],"u":"px","r":0,"e":"x","l":[],"q":{"confidence":2}}'],
)  # fmt: skip
async def test_what_is_damaged_is_read_again(tmp_path: Path, notes: Path, damaged: bytes) -> None:
    """A kept page that cannot be believed costs a reading, not the run, and is whole afterwards."""
    async with counting(tmp_path, notes) as mill:
        (one,) = await jobs_of(mill, sheet(tmp_path / "a.tiff", 11), 1)
        (first,) = await mill.work(one)
        assert first.page_facts is not None
        await mill.blobs.put(first.page_facts.page_key, damaged)
        (second,) = await mill.work(replace(one, job_id="again"))
        assert cached(second) == [False]
        assert (await mill.text(second)).text == "shade11"
    assert read(notes) == [11, 11]
