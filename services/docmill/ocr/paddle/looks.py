"""What two looks at a page read: where both read something, the look that says more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from docmill.domain.pages import Word
from docmill.ocr.paddle.strips import Strip

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Reading", "of_two_looks"]

_SAME = 0.3  # share of the smaller box that lies in the other one, of words in the same place
_MORE = 1.05  # times as much must be said by the second look: it sees large print no better, and twice the same is the first
_SURE = 0.9  # confidence of large print that is what it seems: in small, a block of lines looks like a line of nonsense
_LARGE = 3.0  # times as thick as the other line: a stamp or a watermark over small print, and both are there


class Reading(NamedTuple):
    """A word, and the line that it was read from."""

    word: Word
    strip: Strip


def of_two_looks(first: Sequence[Reading], second: Sequence[Reading]) -> list[Reading]:
    """The words of both looks. Where they stand in each other's way, those of the look that says more, or else the first.

    What words say is their letters that are right less those that are wrong, as far as their confidence tells.
    """
    before, after = _groups(first, second)
    count = len(before) + len(after)
    is_first = _MORE * np.bincount(before, _says(first), count) >= np.bincount(after, _says(second), count)
    kept = [reading for reading, group in zip(first, before, strict=True) if is_first[group]]
    return kept + [reading for reading, group in zip(second, after, strict=True) if not is_first[group]]


def _says(readings: Sequence[Reading]) -> NDArray[np.float64]:
    return np.array([max(0.0, 2 * word.confidence - 1) * len(word.text) for word, _ in readings], np.float64)


def _groups(first: Sequence[Reading], second: Sequence[Reading]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The group of each word, named by a number: words that hang together by being in each other's way."""
    one, other = _in_the_way(first, second)
    other = other + len(first)
    group = np.arange(len(first) + len(second))
    while np.any(group[one] != group[other]):
        least = np.minimum(group[one], group[other])
        np.minimum.at(group, one, least)
        np.minimum.at(group, other, least)
    return group[: len(first)], group[len(first) :]


def _in_the_way(first: Sequence[Reading], second: Sequence[Reading]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which of the first words is in the way of which of the second ones: pairs of numbers."""
    boxes = np.array([word.box for word, _ in second], np.float64).reshape(-1, 4)
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    thickness = np.array([strip.thickness for _, strip in second])
    pairs = []
    for number, (word, strip) in enumerate(first):
        meets = np.flatnonzero(_shared(word, boxes) > _SAME)
        if word.confidence >= _SURE:
            meets = meets[strip.thickness < _LARGE * thickness[meets]]
        # The box of a slanting word is mostly not the word.
        in_first = _lie_in(strip, middles[meets])
        in_second = [bool(_lie_in(second[at].strip, np.array([word.box.center]))[0]) for at in meets.tolist()]
        pairs += [(number, at) for at in meets[in_first | np.array(in_second, bool)]]
    one, other = np.array(pairs, np.intp).reshape(-1, 2).T
    return one, other


def _shared(word: Word, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the word's box and each of `boxes` (x, y, w, h): the share of the smaller one that lies in the other."""
    x, y, w, h = word.box
    across = np.minimum(x + w, boxes[:, 0] + boxes[:, 2]) - np.maximum(x, boxes[:, 0])
    down = np.minimum(y + h, boxes[:, 1] + boxes[:, 3]) - np.maximum(y, boxes[:, 1])
    smaller = np.minimum(w * h, boxes[:, 2] * boxes[:, 3])
    return np.asarray(np.maximum(across, 0) * np.maximum(down, 0) / np.maximum(smaller, 1e-9), np.float64)


def _lie_in(strip: Strip, places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the `places`, (x, y) on the page, the strip was cut from."""
    from_origin = places - strip.origin
    shares = [from_origin @ np.array(side) / max(np.dot(side, side), 1e-9) for side in (strip.along, strip.down)]
    return np.asarray(np.all([(share > 0) & (share < 1) for share in shares], axis=0), np.bool_)
