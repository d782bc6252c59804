"""What `docmill batch` shows while files are at work, and at the end."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from docmill.cli import batch, batch_progress
from docmill.client import (
    Batch,
    BatchEvent,
    BatchFile,
    BatchProgress,
    BatchResult,
    BatchStatus,
    Fault,
    RunStatus,
)

FAULT = Fault(reason="MEDIA_CORRUPT", message="The file is damaged")


def file(index: int, status: RunStatus = RunStatus.RUNNING, **more: Any) -> BatchFile:
    """A file of a batch."""
    return BatchFile(index=index, document_id="d", run_id="r", filename=f"{index}.pdf", status=status, **more)


def stands(percent: int, *files: BatchFile, done: int = 0) -> Batch:
    """A batch with these files."""
    progress = BatchProgress(files_total=len(files), files_done=done, pages_done=3, percent=percent, seconds_left=5)
    return Batch(id="b", flow_id="f", version="1.0.0", status=BatchStatus.PROCESSING, progress=progress, files=files)


def ended(which: BatchFile, percent: int) -> BatchEvent:
    """A file has ended."""
    kind = "file.succeeded" if which.status is RunStatus.SUCCEEDED else "file.failed"
    return BatchEvent(batch_id="b", sequence=3, kind=kind, progress=BatchProgress(percent=percent), file=which)


def test_one_bar_for_all_and_one_for_each_at_work() -> None:
    """Files get a bar when they begin and lose it when they end; the whole has one of its own."""
    shown = batch_progress.BatchProgress(3, quiet=False)
    bars = shown._bars = batch_progress._bars(Console(file=io.StringIO(), force_terminal=True))
    with shown:
        shown.uploaded(0)
        assert bars.tasks[0].fields["facts"] == "[dim]1/3 uploaded[/]"
        first, second = file(0, pages_done=2, pages_total=5), file(1)
        shown.stands(stands(10, first, second, file(2, RunStatus.QUEUED)))
        assert [task.description for task in bars.tasks] == ["batch", "0.pdf", "1.pdf"]
        assert [(task.completed, task.total) for task in bars.tasks] == [(10, 100), (2, 5), (0, None)]
        shown.event(ended(replace(first, status=RunStatus.SUCCEEDED), 40))
        assert [task.description for task in bars.tasks] == ["batch", "1.pdf"]
        assert bars.tasks[0].completed == 40
        shown.event(ended(replace(second, status=RunStatus.SUCCEEDED), 30))  # recorded before the look at 40
        assert bars.tasks[0].completed == 40


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """How far it is, not more often than every other second; and every file that failed."""
    shown = batch_progress.BatchProgress(2, quiet=False)
    shown._bars = None
    with shown:
        for percent in (10, 11, 12):
            shown.stands(stands(percent, file(0), file(1), done=1))
        shown.event(ended(file(1, RunStatus.FAILED, error=FAULT), 50))
        shown.event(ended(replace(file(0, RunStatus.FAILED, error=FAULT), filename=""), 99))
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "10 %: 1/2 files, 3/? pages, 5 s left",
        "1.pdf: failed: The file is damaged (MEDIA_CORRUPT)",
        "File 1: failed: The file is damaged (MEDIA_CORRUPT)",
    ]
    quiet = batch_progress.BatchProgress(2, quiet=True)
    quiet.stands(stands(10, file(0)))
    quiet.event(ended(file(1, RunStatus.FAILED, error=FAULT), 50))
    assert capsys.readouterr().err == ""
    quiet.leave("b")
    assert "docmill batches watch b" in capsys.readouterr().err


def test_what_is_told_of_a_file() -> None:
    """What it is, its total and what to look at; or why there is nothing. The document's confidence is not the total's."""
    good = BatchResult(
        index=0,
        filename="a.pdf",
        media_type="application/pdf",
        document_id="d",
        run_id="r",
        status=RunStatus.SUCCEEDED,
        pages=2,
        output={"category": "invoice", "total": 12.5, "currency": "EUR", "confidence": 0.934},
    )
    assert list(batch._row(good))[-1] == "invoice, 12.5 EUR"
    assert list(batch._row(good))[:2] == ["1", "a.pdf"]  # people count from 1
    checks = [
        {"code": "several_documents", "level": "warning", "detail": "it seems that page 2 begins another document"}
    ]
    doubtful = replace(
        good, output={**good.output, "checks": checks}, low_confidence=("/total", "/date", "/issuer/name", "/number")
    )
    said = "invoice, 12.5 EUR; several documents; look at /total, /date, /issuer/name and 1 more"
    assert list(batch._row(doubtful))[-1] == said
    assert list(batch._remarks(replace(doubtful, warnings=["Page 3 could not be read"]))) == [
        "a.pdf: warning: several_documents: it seems that page 2 begins another document",
        "a.pdf: warning: Page 3 could not be read",
    ]
    assert list(batch._row(replace(good, output=[1])))[-1] == ""
    assert list(batch._row(replace(good, output={"checks": [{"code": 1}, "x"]})))[-1] == ""
    bad = replace(good, status=RunStatus.FAILED, output=None, error=FAULT)
    assert list(batch._row(bad))[-1] == "The file is damaged (MEDIA_CORRUPT)"
    told = json.loads(json.dumps(batch._result_json(bad)))
    assert (told["file"], told["error"]["reason"], told["output"]) == ("a.pdf", "MEDIA_CORRUPT", None)
    assert told["index"] == 0
