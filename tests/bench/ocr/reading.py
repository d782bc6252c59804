"""Every engine reads the same pages in the same run, each page in rotation, so that what else the machine does meets all."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, TypeVar

from tests.bench.ocr.processes import EngineProcess, Read, engine_processes
from tests.bench.ocr.scoring import Piece, Score, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.bench.ocr.data import Sample

__all__ = ["Row", "pages_per_second", "read_sets"]

_T = TypeVar("_T")
_WORKERS = 2
_SLOW = {"easyocr": 4}  # pages of a set at most: 10 to 20 processor seconds each


@dataclass(slots=True)
class Row:
    """An engine on a set."""

    set_name: str
    engine: str
    score: Score = field(default_factory=Score)
    walls: list[float] = field(default_factory=list)
    """Seconds a page, one process that may use all cores."""
    cpus: list[float] = field(default_factory=list)
    """Processor seconds a page, all threads."""
    by_page: dict[str, Score] = field(default_factory=dict)
    pages_per_second: float = 0.0
    """Two processes of one thread."""
    memory_mb: float = 0.0
    """Of the process with all cores, after the set."""

    @property
    def cpu(self) -> float:
        """Mean processor seconds a page."""
        return statistics.fmean(self.cpus)

    @property
    def wall(self) -> float:
        """Mean seconds a page."""
        return statistics.fmean(self.walls)

    def add(self, sample: Sample, read: Read) -> None:
        """Count a page."""
        self.by_page[sample.id] = found = score(sample.truth, _in_unit_of_truth(read))
        self.score += found
        self.walls.append(read.wall)
        self.cpus.append(read.cpu)

    def paired(self, other: Row) -> tuple[Score, Score]:
        """Scores of this row and of `other` on the pages that both read."""
        both = self.by_page.keys() & other.by_page.keys()
        return (
            sum((self.by_page[page] for page in both), Score()),
            sum((other.by_page[page] for page in both), Score()),
        )


def read_sets(sets: Mapping[str, Sequence[Sample]], names: Sequence[str], speed_pages: int) -> list[Row]:
    """A row for every set and engine, sets first. `speed_pages` of each set are read for the pages a second."""
    rows = {(kind, name): Row(kind, name) for kind in sets for name in names}
    with engine_processes(names, threads=None) as processes:
        _warm_up(processes, sets)
        for kind, samples in sets.items():
            _read(samples, processes, {name: rows[kind, name] for name in names})
    with engine_processes(names, threads=1, each=_WORKERS) as processes:
        _warm_up(processes, sets)
        for kind, samples in sets.items():
            for name in _rotated(names, list(sets).index(kind)):
                team = [process for process in processes if process.name == name]
                rows[kind, name].pages_per_second = _rate(team, samples[: min(speed_pages, _most(name))])
                _say(f"{kind}, {name}: {rows[kind, name].pages_per_second:.2f} pages/s with {_WORKERS} processes")
    return list(rows.values())


def pages_per_second(name: str, samples: Sequence[Sample]) -> float:
    """An engine alone: two processes of one thread, warm, with the pictures in memory."""
    with engine_processes([name], threads=1, each=_WORKERS) as team:
        _warm_up(team, {"": samples})
        return _rate(team, samples)


def _read(samples: Sequence[Sample], processes: Sequence[EngineProcess], rows: Mapping[str, Row]) -> None:
    for number, sample in enumerate(samples):
        for process in _rotated(processes, number):
            if number < _most(process.name):
                rows[process.name].add(sample, process.read(sample))
    for process in processes:
        row = rows[process.name]
        row.memory_mb = process.resident_mb
        _say(f"{row.set_name}, {row.engine}: F1 {row.score.words.f1:.3f}, {row.cpu:.2f} CPU s a page")


def _rate(team: Sequence[EngineProcess], samples: Sequence[Sample]) -> float:
    """Pages a second; whoever is free takes the next page."""
    for process in team:
        process.hold(samples)
    todo = iter(samples)
    began = time.perf_counter()
    busy = {process.connection: process for process in team if _give(process, todo)}
    while busy:
        for connection in wait(list(busy)):
            process = busy[connection]
            process.answer()
            if not _give(process, todo):
                del busy[connection]
    took = time.perf_counter() - began
    for process in team:
        process.hold([])
    return len(samples) / took


def _give(process: EngineProcess, todo: Iterator[Sample]) -> bool:
    sample = next(todo, None)
    if sample is not None:
        process.ask(sample)
    return sample is not None


def _warm_up(processes: Iterable[EngineProcess], sets: Mapping[str, Sequence[Sample]]) -> None:
    """The last page of the first set: models are loaded and memory is taken before anything counts."""
    sample = next(iter(sets.values()))[-1]
    for process in processes:
        process.read(sample)


def _rotated(items: Sequence[_T], by: int) -> list[_T]:
    by %= len(items)
    return [*items[by:], *items[:by]]


def _most(name: str) -> int:
    return _SLOW.get(name, sys.maxsize)


def _in_unit_of_truth(read: Read) -> list[Piece]:
    return [
        Piece(piece.text, (piece.box[0] / read.scale, piece.box[1] / read.scale,
                           piece.box[2] / read.scale, piece.box[3] / read.scale))
        for piece in read.pieces
    ]  # fmt: skip


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
