"""Follow a batch: its events in order, from any number, while they happen and ever after; pages show in snapshots.

As with runs, hints only shorten the wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from docmill.domain.batches import BatchEvent
from docmill.domain.errors import Reason, SequenceOutOfRange
from docmill.domain.models import Caller
from docmill.engine import batches
from docmill.engine.context import Context
from docmill.engine.follow import end_of
from docmill.engine.notify import wait
from docmill.engine.requests import BatchView, Heartbeat
from docmill.store import Op
from docmill.store import batches as record

_BATCH = 500
_PACE = 0.2
"""Seconds between looks: pages come faster than anybody wants to see them counted."""
_POLL = 1.0
"""Seconds until the next look at pages that another process counted."""


async def watch_batch(
    ctx: Context, caller: Caller, batch_id: str, after_sequence: int
) -> AsyncIterator[BatchView | BatchEvent | Heartbeat]:
    """The batch as it stands, then every event after `after_sequence`, with the batch anew when pages were read.

    An event has the percentage of its own moment, whenever it is read. Those of the looks, and of the events that are
    recorded after them, never fall. It ends after the terminal event. Raises SequenceOutOfRange when the batch has no event
    `after_sequence` yet.
    """
    # Before the first look, so that nothing falls between.
    with ctx.notifier.listen(batch_id) as news, ctx.notifier.listen(end_of(batch_id)) as end:
        view = await batches.get_batch(ctx, caller, batch_id)
        if after_sequence > view.batch.last_sequence:
            raise SequenceOutOfRange(
                Reason.SEQUENCE_OUT_OF_RANGE,
                f"Batch {batch_id} has {view.batch.last_sequence} events; it cannot be watched from {after_sequence} on",
                {"lastSequence": str(view.batch.last_sequence)},
            )
        yield view
        shown, percent = view, view.progress.percent
        cursor, idle = after_sequence, 0.0
        poll = min(_POLL, ctx.options.poll.total_seconds())
        while True:
            news.clear()
            events, view = await ctx.store.read(lambda: _look(ctx, caller, batch_id, cursor))  # noqa: B023 - awaited at once
            for event in events:
                cursor, idle = event.sequence, 0.0
                percent = max(percent, _percent(event))
                yield _no_less(event, shown)
                if event.kind.is_terminal:
                    return
            if view.batch.state.is_terminal and cursor == view.batch.last_sequence:
                return
            if len(events) == _BATCH:
                continue
            if _pages(view) != _pages(shown) or view.progress.percent > percent:
                shown, percent, idle = view, view.progress.percent, 0.0
                yield view
            if not await wait(end, _PACE) and not await wait(news, poll):
                idle += poll + _PACE
                if idle >= ctx.options.heartbeat.total_seconds():
                    idle = 0.0
                    yield Heartbeat(sequence=cursor)


def _look(ctx: Context, caller: Caller, batch_id: str, cursor: int) -> Op[tuple[Sequence[BatchEvent], BatchView]]:
    events = yield from record.events(batch_id, cursor, _BATCH)
    return events, (yield from batches.view(ctx, caller, batch_id))


def _percent(event: BatchEvent) -> int:
    found: int = event.payload.get("progress", {}).get("percent", 0)
    return found


def _no_less(event: BatchEvent, shown: BatchView) -> BatchEvent:
    """An event that came after a look says no less than it: pages may be counted while the event is being recorded."""
    if event.sequence <= shown.batch.last_sequence or _percent(event) >= shown.progress.percent:
        return event
    progress = {**event.payload.get("progress", {}), "percent": shown.progress.percent}
    return replace(event, payload={**event.payload, "progress": progress})


def _pages(view: BatchView) -> tuple[int, int, int]:
    """What moves between events; files show as events."""
    shown = view.progress
    return shown.pages_done, shown.pages_failed, shown.pages_total
