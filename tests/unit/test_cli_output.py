"""What the command line shows: tables, progress, and how to go on."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress as RichProgress

from docmill.cli import accounts, main, progress, system
from docmill.cli.output import Styled, event_line, ordinal, run_json, status_of, table
from docmill.client import Metrics, Progress, Run, RunEvent, RunStatus
from docmill.domain.models import ApiKey, Mode, Scope

RUN = "run_01M80DRHCRY84WTBM7FY99P6BX"


def test_what_others_wrote_does_not_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences, control characters and direction marks in a name are shown as what they are: not text."""
    table(["NAME"], [("a\x1b[2Jb\x9bc\u202ed\x07",)], nothing="Nothing.")
    assert capsys.readouterr().out.split() == ["NAME", "a\ufffd[2Jb\ufffdc\ufffdd\ufffd"]


def test_cells_are_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets in a cell are letters, and a style is no part of the text."""
    table(["NAME", "STATE"], [("[red]x[/]", Styled("valid", "green"))], nothing="Nothing.")
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["NAME", "STATE"],
        ["[red]x[/]", "valid"],
    ]


def test_ids_stay_in_one_piece(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal the id that other commands take can still be copied."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    table(["RUN", "FLOW", "CREATED"], [(RUN, "invoice-extractor 1.2.0", "2026-11-22 01:27:37")], nothing="")
    out = capsys.readouterr().out
    assert RUN in out
    assert "…" not in out


@pytest.mark.parametrize(
    ("expires", "revoked", "text", "style"),
    [
        (None, None, "valid", "green"),
        (timedelta(days=1), None, "valid until 20", "green"),
        (timedelta(days=-1), None, "expired 20", "red"),
        (timedelta(days=1), timedelta(days=-1), "revoked 20", "red"),
    ],
)
def test_the_state_of_a_key(expires: timedelta | None, revoked: timedelta | None, text: str, style: str) -> None:
    """A word, a time, and a colour; no markup."""
    now = datetime.now(UTC)
    key = ApiKey(
        id="key_1",
        org_id="org_1",
        mode=Mode.TEST,
        name="",
        last4="abcd",
        sha256="",
        scopes=frozenset(Scope),
        created_at=now,
        expires_at=None if expires is None else now + expires,
        revoked_at=None if revoked is None else now + revoked,
    )
    state = accounts._state(key)
    assert (state.text.startswith(text), "[" in state.text, state.style) == (True, False, style)


@pytest.mark.parametrize(
    ("kind", "done", "total", "said"),
    [
        ("run.planned", None, 400, "400 pages"),
        ("run.cancelled", 32, 400, "32 of 400 pages"),
        ("run.failed", 0, 1, "0 of 1 page"),
        ("run.succeeded", 3, 3, "3 pages"),
    ],
)
def test_an_event_says_how_many_pages_were_read(kind: str, done: int | None, total: int, said: str) -> None:
    """A run that was cancelled among its pages has not read them all."""
    line = event_line(RunEvent(run_id=RUN, sequence=7, kind=kind, pages_done=done, pages_total=total))
    assert line.split(maxsplit=2)[-1] == said


def test_the_end_of_a_run_says_how_many_pages_were_read() -> None:
    """Beside how it ended."""
    run = Run(
        id=RUN,
        flow_id="f",
        version="1.0.0",
        document_id="d",
        status=RunStatus.CANCELLED,
        progress=Progress(pages_done=32, pages_total=400),
        metrics=Metrics(duration_ms=5000, page_count=32, credits_used=0, engine_ms=0),
    )
    assert progress._outcome(run).startswith("cancelled: 32 of 400 pages in ")


def pages(total: int) -> list[RunEvent]:
    """The events of a run whose pages come in all at once."""
    return [
        RunEvent(run_id=RUN, sequence=page, kind="page.done", pages_done=page, pages_total=total)
        for page in range(1, total + 1)
    ]


def test_pages_of_short_documents_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """One for each page up to 20 pages; of longer documents the first, the last, and what a second brings."""
    for total, lines in ((20, 20), (21, 2)):
        document = progress.Progress(1, quiet=False).document("x.pdf")
        for event in pages(total):
            document.event(event)
        said = capsys.readouterr().err.splitlines()
        assert (said[0], said[-1]) == (f"x.pdf: 1/{total} pages", f"x.pdf: {total}/{total} pages")
        assert len(said) == lines


def queued(place: int | None) -> Run:
    """A run that has not begun."""
    return Run(id=RUN, flow_id="f", version="1.0.0", document_id="d", status=RunStatus.QUEUED, queue_position=place)


def test_places_in_the_line() -> None:
    """In words for people, as a number for programs."""
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111, 113)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th", "113th"]
    )
    assert (status_of(queued(3)), status_of(queued(None))) == ("waiting, 3rd in line", "queued")
    assert (run_json(queued(3))["queuePosition"], run_json(queued(None))["queuePosition"]) == (3, None)


def test_a_moving_line_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each new place; nothing when it comes again as it was, or needs not wait."""
    document = progress.Progress(1, quiet=False).document("x.pdf")
    for place in (3, 3, 2, None, None):
        document.stands(queued(place))
    assert capsys.readouterr().err.splitlines() == ["x.pdf: waiting, 3rd in line", "x.pdf: waiting, 2nd in line"]
    progress.Progress(1, quiet=True).document("x.pdf").stands(queued(3))
    assert capsys.readouterr().err == ""


def test_the_bar_of_a_run_that_waits() -> None:
    """It shows the place as it is now, and nothing of the line once its pages are being read."""
    bars = RichProgress(console=Console(file=io.StringIO()), auto_refresh=False)
    bar = progress._Bar(bars, "x.pdf", keep=True)
    shown = []
    for place in (3, 2, None):
        bar.stands(queued(place))
        shown.append(bars.tasks[0].fields["state"])
    assert shown == ["[dim]waiting, 3rd in line[/]", "[dim]waiting, 2nd in line[/]", "[dim]queued[/]"]
    bar.event(RunEvent(run_id=RUN, sequence=2, kind="run.planned", pages_total=3))
    bar.stands(replace(queued(None), status=RunStatus.RUNNING))  # as after a reconnect
    assert bars.tasks[0].fields["state"] == "[cyan]reading[/]"


def test_documents_that_were_not_sent_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The first of them, and how many there are."""
    progress.Progress(40, quiet=False).leave({RUN: "0.pdf"}, [f"{number}.pdf" for number in range(1, 30)])
    said = capsys.readouterr().err
    assert f"  0.pdf: docmill watch {RUN}" in said
    assert "docmill: 29 documents were not sent: 1.pdf, 2.pdf, " in said
    assert said.endswith("20.pdf and 9 more\n")
    progress.Progress(1, quiet=False).leave({}, [])
    assert capsys.readouterr().err == ""


def test_pages_that_come_together_are_no_speed() -> None:
    """The rate is that of the whole time, not of the moment between two pages."""
    clock = iter([0.0] + [10.0] * 100)
    bars = RichProgress(console=Console(file=io.StringIO()), get_time=lambda: next(clock), auto_refresh=False)
    task_id = bars.add_task("x.pdf", total=10)
    bars.update(task_id, completed=1)
    bars.update(task_id, completed=2)
    assert progress._Rate().render(bars.tasks[0]).plain == "0.2/s, 40 s left"


def announced(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the banner of `docmill up` that can be copied."""
    system._announce({"grpc": "127.0.0.1:1", "rest": "127.0.0.1:2", "data": "/data", "api_key": "dc_test_x"})
    return [line.strip() for line in capsys.readouterr().out.splitlines()[2:]]


def test_the_banner_can_be_copied(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names a document that is there, or none; and how to find `docmill` where it is not on the PATH."""
    scripts = tmp_path / "my env" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "activate").touch()
    monkeypatch.setattr(sys, "executable", str(scripts / "python"))
    monkeypatch.chdir(tmp_path)
    export = "export DOCMILL_GRPC=127.0.0.1:1 DOCMILL_API_KEY=dc_test_x"
    assert announced(capsys) == [". 'my env/bin/activate'", export, "docmill run invoice-extractor INVOICE.pdf"]
    monkeypatch.setenv("PATH", str(scripts), prepend=os.pathsep)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "invoice.pdf").touch()
    assert announced(capsys) == [export, "docmill run invoice-extractor examples/invoice.pdf"]


def test_the_screen_belongs_to_docmill(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The log lines of gRPC itself stay away, unless a user asked for them."""
    monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
    main.main(["--version"])
    assert os.environ["GRPC_VERBOSITY"] == "NONE"
    monkeypatch.setenv("GRPC_VERBOSITY", "debug")
    main.main(["--version"])
    assert os.environ["GRPC_VERBOSITY"] == "debug"
    assert capsys.readouterr().err == ""
