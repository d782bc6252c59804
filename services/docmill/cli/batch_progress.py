"""The progress of a batch: a bar for all of it and one for each document at work; plain lines where there is no terminal.

All on stderr.
"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from docmill.cli.output import NAME_WIDTH, RUN_STYLES, printable, short_name, span

if TYPE_CHECKING:
    from docmill.client import Batch, BatchEvent, BatchFile

_BARS = 16
"""Documents at work that have a bar at a time; more would not fit on a screen."""
_LINE_EVERY = 2.0
"""Seconds between the lines of a log."""


class BatchProgress:
    """What is shown of one batch of `files` documents."""

    def __init__(self, files: int, *, quiet: bool) -> None:
        console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._files = files
        self._sent = 0
        self._said_at = 0.0
        self._percent = 0
        self._bars = _bars(console) if console.is_terminal and not quiet else None
        self._all: TaskID | None = None
        self._running: dict[int, TaskID] = {}

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
            self._all = self._bars.add_task("batch", total=100, facts="[dim]uploading[/]")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def uploaded(self, index: int) -> None:  # noqa: ARG002 - they come in any order
        """One more document was sent."""
        self._sent += 1
        if self._bars is not None and self._all is not None:
            self._bars.update(self._all, facts=f"[dim]{self._sent}/{self._files} uploaded[/]")

    def stands(self, batch: "Batch") -> None:
        """The batch as it is, with its files."""
        shown = batch.progress
        left = f", {span(shown.seconds_left * 1000)} left" if shown.seconds_left else ""
        facts = f"{shown.files_done}/{shown.files_total} files, {shown.pages_done}/{shown.pages_total or '?'} pages"
        if self._bars is None:
            self._line(f"{shown.percent} %: {facts}{left}")
            return
        assert self._all is not None
        self._advance(shown.percent)
        self._bars.update(self._all, facts=f"{facts}[dim]{left}[/]")
        for file in batch.files:
            self._show(file)

    def event(self, event: "BatchEvent") -> None:
        """Something happened to it."""
        self._advance(event.progress.percent)
        file = event.file
        if file is None:
            return
        task = self._running.pop(file.index, None)
        if task is not None and self._bars is not None:
            self._bars.remove_task(task)
        if file.status == "success" and self._bars is not None:
            return
        why = f": {file.error.message} ({file.error.reason})" if file.error is not None else ""
        text = f"{_name(file)}: {file.status}{why}"
        if self._bars is not None:
            self._bars.console.print(Text(text, style=RUN_STYLES[file.status]), soft_wrap=True)
        elif not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def leave(self, batch_id: str) -> None:
        """Say how to come back to a batch that goes on."""
        if self._bars is not None:
            self._bars.stop()
        print(
            f"docmill: left; the batch goes on: docmill batches watch {batch_id}, or docmill batches cancel {batch_id}",
            file=sys.stderr,
        )

    def _advance(self, percent: int) -> None:
        """Never back: an event from before the first look says less than that did."""
        self._percent = max(self._percent, percent)
        if self._bars is not None and self._all is not None:
            self._bars.update(self._all, completed=self._percent)

    def _show(self, file: "BatchFile") -> None:
        assert self._bars is not None
        if file.status != "running":
            return
        if file.index not in self._running:
            if len(self._running) >= _BARS:
                return
            self._running[file.index] = self._bars.add_task(escape(short_name(_name(file))), total=None, facts="")
        done = file.pages_done + file.pages_failed
        facts = f"{done}/{file.pages_total} pages" if file.pages_total else ""
        self._bars.update(self._running[file.index], total=file.pages_total, completed=done, facts=facts)

    def _line(self, text: str) -> None:
        now = time.monotonic()
        if not self._quiet and now - self._said_at >= _LINE_EVERY:
            self._said_at = now
            print(text, file=sys.stderr, flush=True)


def _name(file: "BatchFile") -> str:
    """What it is called, or its place counted from 1, as people count."""
    return printable(file.filename) or f"File {file.index + 1}"


def _bars(console: Console) -> RichProgress:
    line = Column(no_wrap=True)
    return RichProgress(
        SpinnerColumn(table_column=line),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", max_width=NAME_WIDTH)),
        BarColumn(bar_width=20 if console.width >= 100 else 10, table_column=line),
        TextColumn("{task.fields[facts]}", table_column=line),
        TimeElapsedColumn(table_column=line),
        console=console,
        redirect_stdout=False,  # Rich would send results to stderr, where the bars are
    )
