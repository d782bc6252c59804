"""The progress of `docmill run`: a bar for each document on a terminal, plain lines elsewhere. All on stderr."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from docmill.cli.output import NAME_WIDTH, RUN_STYLES, json_line, json_pretty, pages_read, short_name, span, status_of

if TYPE_CHECKING:
    from docmill.client import Run, RunEvent

MANY = 8
"""With more documents than this the bars of ended ones are replaced by one line each."""

EACH_PAGE = 20
"""Documents of up to so many pages get a plain line for each page."""

NAMED = 20
"""How many of the documents that were not sent are named."""

LINE_EVERY = 1.0
"""Seconds between the lines of one that has more."""


class Document(Protocol):
    """What is shown of one document."""

    def refused(self, message: str) -> None:
        """It was not taken."""

    def started(self, run_id: str) -> None:
        """Its run was recorded and is followed."""

    def stands(self, run: "Run") -> None:
        """Its run as it is; again whenever its place in the line changes."""

    def event(self, event: "RunEvent") -> None:
        """Something happened to its run."""

    def ended(self, run: "Run") -> None:
        """Its run ended."""


class Progress:
    """The documents of one command."""

    def __init__(self, documents: int, *, quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._many = documents > MANY
        self._bars = _bars(self._console) if self._console.is_terminal and not quiet else None

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def document(self, name: str) -> Document:
        """Show one more document."""
        if self._quiet:
            return _Quiet(name)
        if self._bars is not None:
            return _Bar(self._bars, name, keep=not self._many)
        return _Lines(name)

    def output(self, value: object, *, pretty: bool = False) -> None:
        """Print JSON to stdout; above the bars where both are on the screen."""
        if self._bars is None or not sys.stdout.isatty():
            (json_pretty if pretty else json_line)(value)
        elif pretty:
            self._bars.console.print_json(json.dumps(value, ensure_ascii=False))
        else:
            self._bars.console.print(Text(json.dumps(value, ensure_ascii=False)), soft_wrap=True)

    def leave(self, going: Mapping[str, str], unsent: Sequence[str]) -> None:
        """Say how to come back to the runs that go on after we left, and which documents have none."""
        if self._bars is not None:
            for task in [task for task in self._bars.tasks if task.total is None]:
                self._bars.remove_task(task.id)  # what never began would look as if it went on
            self._bars.stop()
        if going:
            print(f"docmill: left; {len(going)} run{'s go' if len(going) > 1 else ' goes'} on:", file=sys.stderr)
        for run_id, name in going.items():
            print(f"  {name}: docmill watch {run_id}, or docmill cancel {run_id}", file=sys.stderr)
        if unsent:
            names = ", ".join(unsent[:NAMED]) + (f" and {len(unsent) - NAMED} more" if len(unsent) > NAMED else "")
            print(
                f"docmill: {len(unsent)} document{'s were' if len(unsent) > 1 else ' was'} not sent: {names}",
                file=sys.stderr,
            )


class _Bar:
    """One bar."""

    def __init__(self, bars: RichProgress, name: str, *, keep: bool) -> None:
        self._bars = bars
        self._name = name
        self._keep = keep
        self._task: TaskID = bars.add_task(escape(short_name(name)), total=None, state="[dim]uploading[/]", mark="")

    def refused(self, message: str) -> None:
        self._say("red", message)
        self._end("failed", "red")

    def started(self, run_id: str) -> None:  # noqa: ARG002 - the bar has no room for it
        self._bars.update(self._task, state="[dim]queued[/]")

    def stands(self, run: "Run") -> None:
        if run.status == "queued":  # what is at work is told by its events
            self._bars.update(self._task, state=f"[dim]{status_of(run)}[/]")

    def event(self, event: "RunEvent") -> None:
        if event.pages_total is not None:
            self._bars.update(self._task, total=event.pages_total, state="[cyan]reading[/]")
        if event.pages_done is not None:
            self._bars.update(self._task, completed=event.pages_done)
        if event.kind == "step.started":
            self._bars.update(self._task, state=f"[cyan]{escape(event.step)}[/]")
        elif event.kind in {"page.retried", "page.failed"} and event.error is not None:
            what = "is tried again" if event.kind == "page.retried" else "failed"
            self._say("yellow", f"page {event.page_number} {what}: {event.error.message}")

    def ended(self, run: "Run") -> None:
        style = RUN_STYLES[run.status]
        if run.error is not None:
            self._say(style, f"{run.error.message} ({run.error.reason})")
        for warning in run.warnings:
            self._say("yellow", f"warning: {warning}")
        self._end(run.status.value if run.error else _outcome(run), style)

    def _say(self, style: str, what: str) -> None:
        self._bars.console.print(Text(f"{self._name}: {what}", style=style), soft_wrap=True)

    def _end(self, state: str, style: str) -> None:
        mark = "[green]✓[/]" if style == "green" else f"[{style}]✗[/]"
        if self._keep:
            task = next(task for task in self._bars.tasks if task.id == self._task)
            total = task.total or 1  # a bar of unknown length would pulse for ever
            done = total if task.total is None and style == "green" else task.completed
            self._bars.update(self._task, total=total, completed=done, state=f"[{style}]{state}[/]", mark=mark)
            self._bars.stop_task(self._task)
        else:
            self._bars.console.print(f"{mark} {escape(self._name)}  [{style}]{state}[/]", soft_wrap=True)
            self._bars.remove_task(self._task)


class _Lines:
    """Plain lines, for logs: everything as it comes, but the pages of long documents at most once a second."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said_at = 0.0
        self._place: int | None = None

    def refused(self, message: str) -> None:
        self._say(message)

    def started(self, run_id: str) -> None:
        self._say(f"started {run_id}")

    def stands(self, run: "Run") -> None:
        if run.queue_position not in {None, self._place}:
            self._say(status_of(run))
        self._place = run.queue_position

    def event(self, event: "RunEvent") -> None:
        if event.error is not None and event.page_number is not None:
            again = ", trying again" if event.kind == "page.retried" else ""
            self._say(f"page {event.page_number} failed{again}: {event.error.message}")
        elif event.kind == "page.done" and self._due(event):
            self._say(f"{event.pages_done}/{event.pages_total or '?'} pages")

    def ended(self, run: "Run") -> None:
        for warning in run.warnings:
            self._say(f"warning: {warning}")
        self._say(_outcome(run))

    def _due(self, event: "RunEvent") -> bool:
        now = time.monotonic()
        short = event.pages_total is not None and event.pages_total <= EACH_PAGE
        if not short and event.pages_done != event.pages_total and now - self._said_at < LINE_EVERY:
            return False
        self._said_at = now
        return True

    def _say(self, what: str) -> None:
        print(f"{self._name}: {what}", file=sys.stderr, flush=True)


class _Quiet:
    """Only what went wrong."""

    def __init__(self, name: str) -> None:
        self._name = name

    def refused(self, message: str) -> None:
        print(f"{self._name}: {message}", file=sys.stderr, flush=True)

    def started(self, run_id: str) -> None: ...

    def stands(self, run: "Run") -> None: ...

    def event(self, event: "RunEvent") -> None: ...

    def ended(self, run: "Run") -> None:
        if run.status != "success":
            self.refused(_outcome(run))


class _Mark(SpinnerColumn):
    """A spinner until it ended, then how it ended; all pages read is not the end."""

    def render(self, task: Task) -> RenderableType:
        return Text.from_markup(task.fields["mark"]) if task.fields["mark"] else self.spinner.render(task.get_time())


class _Pages(ProgressColumn):
    """`17/50 pages`."""

    def render(self, task: Task) -> Text:
        known = task.total is not None and not (task.stop_time and task.total == 1 and not task.completed)
        return Text(f"{int(task.completed)}/{int(task.total or 0)} pages" if known else "", style="progress.download")


class _Rate(ProgressColumn):
    """Pages a second, and the time left while it reads."""

    max_refresh = 0.5  # numbers that change more often cannot be read

    def render(self, task: Task) -> Text:
        if not task.completed or not task.elapsed or task.total is None:
            return Text("")
        rate = task.completed / task.elapsed  # Rich's own is wild while the first pages come in, several at once
        left = round((task.total - task.completed) / rate)
        going = left and task.stop_time is None
        return Text(f"{rate:.1f}/s, {span(left * 1000)} left" if going else f"{rate:.1f}/s", style="dim")


def _bars(console: Console) -> RichProgress:
    line = Column(no_wrap=True)
    return RichProgress(
        _Mark(table_column=line),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", max_width=NAME_WIDTH)),
        BarColumn(bar_width=20 if console.width >= 100 else 10, table_column=line),
        _Pages(table_column=line),
        _Rate(table_column=line),
        TimeElapsedColumn(table_column=line),
        TextColumn("{task.fields[state]}", table_column=line),
        console=console,
        redirect_stdout=False,  # Rich would send outputs to stderr, where the bars are
    )


def _outcome(run: "Run") -> str:
    if run.error is not None:
        return f"{run.status}: {run.error.message} ({run.error.reason})"
    if run.metrics is None:
        return run.status.value
    failed = f", {run.progress.pages_failed} failed" if run.progress.pages_failed else ""
    pages = pages_read(run.metrics.page_count, run.progress.pages_total)
    return f"{run.status}: {pages}{failed} in {span(run.metrics.duration_ms)}"
