"""Words into rows, by how much of their height they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from docmill.domain.pages import Word

__all__ = ["Row", "find_rows"]

_SAME_ROW = 0.5  # of the smaller height that two words share vertically when they stand on one row
_NEAR = 3  # rows, the lowest ones, that a word may stand on


class Row:
    """Words that stand on one row, from left to right once it is settled."""

    __slots__ = ("bottom", "height", "lefts", "rights", "top", "words")

    def __init__(self, words: list[Word], top: float, bottom: float) -> None:
        self.words = words
        self.top, self.bottom, self.height = top, bottom, bottom - top
        self.lefts: list[float] = []
        """Where each word begins; empty until the row is settled."""
        self.rights: list[float] = []
        """How far the words up to each reach."""

    @classmethod
    def of(cls, words: list[Word]) -> Row:
        """A settled row of `words`, which stand from left to right."""
        row = cls(words, min([word.box.y for word in words]), max([word.box.bottom for word in words]))
        row.settle()
        return row

    @property
    def middle(self) -> float:
        """Of its height."""
        return (self.top + self.bottom) / 2

    def shares(self, top: float, bottom: float) -> bool:
        """Whether a word from `top` to `bottom` stands on this row: they overlap by half of the smaller one, and neither dwarfs the other."""
        height, own = bottom - top, self.height
        smaller, larger = (height, own) if height < own else (own, height)
        if larger > 2 * smaller:  # a large heading beside small print: only at the same middle
            return abs(self.middle - top - height / 2) < smaller / 2
        return min(bottom, self.bottom) - max(top, self.top) >= _SAME_ROW * smaller

    def add(self, words: Sequence[Word], top: float, bottom: float) -> None:
        """Appends; the row's band follows the mean of its words, so that it neither grows nor drifts."""
        before, more = len(self.words), len(words)
        self.words.extend(words)
        self.top = (self.top * before + top * more) / (before + more)
        self.bottom = (self.bottom * before + bottom * more) / (before + more)
        self.height = self.bottom - self.top

    def settle(self) -> None:
        """Puts the words in order, once all of them were added."""
        self.words.sort(key=_left)
        boxes = [word.box for word in self.words]
        self.lefts = [box.x for box in boxes]
        self.rights = list(accumulate([box.x + box.w for box in boxes], max))


def find_rows(words: Iterable[Word]) -> list[Row]:
    """Rows by vertical overlap, top to bottom, words left to right."""
    bands: dict[tuple[float, float], list[Word]] = {}  # most words of a text layer stand exactly as their neighbours do
    for word in words:
        box = word.box
        bands.setdefault((box.y, box.h), []).append(word)
    rows: list[Row] = []
    for y, height in sorted(bands, key=lambda band: band[0] + band[1] / 2):
        top, bottom, together = y, y + height, bands[y, height]
        row = next((row for row in rows[: -_NEAR - 1 : -1] if row.shares(top, bottom)), None)
        if row is None:
            rows.append(Row(together, top, bottom))
        else:
            row.add(together, top, bottom)
    for row in rows:
        row.settle()
    return sorted(rows, key=lambda row: row.middle)


def _left(word: Word) -> float:
    return word.box.x
