"""What a run is found by, what its steps took and made: on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from docmill.domain.models import EventKind, RunEvent
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.domain.states import RunState
from docmill.engine import RunFilter, RunRequest, artifacts
from docmill.extract.outcome import DocumentOutcome, outcome_to_json
from docmill.ocr.codec import page_to_json
from docmill.store import Store
from tests.fixtures.engine import CALLER, LIVE, QUICK, Bench, done, lab_report, serving

TEXT = RunRequest(flow_id="document-text", content=b"%PDF")


def page(number: int, *words: str) -> bytes:
    """A page with one word a line."""
    lines = tuple(Line((Word(word, Box(0.0, 0.0, 1.0, 1.0), 1.0),)) for word in words)
    read = Page(number=number, width=595.0, height=842.0, unit=Unit.POINT, engine="text-layer", lines=lines)
    return page_to_json(read)


async def keep(bench: Bench, *texts: tuple[str, ...]) -> None:
    """Put the texts of pages where the peer says they are."""
    for number, words in enumerate(texts, start=1):
        await bench.engine.ctx.blobs.put(f"pages/{number}.json", page(number, *words))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("ward=B2", {"both", "ward"}),
        ("ward", {"both", "ward", "elsewhere"}),
        ("ward=", set()),
        ("case=7", {"both"}),
        ("note=a=b", {"both"}),
        ("note=", {"ward"}),
        ("nothing", set()),
        ("ward=b2", set()),
        ("", {"both", "ward", "elsewhere", "none"}),
    ],
)
async def test_runs_are_found_by_their_labels(bench: Bench, label: str, expected: set[str]) -> None:
    """By name and value, or by name alone; other tenants' runs and other modes' never, and the total counts along."""
    document_id = await bench.probed()
    request = RunRequest(flow_id="document-text", document_id=document_id)
    labelled = {
        "both": {"ward": "B2", "case": "7", "note": "a=b"},
        "ward": {"ward": "B2", "note": ""},
        "elsewhere": {"ward": "B3"},
        "none": {},
    }
    names = {}
    for name, labels in labelled.items():
        run = await bench.engine.run_flow(CALLER, replace(request, labels=labels))
        assert run.labels == labels
        names[run.id] = name
    await bench.grant(100)
    await bench.engine.run_flow(LIVE, replace(TEXT, labels=labelled["both"]))
    await bench.engine.run_flow(replace(CALLER, org_id="org_2"), replace(TEXT, labels=labelled["both"]))
    found = await bench.engine.list_runs(CALLER, RunFilter(label=label), limit=10)
    assert {names[run.id] for run in found.items} == expected
    assert found.total == len(expected)


async def test_labels_go_with_the_other_conditions_page_by_page(bench: Bench) -> None:
    """Every condition must hold, and the next page goes on where the last one ended."""
    document_id = await bench.probed()
    request = RunRequest(flow_id="document-text", document_id=document_id, labels={"ward": "B2"})
    wanted = [(await bench.engine.run_flow(CALLER, request)).id for _ in range(5)]
    for run_id in wanted:
        await bench.ended(run_id)
    filter_ = RunFilter(label="ward=B2", flow_id="document-text", states=frozenset({RunState.SUCCEEDED}))
    seen, token = [], ""
    while True:
        listing = await bench.engine.list_runs(CALLER, filter_, limit=2, page_token=token)
        assert listing.total == 5
        seen += [run.id for run in listing.items]
        token = listing.next_page_token
        if not token:
            break
    assert seen == wanted[::-1]
    others = replace(filter_, flow_id="invoice-extractor")
    assert (await bench.engine.list_runs(CALLER, others, limit=2)).total == 0


async def test_steps_are_counted_and_timed(bench: Bench) -> None:
    """A run knows how many steps its flow has from the start, counts those that ran, and tells what each took."""
    await bench.engine.create_flow(CALLER, lab_report("lab", {"onPageFailure": "skip"}))
    bench.peer.answer = lambda job: None if job.page else done(job)
    run = await bench.engine.run_flow(CALLER, replace(TEXT, flow_id="lab"))
    assert (run.steps_run, run.steps_total) == (0, 2)
    assert await bench.engine.get_steps(CALLER, run) == []
    bench.peer.answer = done
    await bench.engine.cancel_run(CALLER, run.id)
    run = await bench.ended((await bench.engine.run_flow(CALLER, replace(TEXT, flow_id="lab"))).id)
    assert (run.steps_run, run.steps_total) == (2, 2)
    read, fields = await bench.engine.get_steps(CALLER, run)
    assert (read.step_id, read.node_type) == ("read", "parse")
    assert read.duration_ms >= 0
    assert (fields.step_id, fields.node_type, fields.duration_ms) == ("fields", "extract", 1)


async def test_a_cancelled_run_counts_the_steps_that_ended(bench: Bench) -> None:
    """Reading had ended, extracting had not."""
    await bench.engine.create_flow(CALLER, lab_report("lab", {"onPageFailure": "skip"}))
    bench.peer.answer = lambda job: done(job) if job.page or not job.run_id else None
    run_id = (await bench.engine.run_flow(CALLER, replace(TEXT, flow_id="lab"))).id
    async with asyncio.timeout(10):
        async for item in bench.engine.watch_run(CALLER, run_id):
            if isinstance(item, RunEvent) and item.kind is EventKind.STEP_STARTED:
                break
    run = await bench.engine.cancel_run(CALLER, run_id)
    assert (run.steps_run, run.steps_total) == (1, 2)
    assert [step.step_id for step in await bench.engine.get_steps(CALLER, run)] == ["read"]


async def test_artifacts_grow_with_the_run(bench: Bench) -> None:
    """Pages read so far while it runs; categories and data once it succeeded; nothing for strangers."""
    await bench.engine.create_flow(CALLER, lab_report("lab", {"onPageFailure": "skip"}))
    await keep(bench, ("Hemoglobin", "13.9"), ("Page", "two"), ("Last",))
    bench.peer.answer = lambda job: None if job.page in {2, 3} else done(job)
    run_id = (await bench.engine.run_flow(CALLER, replace(TEXT, flow_id="lab"))).id
    async with asyncio.timeout(10):
        async for item in bench.engine.watch_run(CALLER, run_id):
            if isinstance(item, RunEvent) and item.kind is EventKind.PAGE_DONE:
                break
    first = {"pageNumber": 1, "text": "Hemoglobin\n13.9"}
    run = await bench.engine.get_run(CALLER, run_id)
    made = await bench.engine.get_artifacts(CALLER, run)
    assert made == {"read": {"type": "parse", "pageCount": 1, "pages": [first]}}
    await bench.engine.cancel_run(CALLER, run_id)

    bench.peer.answer = done
    run = await bench.ended((await bench.engine.run_flow(CALLER, replace(TEXT, flow_id="lab"))).id)
    data = {"hemoglobin": 13.9}
    kind = {"type": "categorize", "category": "lab", "confidence": 0.9}
    outcome = DocumentOutcome(output=data, artifacts={"kind": kind, "fields": {"type": "extract", "data": data}})
    await bench.engine.ctx.blobs.put(run.output_key, outcome_to_json(outcome))
    made = await bench.engine.get_artifacts(CALLER, run)
    assert made["read"]["pages"] == [
        first,
        {"pageNumber": 2, "text": "Page\ntwo"},
        {"pageNumber": 3, "text": "Last"},
    ]
    assert made["fields"] == {"type": "extract", "data": data}
    assert made["kind"] == kind


async def test_artifacts_before_the_pages_are_known(store: Store) -> None:
    """There are none."""
    async with serving(store, replace(QUICK, probe_wait=timedelta())) as bench:
        bench.peer.answer = lambda job: None
        run = await bench.engine.run_flow(CALLER, TEXT)
        assert await bench.engine.get_artifacts(CALLER, run) == {}


async def test_artifacts_are_bounded_and_say_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text beyond the bound is cut, pages beyond it are left out, and so is text that is no longer kept."""
    await keep(bench, ("a" * 10,), ("b" * 10,), ("c" * 10,))
    run = await bench.ended(await bench.run(TEXT))
    for bound, texts in ((30, [10, 10, 10]), (29, [10, 10, 9]), (10, [10]), (5, [5])):
        monkeypatch.setattr(artifacts, "MAX_TEXT", bound)
        monkeypatch.setattr(artifacts, "_FETCHES", 1)
        read = (await bench.engine.get_artifacts(CALLER, run))["read"]
        assert [len(shown["text"]) for shown in read["pages"]] == texts
        assert read["pageCount"] == 3
        assert read.get("truncated", False) is (bound < 30)
    monkeypatch.undo()
    monkeypatch.setattr(artifacts, "MAX_PAGES", 2)
    read = (await bench.engine.get_artifacts(CALLER, run))["read"]
    assert ([shown["pageNumber"] for shown in read["pages"]], read["truncated"]) == ([1, 2], True)
    monkeypatch.undo()
    await bench.engine.ctx.blobs.delete("pages/2.json")
    read = (await bench.engine.get_artifacts(CALLER, run))["read"]
    assert ([shown["pageNumber"] for shown in read["pages"]], read["truncated"]) == ([1, 3], True)
