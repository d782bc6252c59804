"""What a strip says: the network's probabilities step by step, decoded greedily (CTC).

Graves et al., Connectionist Temporal Classification (ICML 2006): at each step the likeliest class; repeats are one
character, and the class `blank` divides characters.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from docmill.ocr.paddle.networks import Network
from docmill.ocr.paddle.strips import HEIGHT, Strip

if TYPE_CHECKING:
    from numpy.typing import NDArray

LADDER: tuple[int, ...] = (*range(64, 385, 32), *range(448, 769, 64), *range(896, 1537, 128), *range(1792, 3329, 256))
"""Widths that the network sees: each new one costs a compilation, and what is padded costs time."""

_PADDING = 127  # grey, which becomes nought
_GAP = 0.1  # between two characters, a space less likely than the characters still is one


@dataclass(frozen=True, slots=True)
class Character:
    """A character of a strip. Spaces divide words and lie between characters."""

    text: str
    left: float
    """The middle of the first step that said it, in the strip's columns."""
    right: float
    """The middle of the last one."""
    confidence: float

    @property
    def middle(self) -> float:
        """The character's place."""
        return (self.left + self.right) / 2


def sureness(characters: Sequence[Character]) -> float:
    """Mean confidence of what is no space; 0 if there is nothing else."""
    values = [char.confidence for char in characters if not char.text.isspace()]
    return fmean(values) if values else 0.0


class Recogniser:
    """Reads strips, one a call: a batch would be padded to its longest, and a line would depend on its neighbours."""

    def __init__(self, network: Network, classes: Sequence[str], *, threads: int = 1) -> None:
        self._network = network
        self._classes = tuple(classes)
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="recogniser") if threads > 1 else None

    def warm_up(self, *, every_width: bool) -> None:
        """Compiles what would be compiled for the first strips: every width, or one where widths cost nothing."""
        widths = LADDER if every_width else LADDER[:1]

        def climb(_: int) -> None:
            for width in widths:
                self._network(np.full((1, HEIGHT, width, 3), _PADDING, dtype=np.uint8))

        list(self._pool.map(climb, range(self._threads)) if self._pool else map(climb, range(1)))

    def read(self, strips: Sequence[Strip]) -> list[list[Character]]:
        """The characters of each strip from left to right.

        Strips of one width follow each other: another width than the last one's costs a network about as much as a
        short strip.
        """
        order = sorted(range(len(strips)), key=lambda at: _rung(strips[at]))
        in_order = [strips[at] for at in order]
        read = map(self._read_one, in_order) if self._pool is None else self._pool.map(self._read_one, in_order)
        placed = dict(zip(order, read, strict=True))
        return [placed[at] for at in range(len(strips))]

    def _read_one(self, strip: Strip) -> list[Character]:
        width = _rung(strip)
        padded = np.full((1, HEIGHT, width, 3), _PADDING, dtype=np.uint8)
        padded[0, :, : strip.width] = strip.pixels
        steps = self._network(padded)[0]
        return decode(steps, self._classes, width / len(steps), strip.width)


def _rung(strip: Strip) -> int:
    """The width that the network sees a strip in."""
    return LADDER[min(bisect_left(LADDER, strip.width), len(LADDER) - 1)]


def decode(steps: NDArray[np.float32], classes: Sequence[str], columns: float, width: float) -> list[Character]:
    """Characters from the probabilities of the classes (steps, classes), a step being so many `columns` wide.

    `classes` begins with blank and ends with space. A space is put between two characters where the network thought of
    one at all (`_GAP`), as it is shy of spaces between words of Latin letters.
    """
    best = steps.argmax(axis=1)
    sure = steps.max(axis=1)
    edges = np.flatnonzero(np.diff(best)) + 1
    starts, ends = [0, *edges.tolist()], [*edges.tolist(), len(best)]
    space = len(classes) - 1
    characters: list[Character] = []
    after = 0  # the step behind the last character that is no space
    for start, end in zip(starts, ends, strict=True):
        index = int(best[start])
        if index == 0:
            continue
        left, right = min((start + 0.5) * columns, width), min((end - 0.5) * columns, width)
        if index != space:
            if characters and characters[-1].text != classes[space] and steps[after : start + 1, space].max() > _GAP:
                between = (characters[-1].right + left) / 2
                characters.append(Character(classes[space], between, between, 1.0))
            after = end
        characters.append(Character(classes[index], left, right, float(sure[start])))
    return characters
