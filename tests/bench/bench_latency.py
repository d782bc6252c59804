"""How long a caller waits for one page: RunFlow to the terminal event through gRPC, on a warm `docmill up`."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from docmill.v1 import runs_pb2
from tests.bench import _documents, _stack
from tests.bench._figures import Figure, spread
from tests.fixtures.stack import Stack

_RUNS = 200
_CANCELS = 20
_LONG_PAGES = 200
_BAR_MS = 40.0


def measure() -> list[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as folder, _stack.docmill_up(workers=2) as stack:
        return asyncio.run(_measure(stack, Path(folder)))


async def _measure(stack: Stack, folder: Path) -> list[Figure]:
    page, long = _documents.text(folder, 1), _documents.text(folder, _LONG_PAGES)
    async with _stack.warm(stack) as api:
        uploaded = await api.upload(page)
        for _ in range(20):
            await api.finish(page)
        inline = [await api.finish(page) for _ in range(_RUNS)]
        probed = [await api.finish(uploaded) for _ in range(_RUNS)]
        document = await api.upload(long)
        cancelled = [await _cancel(api, document) for _ in range(_CANCELS)]
    lags = [lag for run in (*inline, *probed) for lag in run.lags_ms]
    return [
        _run_figure("1-page text PDF sent with RunFlow, to the terminal event", [run.done_ms for run in inline]),
        _run_figure("the same, document uploaded before", [run.done_ms for run in probed]),
        Figure(
            what="RunFlow accepted (durable), document uploaded before",
            measured=spread([run.accepted_ms for run in probed]),
        ),
        Figure(
            what="RunFlow accepted, document sent along and probed", measured=spread([r.accepted_ms for r in inline])
        ),
        Figure(what="Event to watcher (from the event's time, commit included)", measured=spread(lags)),
        Figure(what="CancelRun, to its answer", measured=spread([answered for answered, _ in cancelled])),
        Figure(
            what="CancelRun, to the terminal event at the watcher", measured=spread([seen for _, seen in cancelled])
        ),
    ]


def _run_figure(what: str, milliseconds: list[float]) -> Figure:
    return Figure(
        what=what,
        bar=f"median <= {_BAR_MS:.0f} ms",
        measured=spread(milliseconds),
        met=statistics.median(milliseconds) <= _BAR_MS,
    )


async def _cancel(api: _stack.Api, document: str) -> tuple[float, float]:
    """Milliseconds from CancelRun to its answer and to the watcher, amid a run whose first page was read."""
    run_id = await api.start(document)
    answered: asyncio.Task[float] | None = None
    began = time.perf_counter()

    async def cancel() -> float:
        await api.cancel(run_id)
        return (time.perf_counter() - began) * 1000

    async for event in api.watch(run_id):
        if event.kind == runs_pb2.RUN_EVENT_KIND_PAGE_DONE and answered is None:
            began = time.perf_counter()
            answered = asyncio.create_task(cancel())
    assert answered is not None
    return await answered, (time.perf_counter() - began) * 1000
