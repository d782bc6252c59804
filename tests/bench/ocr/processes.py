"""A process for each engine: its memory and processor time are its own, and no engine's threads meddle with another's."""

from __future__ import annotations

import multiprocessing
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench._stack import resident_mb
from tests.bench.ocr import engines
from tests.bench.ocr.data import Sample, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

    from tests.bench.ocr.scoring import Piece

__all__ = ["EngineProcess", "Read", "engine_processes"]

_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_SPAWN = multiprocessing.get_context("spawn")  # a fork would share what numerical libraries hold


@dataclass(frozen=True, slots=True)
class Read:
    """A page as read. Loading the picture is no part of the times."""

    pieces: list[Piece]
    """In pixels of the picture."""
    scale: float
    """Pixels per unit of the sample's truth."""
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all threads and child processes together."""


class EngineProcess:
    """One engine in a process; requests are answered in order."""

    def __init__(self, name: str, threads: int | None) -> None:
        self.name = name
        self.connection, theirs = _SPAWN.Pipe()
        with _environment(threads):
            self._process = _SPAWN.Process(target=_serve, args=(theirs, name, threads), daemon=True)
            self._process.start()
        theirs.close()

    @property
    def resident_mb(self) -> float:
        """Memory it holds now."""
        assert self._process.pid is not None
        return resident_mb(self._process.pid)

    def hold(self, samples: Sequence[Sample]) -> None:
        """Load the pictures of these pages, and only these, ahead of reading them."""
        self.connection.send(list(samples))
        self.connection.recv()

    def ask(self, sample: Sample) -> None:
        """Begin to read a page; `answer` gives it."""
        self.connection.send(sample)

    def answer(self) -> Read:
        """The page asked for first. Raises `EOFError` if the process died: its complaint is on standard error."""
        read: Read = self.connection.recv()
        return read

    def read(self, sample: Sample) -> Read:
        """Ask and wait."""
        self.ask(sample)
        return self.answer()

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self._process.terminate()
        self._process.join()


@contextmanager
def engine_processes(names: Sequence[str], threads: int | None, each: int = 1) -> Iterator[list[EngineProcess]]:
    """`each` processes for every engine, in the order of the names."""
    processes = [EngineProcess(name, threads) for name in names for _ in range(each)]
    try:
        yield processes
    finally:
        for process in processes:
            process.close()


def _serve(connection: Connection, name: str, threads: int | None) -> None:
    import cv2

    if threads is not None:
        cv2.setNumThreads(threads)
    reader = engines.create(name, threads)
    held = {}
    while True:
        try:
            asked = connection.recv()
        except EOFError:
            return
        if isinstance(asked, list):
            held = {sample.id: load(sample) for sample in asked}
            connection.send(None)
            continue
        image, scale = held.get(asked.id) or load(asked)
        wall, cpu = time.perf_counter(), _cpu_seconds()
        pieces = reader.read(image)
        connection.send(Read(pieces, scale, time.perf_counter() - wall, _cpu_seconds() - cpu))


def _cpu_seconds() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


@contextmanager
def _environment(threads: int | None) -> Iterator[None]:
    """What numerical libraries read when a child loads them. Tesseract's threads cost more than they bring: never."""
    limits = {"OMP_THREAD_LIMIT": "1"} | ({} if threads is None else dict.fromkeys(_THREAD_LIMITS, str(threads)))
    before = {name: os.environ.get(name) for name in limits}
    os.environ.update(limits)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
