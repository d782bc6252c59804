"""Follow a run: its events in order, from any number, while they happen and ever after.

Hints only shorten the wait; the record is the truth, so a lost hint costs a few seconds and never an event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from docmill.domain.errors import Reason, SequenceOutOfRange
from docmill.domain.models import Caller, Run, RunEvent
from docmill.engine import reads
from docmill.engine.context import Context
from docmill.engine.notify import wait
from docmill.engine.requests import Heartbeat
from docmill.store import runs

_BATCH = 500


async def watch_run(
    ctx: Context, caller: Caller, run_id: str, after_sequence: int
) -> AsyncIterator[Run | RunEvent | Heartbeat]:
    """The run as it stands, then every event after `after_sequence`; ends after the terminal one.

    While it waits to be let in, the run comes again whenever somebody saw that its place in the line has changed.

    Raises SequenceOutOfRange when the run has no event `after_sequence` yet.
    """
    with ctx.notifier.listen(run_id) as news:  # before the first look, so that nothing falls between
        run = await reads.get_run(ctx, caller, run_id)
        if after_sequence > run.last_sequence:
            raise SequenceOutOfRange(
                Reason.SEQUENCE_OUT_OF_RANGE,
                f"Run {run_id} has {run.last_sequence} events; it cannot be watched from {after_sequence} on",
                {"lastSequence": str(run.last_sequence)},
            )
        yield run
        cursor, idle = after_sequence, 0.0
        poll = ctx.options.poll.total_seconds()
        while True:
            news.clear()
            events = await ctx.store.read(lambda: runs.events(run_id, cursor, _BATCH))  # noqa: B023 - awaited at once
            for event in events:
                cursor, idle = event.sequence, 0.0
                yield event
                if event.kind.is_terminal:
                    return
            if run.state.is_terminal and cursor == run.last_sequence:
                return
            if run.waits:
                place, run = run.queue_position, await reads.get_run(ctx, caller, run_id)
                if run.queue_position != place:
                    yield run
            if len(events) < _BATCH and not await wait(news, poll):
                idle += poll
                if idle >= ctx.options.heartbeat.total_seconds():
                    idle = 0.0
                    yield Heartbeat(sequence=cursor)
