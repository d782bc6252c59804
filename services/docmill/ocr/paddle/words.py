"""Words with boxes from the characters of a strip."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from docmill.domain.pages import Box, Word
from docmill.ocr.paddle.ink import columns_of, edge_from, gap_between, ink_of, letter_columns
from docmill.ocr.paddle.recogniser import Character, sureness
from docmill.ocr.paddle.strips import HEIGHT, Strip

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TEXT = 0.5  # lines that are read less surely are no text
_HALF_CHARACTER = 0.2 * HEIGHT  # columns; for words whose neighbours say nothing about their letters' width
_BRIDGE = HEIGHT // 12  # columns between the strokes of one letter, and between letters of a word
_REACH = HEIGHT // 2  # columns on either side of a character's place that may be its own: those of a capital W


@dataclass(slots=True)
class _Span:
    """A word between two columns of its strip."""

    characters: Sequence[Character]
    left: float
    right: float

    @property
    def is_single(self) -> bool:
        """One character, whose box is not narrower than a usual one's: a colon is more than its two dots."""
        return len(self.characters) == 1

    @property
    def text(self) -> str:
        return "".join(char.text for char in self.characters)

    @property
    def confidence(self) -> float:
        return fmean(char.confidence for char in self.characters)


class StripText(NamedTuple):
    """What a strip says."""

    words: list[Word]
    """From left to right; none if it is most likely no text."""
    read: int
    """Columns with ink of characters that were read."""
    unread: int
    """Columns with ink of others."""


def text_of(strip: Strip, characters: Sequence[Character], size: tuple[int, int]) -> StripText:
    """What a strip says by its `characters`; `size` is the page's (width, height): boxes are cut off at its edges."""
    ink = ink_of(strip)
    columns = columns_of(ink)
    if sureness(characters) < _TEXT:
        return StripText([], 0, letter_columns(ink, columns))
    spans = _spans(characters)
    _snap(spans, columns)
    words = []
    for span in spans:
        box = _box(strip.corners(max(0.0, span.left), min(float(strip.width), span.right)), size)
        if box is not None:
            words.append(Word(span.text, box, round(min(1.0, max(0.0, span.confidence)), 4)))
    near = _near(characters, strip.width)
    return StripText(words, int(np.count_nonzero(columns & near)), letter_columns(ink, columns & ~near))


def _near(characters: Iterable[Character], width: int) -> NDArray[np.bool_]:
    """Which columns may be a part of one of the characters."""
    near = np.zeros(width, np.bool_)
    for char in characters:
        if not char.text.isspace():
            near[max(0, math.floor(char.left) - _REACH) : math.ceil(char.right) + _REACH] = True
    return near


def _spans(characters: Iterable[Character]) -> list[_Span]:
    """Words, their edges half a character's usual width beyond the places of their outer characters."""
    words = [list(group) for blank, group in groupby(characters, lambda char: char.text.isspace()) if not blank]
    steps = [b.middle - a.middle for word in words for a, b in pairwise(word)]
    half = median(steps) / 2 if steps else _HALF_CHARACTER
    return [_Span(word, word[0].middle - half, word[-1].middle + half) for word in words]


def _snap(spans: Sequence[_Span], ink: NDArray[np.bool_]) -> None:
    """Draws the words' edges to the ink: between words to the widest gap, at the ends to where the ink ends.

    Where there is none (a stroke runs through, nothing but dirt), edges stay where the characters put them.
    """
    for a, b in pairwise(spans):
        last, first = a.characters[-1].middle, b.characters[0].middle
        gap = gap_between(ink, last, first)
        if gap is None:
            a.right = b.left = (a.right + b.left) / 2
        else:
            middle = (gap[0] + gap[1]) / 2
            a.right = min(middle, a.right) if a.is_single and a.right > gap[0] else gap[0]
            b.left = max(middle, b.left) if b.is_single and b.left < gap[1] else gap[1]
    head, tail = spans[0], spans[-1]
    left = _outer(ink, head.characters[0].middle, head.left, -1)
    right = _outer(ink, tail.characters[-1].middle, tail.right, 1)
    head.left = min(left, head.left) if head.is_single else left
    tail.right = max(right, tail.right) if tail.is_single else right


def _outer(ink: NDArray[np.bool_], middle: float, guess: float, step: int) -> float:
    """The edge of a line's first or last word; a wide letter may reach twice as far as a usual one."""
    reach = 2.5 * abs(guess - middle)
    edge = edge_from(ink, middle, step, reach=reach, bridge=_BRIDGE)
    return guess if edge is None else edge


def _box(corners: NDArray[np.float64], size: tuple[int, int]) -> Box | None:
    """The upright box around points on the page, to hundredths of a pixel; None if next to nothing is on the page."""
    left, top = np.clip(corners.min(axis=0), 0, size).round(2).tolist()
    right, bottom = np.clip(corners.max(axis=0), 0, size).round(2).tolist()
    if right - left < 1 or bottom - top < 1:
        return None
    return Box(left, top, round(right - left, 2), round(bottom - top, 2))
