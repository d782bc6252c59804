"""What a flood of one organization costs another's single page: the wait for it, alone and amid 2,000 pages of others."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docmill.v1 import runs_pb2
from tests.bench import _documents, _stack
from tests.bench._figures import Figure, spread

if TYPE_CHECKING:
    from tests.bench._stack import Api
    from tests.fixtures.stack import Stack

_BAR = 2.0
_LOOK = 0.25  # seconds between two looks at a run of the flood
_ENDS = (runs_pb2.RUN_STATUS_SUCCEEDED, runs_pb2.RUN_STATUS_FAILED, runs_pb2.RUN_STATUS_CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of page, how many the flood has, and how often the other organization asks for one."""

    name: str
    page: bytes
    long: bytes
    documents: int
    pages: int
    asked: int


def measure() -> list[Figure]:
    """The figures."""
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, _stack.docmill_up(workers=workers) as stack:
        text, scan = _documents.text(Path(folder), 1), _documents.scan(1)
        kinds = (
            _Kind(name="text", page=text, long=_documents.text(Path(folder), 400), documents=5, pages=400, asked=100),
            _Kind(name="scanned", page=scan, long=_documents.scan(20), documents=4, pages=20, asked=12),
        )
        return asyncio.run(_measure(stack, kinds))


async def _measure(stack: Stack, kinds: tuple[_Kind, ...]) -> list[Figure]:
    key = str(stack.new_key(stack.new_organization_of("doclo.enterprise"), "--mode", "test")["key"])
    async with _stack.warm(stack) as flooder, _stack.connected(stack.grpc, key) as other:
        return [figure for kind in kinds for figure in await _compare(flooder, other, kind)]


async def _compare(flooder: Api, other: Api, kind: _Kind) -> list[Figure]:
    for _ in range(3):
        await other.finish(kind.page)
    idle = [(await other.finish(kind.page)).done_ms for _ in range(kind.asked)]
    document = await flooder.upload(kind.long)
    began = time.perf_counter()
    flood = asyncio.gather(*[_flooded(flooder, document) for _ in range(kind.documents)])
    amid: list[float] = []
    while not flood.done() and len(amid) < kind.asked:
        amid.append((await other.finish(kind.page)).done_ms)
    still = not flood.done()
    await flood
    seconds = time.perf_counter() - began
    pages = kind.documents * kind.pages
    ratio = statistics.median(amid) / statistics.median(idle)
    return [
        Figure(what=f"1-page {kind.name} document, nobody else", measured=spread(idle)),
        Figure(
            what=f"The same amid another organization's {pages:,} {kind.name} pages",
            bar=f"at most {_BAR:.1f} times as long",
            measured=f"{ratio:.2f} times; {spread(amid)} ({len(amid)} asked, flood {'went on' if still else 'over'})",
            met=ratio <= _BAR,
        ),
        Figure(
            what=f"The flood of {pages:,} {kind.name} pages meanwhile",
            measured=f"{pages / seconds:.1f} pages/s",
        ),
    ]


async def _flooded(api: Api, document: str) -> None:
    """A run that nobody watches: whoever floods would take the cores by looking on from this machine."""
    run_id = await api.start(document)
    while True:
        run = await api.get(run_id)
        if run.status in _ENDS:
            break
        await asyncio.sleep(_LOOK)
    assert run.status == runs_pb2.RUN_STATUS_SUCCEEDED, run.error
