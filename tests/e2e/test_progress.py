"""What those see who follow a run: every event once, in order, whenever and from wherever they look."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from docmill.client import Docmill, DocmillError, OutOfRangeError, Run
from tests.fixtures import documents
from tests.fixtures.stack import DOCMILL, Stack

pytestmark = pytest.mark.xdist_group("stack")

PAGES = 7


@pytest.fixture(scope="module")
def ended(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of seven pages that has ended."""
    path = tmp_path_factory.mktemp("progress") / "seven.pdf"
    documents.text_pdf(path, pages=PAGES)
    with stack.connect() as client:
        return client.flows.run("document-text", path).result(timeout=60)


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A document whose pages take a good half second each."""
    pages = [documents.draw_page([f"Sheet {number}"], (400, 120), 40)[0] for number in range(1, 6)]
    return documents.never_read(documents.tiff(tmp_path / "five.tiff", pages))


def test_one_event_for_each_page(client: Docmill, tmp_path: Path) -> None:
    """A watcher sees the run accepted, planned, each page once, the steps, and its end; numbered 1, 2, 3..."""
    documents.text_pdf(tmp_path / "seven.pdf", pages=PAGES)
    handle = client.flows.run("document-text", tmp_path / "seven.pdf")
    events = list(handle.watch())
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.kind for event in events[:2]] == ["run.accepted", "run.planned"]
    assert events[1].pages_total == PAGES
    assert events[-1].kind == "run.succeeded"
    pages = [event for event in events if event.kind == "page.done"]
    assert sorted(event.page_number or 0 for event in pages) == list(range(1, PAGES + 1))
    assert [event.pages_done for event in pages] == list(range(1, PAGES + 1))
    assert {(event.engine, event.pages_total, event.attempt) for event in pages} == {("text-layer", PAGES, 1)}
    times = [event.at for event in events if event.at]
    assert times == sorted(times)


def test_pages_are_told_while_others_are_read(client: Docmill, slow: Path) -> None:
    """News of a page comes when it is done, not when the run is."""
    handle = client.flows.run("document-text", slow)
    first = next(event for event in handle.watch() if event.kind == "page.done")
    now = client.runs.get(handle.id)
    assert now.status == "running"
    assert (first.pages_done, first.pages_total) == (1, 5)
    assert now.progress.pages_done < 5
    assert handle.result(timeout=60).progress.pages_done == 5


def test_replay_from_any_number(client: Docmill, ended: Run) -> None:
    """After its end a run is told again, from any number on; a number that never was is an error."""
    events = list(client.runs.watch(ended.id))
    assert len(events) == ended.last_sequence
    for number in range(len(events) + 1):
        assert list(client.runs.watch(ended.id, after_sequence=number)) == events[number:]
    with pytest.raises(OutOfRangeError) as refused:
        list(client.runs.watch(ended.id, after_sequence=len(events) + 1))
    assert refused.value.reason == "SEQUENCE_OUT_OF_RANGE"
    assert refused.value.details["lastSequence"] == str(len(events))


def test_watch_command(stack: Stack, client: Docmill, ended: Run) -> None:
    """`docmill watch RUN --json` prints one line per event, in another process the same as here."""
    events = list(client.runs.watch(ended.id))
    lines = [json.loads(line) for line in stack.docmill("watch", ended.id, "--json").stdout.splitlines()]
    assert [(line["sequence"], line["kind"]) for line in lines] == [(event.sequence, event.kind) for event in events]
    assert [line["page"] for line in lines if line["kind"] == "page.done"] == [
        event.page_number for event in events if event.kind == "page.done"
    ]
    later = stack.docmill("watch", ended.id, "--after", str(len(events) - 1), "--json").stdout.splitlines()
    assert [json.loads(line) for line in later] == lines[-1:]


def test_killed_watcher_resumes(stack: Stack, client: Docmill, slow: Path) -> None:
    """A watcher that is killed and asks again for what it has not seen misses nothing and sees nothing twice."""
    handle = client.flows.run("document-text", slow)
    seen: list[dict[str, Any]] = []
    for enough in (3, 5, 100):  # 100: to the end
        after = str(seen[-1]["sequence"] if seen else 0)
        with subprocess.Popen(
            [DOCMILL, "watch", handle.id, "--after", after, "--json"], env=stack.env, stdout=subprocess.PIPE, text=True
        ) as watcher:
            assert watcher.stdout
            seen += lines_until(watcher.stdout, enough - len(seen))
            watcher.kill()
    run = handle.result(timeout=60)
    assert [line["sequence"] for line in seen] == list(range(1, run.last_sequence + 1))
    assert sorted(line["page"] for line in seen if line["kind"] == "page.done") == [1, 2, 3, 4, 5]
    assert seen[-1]["kind"] == "run.succeeded"


def lines_until(stream: IO[str], count: int) -> Iterator[dict[str, Any]]:
    """At most so many lines of JSON."""
    for line, _ in zip(stream, range(count), strict=False):
        yield json.loads(line)


def test_two_watchers_see_the_same(stack: Stack, client: Docmill, slow: Path) -> None:
    """Somebody who looks on in another process sees what the one who started the run sees."""
    handle = client.flows.run("document-text", slow)
    with subprocess.Popen(
        [DOCMILL, "watch", handle.id, "--json"], env=stack.env, stdout=subprocess.PIPE, text=True
    ) as other:
        mine = [(event.sequence, event.kind, event.page_number) for event in handle.watch()]
        assert other.stdout
        theirs = [json.loads(line) for line in other.stdout]
    assert [(line["sequence"], line["kind"], line.get("page")) for line in theirs] == mine


def test_unknown_run(client: Docmill) -> None:
    """A run that does not exist cannot be watched."""
    with pytest.raises(DocmillError) as refused:
        list(client.runs.watch("run_00000000000000000000000000"))
    assert refused.value.reason == "RUN_NOT_FOUND"
