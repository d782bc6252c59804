"""What commands print: JSON lines for programs on stdout, tables and local times for people, progress on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from docmill.client import Fault, Run, RunEvent

NAME_WIDTH = 32
"""Letters of a file's name that stand beside a bar, the last ones."""

RUN_STYLES = {"queued": "dim", "running": "cyan", "success": "green", "failed": "red", "cancelled": "yellow"}


def json_line(value: Any) -> None:
    """Print one line of JSON."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def json_pretty(value: Any) -> None:
    """Print JSON for people; programs can read it too."""
    from rich.console import Console  # noqa: PLC0415 - Rich loads when something is printed with it

    Console(highlight=False).print_json(json.dumps(value, ensure_ascii=False))


def short_name(name: str) -> str:
    """The end of a name that is too long for its place."""
    return name if len(name) <= NAME_WIDTH else f"…{name[1 - NAME_WIDTH :]}"


def notice(text: str) -> None:
    """A line for people beside the output: on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """`text` for a terminal: a name or description that somebody else wrote must not drive it.

    Control characters, escape sequences' among them, and marks that turn the direction of writing become U+FFFD.
    """
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


class Styled(NamedTuple):
    """A cell in a style of Rich's."""

    text: str
    style: str


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, nothing: str) -> None:
    """Print a table, or the sentence `nothing` where there are no rows. Cells are plain text or `Styled`.

    On a narrow screen the first column, by which a row is named in other commands, stays in one piece.
    """
    from rich.console import Console  # noqa: PLC0415 - Rich loads when something is printed with it
    from rich.table import Column, Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    first, *others = columns
    headers = [Column(first, no_wrap=True), *(Column(name, overflow="fold") for name in others)]
    grid = Table(*headers, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        grid.add_row(
            *(
                Text(cell.text, style=cell.style) if isinstance(cell, Styled) else Text(printable(str(cell)))
                for cell in row
            )
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 240  # nothing is cut where it is not for a screen
    console.print(grid if grid.row_count else nothing)


def local(time: datetime | None) -> str:
    """A time for people: local, to the second."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if time else ""


def utc(time: datetime | None) -> str | None:
    """A time for programs: ISO 8601 in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if time else None


def span(milliseconds: int) -> str:
    """How long something took, for people."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    minutes, seconds = divmod(milliseconds / 1000, 60)
    if minutes:
        return f"{minutes:.0f} min {int(seconds):02} s"
    return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"


def status_of(run: "Run") -> str:
    """The state of a run for people; of one that waits behind others with its place: `waiting, 3rd in line`."""
    if run.queue_position is None:
        return run.status.value
    return f"waiting, {ordinal(run.queue_position)} in line"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th`."""
    teens = 10 < number % 100 < 20
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def run_json(run: "Run") -> dict[str, Any]:
    """A run for programs. `output`, `error` and `metrics` are always there, null when there is none."""
    progress, metrics = run.progress, run.metrics
    return {
        "id": run.id,
        "flowId": run.flow_id,
        "version": run.version,
        "documentId": run.document_id,
        "status": run.status.value,
        "queuePosition": run.queue_position,
        "createdAt": utc(run.created_at),
        "startedAt": utc(run.started_at),
        "completedAt": utc(run.completed_at),
        "progress": {
            "step": progress.step,
            "percentage": progress.percentage,
            "pagesDone": progress.pages_done,
            "pagesFailed": progress.pages_failed,
            "pagesTotal": progress.pages_total,
        },
        "output": run.output,
        "warnings": list(run.warnings),
        "error": fault_json(run.error),
        "metrics": metrics
        and {
            "durationMs": metrics.duration_ms,
            "pageCount": metrics.page_count,
            "creditsUsed": metrics.credits_used,
            "engineMs": metrics.engine_ms,
            "stepsRun": metrics.steps_run,
            "stepsTotal": metrics.steps_total,
        },
        "metadata": dict(run.metadata),
        "labels": dict(run.labels),
        "traceId": run.trace_id,
        "lastSequence": run.last_sequence,
    }


def evidence_json(run: "Run") -> list[dict[str, Any]]:
    """Where each value of a run's output was read, for programs."""
    return [
        {
            "path": item.path,
            "page": item.page_number,
            "bbox": {"x": item.box.x, "y": item.box.y, "w": item.box.w, "h": item.box.h},
            "words": list(item.words),
            "confidence": item.confidence,
            "source": item.source,
            "xpath": item.xpath,
            "grounded": item.grounded,
        }
        for item in run.evidence
    ]


def fault_json(fault: "Fault | None") -> dict[str, Any] | None:
    """Why something failed, for programs."""
    if fault is None:
        return None
    return {"reason": fault.reason, "message": fault.message, "step": fault.step, "details": dict(fault.details)}


def event_json(event: "RunEvent") -> dict[str, Any]:
    """An event for programs: facts that do not belong to its kind are absent."""
    facts = {
        "page": event.page_number,
        "attempt": event.attempt,
        "engine": event.engine or None,
        "confidence": event.confidence,
        "words": event.words,
        "durationMs": event.duration_ms,
        "cached": event.cached,
        "needsReview": event.needs_review,
        "pagesDone": event.pages_done,
        "pagesTotal": event.pages_total,
        "step": event.step or None,
        "error": fault_json(event.error),
    }
    present = {name: value for name, value in facts.items() if value is not None}
    return {"sequence": event.sequence, "kind": event.kind, "at": utc(event.at), **present}


def pages_read(done: int, total: int | None) -> str:
    """`3 pages` where all were read or nobody knows how many there are, `32 of 400 pages` where some were not."""
    share = f"{done} of {total}" if total is not None and done != total else str(done)
    return f"{share} page{'s' if (total or done) != 1 else ''}"


def event_line(event: "RunEvent") -> str:
    """An event for people: `  12  14:03:07  page.done      page 3 of 50, paddle, 182 words, 97 % sure, 310 ms`."""
    time = event.at.astimezone().strftime("%H:%M:%S") if event.at else ""
    return f"{event.sequence:>4}  {time:8}  {event.kind:<13}  {', '.join(_event_facts(event))}".rstrip()


def _event_facts(event: "RunEvent") -> Iterable[str]:
    if event.page_number is not None:
        yield f"page {event.page_number}" + (f" of {event.pages_total}" if event.pages_total else "")
    elif event.pages_total is not None:
        yield pages_read(event.pages_total if event.pages_done is None else event.pages_done, event.pages_total)
    if event.attempt is not None and event.attempt > 1:
        yield f"attempt {event.attempt}"
    if event.step:
        yield event.step
    if event.engine:
        yield event.engine
    if event.words is not None:
        yield f"{event.words} words"
    if event.words and event.confidence is not None:
        yield f"{event.confidence:.0%} sure"
    if event.duration_ms is not None:
        yield f"{event.duration_ms} ms"
    if event.cached:
        yield "read before"
    if event.needs_review:
        yield "needs review"
    if event.error is not None:
        yield f"{event.error.message} ({event.error.reason})"
