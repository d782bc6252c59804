"""A batch of one-page scans through a whole `docmill up`, against a loop that calls the engines directly, a process a core.

Both read the same pages with the same engine and put them through the same flow. They take turns, so that whatever else
the machine does meets both.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.engine.flow_files import builtin_flows
from docmill.extract.pipeline import run_document
from docmill.ocr.documents import open_document
from docmill.ocr.plugins import EngineOptions
from docmill.ocr.reader import PageReader
from docmill.worker.child import give_way
from docmill.worker.main import NICENESS
from tests.bench import _documents, _stack
from tests.bench._figures import Figure
from tests.fixtures.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.client import Docmill
    from tests.fixtures.stack import Stack

_FILES = 100
_TURNS = 2
_BAR = 0.90
_LINES = 14
_LIMITS = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_reader: PageReader
_flow: Any


def measure() -> list[Figure]:
    """The figures."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        paths = _files(Path(folder))
        limits = dict.fromkeys(_LIMITS, "1")
        before = {name: os.environ.get(name) for name in limits}
        os.environ.update(limits)  # for the processes of the loop; those of docmill are limited by it
        try:
            shares = _shares(paths, cores)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
    share = statistics.median(batch.rate / loop.rate for batch, loop in shares)
    batch, loop = (statistics.median(pace.rate for pace in paces) for paces in zip(*shares, strict=True))
    work = statistics.median(loop.cpu / batch.cpu for batch, loop in shares)
    dear, cheap = (statistics.median(pace.cpu for pace in paces) for paces in zip(*shares, strict=True))
    return [
        Figure(
            what=f"{_FILES} one-page scans as a batch / in a loop over the engines ({cores} processes each)",
            bar=f">= {_BAR:.2f}",
            measured=f"{share:.2f} ({batch:.1f} / {loop:.1f} files/s)",
            met=share >= _BAR,
        ),
        Figure(
            what="the same by processor time a file, whatever else ran: loop / batch with all of docmill's processes",
            bar=f">= {_BAR:.2f}",
            measured=f"{work:.2f} ({cheap:.2f} / {dear:.2f} s)",
            met=work >= _BAR,
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Pace:
    rate: float
    """Files a second."""
    cpu: float
    """Seconds of processor time a file."""


def _files(folder: Path) -> Sequence[Path]:
    """Scans of one page each, all different."""
    paths = []
    for number in range(_FILES):
        path = folder / f"{number:03d}.pdf"
        path.write_bytes(_documents.scan(1, lines=_LINES, seed=number))
        paths.append(path)
    return paths


def _shares(paths: Sequence[Path], cores: int) -> list[tuple[_Pace, _Pace]]:
    """How fast both are, turn by turn."""
    with (
        _stack.docmill_up(workers=cores) as stack,
        stack.connect() as client,
        ProcessPoolExecutor(cores, get_context("spawn"), _prepare) as pool,
    ):
        _batch(stack, client, paths[: 4 * cores])
        list(pool.map(_read, paths[: 4 * cores]))
        return [(_batch(stack, client, paths), _loop(pool, paths)) for _ in range(_TURNS)]


def _batch(stack: Stack, client: Docmill, paths: Sequence[Path]) -> _Pace:
    before, began = _cpu_of(stack), time.perf_counter()
    made = client.batches.submit(list(paths))
    ended = client.batches.wait_for_completion(made.id, timeout=600)
    seconds = time.perf_counter() - began
    assert ended.progress.files_failed == 0
    return _Pace(len(paths) / seconds, (_cpu_of(stack) - before) / len(paths))


def _cpu_of(stack: Stack) -> float:
    """Of docmill and of its client, which is this process."""
    return sum(process.cpu_seconds for process in descendants(stack.process.pid)) + time.process_time()


def _loop(pool: ProcessPoolExecutor, paths: Sequence[Path]) -> _Pace:
    began = time.perf_counter()
    read = list(pool.map(_read, paths))
    seconds = time.perf_counter() - began
    assert all(words for words, _ in read)
    return _Pace(len(paths) / seconds, statistics.fmean(cpu for _, cpu in read))


def _prepare() -> None:
    """Once in each process of the loop."""
    global _reader, _flow  # noqa: PLW0603 - how a pool's processes keep what is dear to make
    give_way(NICENESS)  # as reading processes do
    _reader = PageReader("auto", None, EngineOptions(threads=1))
    _reader.warm_up()
    (_flow,) = [flow for flow in builtin_flows() if flow.id == "universal-extract"]


def _read(path: Path) -> tuple[int, float]:
    """One file from its bytes to its data; how many words were on it, and seconds of processor time."""
    began = time.process_time()
    with open_document(path, "application/pdf") as document:
        page = _reader.read(document, 1, {}).page
    outcome = run_document(_flow.definition, [page], {}, _flow.output_schema)
    return outcome.output["words"], time.process_time() - began
