"""Pages a second of long documents through a whole `docmill up` with a worker process a core."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from pathlib import Path

from tests.bench import _documents, _stack
from tests.bench._figures import Figure, rates
from tests.fixtures.stack import Stack

_TEXT_PAGES = 200
_TEXT_RUNS = 5
_TEXT_BAR = 100
_SCAN_PAGES = 40
_SHARE_BAR = 0.90


def measure() -> list[Figure]:
    """The figures."""
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, _stack.docmill_up(workers=workers) as stack:
        return asyncio.run(_measure(stack, workers, _documents.text(Path(folder), _TEXT_PAGES)))


async def _measure(stack: Stack, workers: int, text: bytes) -> list[Figure]:
    scan = _documents.scan(_SCAN_PAGES)
    async with _stack.warm(stack) as api:
        text_rates = [_TEXT_PAGES / (await api.finish(text)).done_ms * 1000 for _ in range(_TEXT_RUNS)]
        uploaded = await api.upload(scan)
        read = await api.finish(uploaded)
    wall = read.done_ms / 1000
    share = read.run.metrics.engine_ms / 1000 / (wall * workers)
    return [
        Figure(
            what=f"{_TEXT_PAGES}-page text PDF sent with RunFlow, to the terminal event ({workers} reading processes)",
            bar=f">= {_TEXT_BAR} pages/s",
            measured=rates(text_rates, "pages/s"),
            met=statistics.median(text_rates) >= _TEXT_BAR,
        ),
        Figure(
            what=f"Engine share of a {_SCAN_PAGES}-page scan: time in OCR engines / (wall time x {workers} cores)",
            bar=f">= {_SHARE_BAR:.2f}",
            measured=f"{share:.2f} ({wall:.1f} s, {_SCAN_PAGES / wall:.1f} pages/s)",
            met=share >= _SHARE_BAR,
        ),
    ]
