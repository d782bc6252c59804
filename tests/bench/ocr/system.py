"""A scan through a whole `docmill up`, beside the bare engine with as many processes, turn by turn."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from docmill.ocr.plugins import EngineOptions
from docmill.ocr.registry import find_factory
from tests.bench import _documents, _stack
from tests.bench._figures import Figure
from tests.bench.ocr.data import Sample
from tests.bench.ocr.reading import pages_per_second

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["measure"]

_PAGES = 40
_ROUNDS = 3
_WORKERS = 2
_BAR = 0.92


def measure(folder: Path) -> list[Figure]:
    """The figure; `folder` takes the scan. The bare engine finds its pictures in memory, docmill renders its own."""
    path = folder / "scan.pdf"
    path.write_bytes(_documents.scan(_PAGES))
    samples = [Sample(id=f"scan-{number}", path=path, truth=(), page=number) for number in range(1, _PAGES + 1)]
    engine = find_factory("auto", EngineOptions()).name
    bare, whole = [], []
    for _ in range(_ROUNDS):
        bare.append(pages_per_second(engine, samples))
        whole.append(asyncio.run(_through_docmill(path)))
    share = sum(1 / rate for rate in bare) / sum(1 / rate for rate in whole)  # of times: every page counts once
    return [
        Figure(
            what=f"A {_PAGES}-page scan through all of docmill / the bare engine {engine}, {_WORKERS} processes each",
            bar=f">= {_BAR}",
            measured=f"{share:.2f} ({max(whole):.2f} of {max(bare):.2f} pages/s; {_ROUNDS} rounds)",
            met=share >= _BAR,
        )
    ]


async def _through_docmill(path: Path) -> float:
    """Pages a second from RunFlow to the terminal event, with the document uploaded before and the engines loaded."""
    with _stack.docmill_up(workers=_WORKERS) as stack:
        async with _stack.warm(stack) as api:
            uploaded = await api.upload(path.read_bytes())
            done = await api.finish(uploaded)
    return _PAGES / (done.done_ms / 1000)
