"""Columns of running text among the rows of a page: each is read to its end before the next one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from docmill.domain.pages import Word
from docmill.ocr.rows import Row
from docmill.ocr.scripts import wide_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["column_by_column"]

_GUTTER = 1.0  # the blank strip between two columns is at least this many line heights wide
_COLUMN_LINES = 5  # a column of running text has at least this many lines
_LINE_WORDS = 3  # most of its lines have so many words without a gutter between them (numbers of a table do not)
_WIDE_WORD = 3  # letters that count as a word where words are not parted by blanks
_NOWHERE = (math.inf, math.inf, -math.inf, -math.inf)  # as `_begins` of a row has it: neither before a cut nor after it
_COLUMN_FILL = 0.6  # and its lines fill at least this much of its width (cells of a table do not)


def column_by_column(rows: list[Row], height: float) -> list[Row]:
    """Rows of running text that stand in columns, column by column; all others as they are.

    `rows` stand from top to bottom; `height` is that of a line.
    """
    if not rows:
        return []
    left, right = min([row.lefts[0] for row in rows]), max([row.rights[-1] for row in rows])
    return _in_order(rows, _Ruler(left, right, _GUTTER * height))


def _in_order(rows: list[Row], ruler: _Ruler) -> list[Row]:
    page = _Gutters(rows, ruler)
    ordered: list[Row] = []
    start = 0
    while start < len(rows):
        end, cut = page.columns_from(start)
        if cut is None:
            ordered.append(rows[start])
            start += 1
        else:
            for column in _columns(rows[start:end], cut):
                ordered.extend(_in_order(column, ruler))
            start = end
    return ordered


def _columns(rows: Sequence[Row], cut: float) -> tuple[list[Row], list[Row]]:
    counts = [bisect_left(row.lefts, cut) for row in rows]
    left = [row.words[:count] for row, count in zip(rows, counts, strict=True)]
    right = [row.words[count:] for row, count in zip(rows, counts, strict=True)]
    return [Row.of(words) for words in left if words], [Row.of(words) for words in right if words]


class _Ruler:
    """Places across the page as bits of a number, so that many rows are compared by one `&` each.

    A bit stands for a gutter that begins there: between `a` and `b` all those begin that end before `b`.
    """

    __slots__ = ("gutter", "left", "right", "unit")

    def __init__(self, left: float, right: float, gutter: float) -> None:
        self.gutter = gutter
        self.left, self.right = left - 2 * gutter, right + 2 * gutter
        self.unit = max(gutter / 16, (self.right - self.left) / 8192, 1e-9)

    def between(self, row: Row) -> int:
        """The gutters between words of the row."""
        marks = 0
        for right, left in zip(row.rights, row.lefts[1:], strict=False):
            if left - right >= self.gutter:
                marks |= self._marks(right, left)
        return marks

    def beside(self, row: Row) -> int:
        """The gutters left and right of the row."""
        return self._marks(self.left, row.lefts[0]) | self._marks(row.rights[-1], self.right)

    def middles(self, marks: int) -> Iterator[float]:
        """The middle of each blank strip, from left to right."""
        bit = 0
        while marks:
            skipped = (marks & -marks).bit_length() - 1
            marks >>= skipped
            width = (marks ^ (marks + 1)).bit_length() - 1
            yield self.left + (2 * (bit + skipped) + width - 1) / 2 * self.unit + self.gutter / 2
            marks >>= width
            bit += skipped + width

    def _marks(self, start: float, end: float) -> int:
        first = math.ceil((start - self.left) / self.unit)
        count = math.floor((end - self.gutter - self.left) / self.unit) - first + 1
        return ((1 << count) - 1) << first if count > 0 else 0


class _Side(NamedTuple):
    """What stands on one side of a cut."""

    lines: list[int]
    """How many of the rows above each, and of all, have words there."""
    long: list[int]
    """How many of them have a piece of several words there."""

    def has_long_lines(self, start: int, end: int) -> bool:
        """Whether these rows have many lines, most of them of several words."""
        lines = self.lines[end] - self.lines[start]
        return lines >= _COLUMN_LINES and self.long[end] - self.long[start] >= _COLUMN_FILL * lines


class _Gutters:
    """Blank strips through rows. Many rows ask for the same cuts, so what stands beside each is counted once."""

    def __init__(self, rows: Sequence[Row], ruler: _Ruler) -> None:
        self._rows, self._ruler = rows, ruler
        self._inner = [ruler.between(row) for row in rows]
        self._all = [inner | ruler.beside(row) for row, inner in zip(rows, self._inner, strict=True)]
        self._sides: dict[float, tuple[_Side, _Side]] = {}

    def columns_from(self, start: int) -> tuple[int, float | None]:
        """The longest run of rows from `start` with one blank strip through all of them: its end, where to cut it."""
        marks = best = self._inner[start]
        end = start
        while marks and end < len(self._all):
            marks &= self._all[end]
            if marks:
                best = marks
                end += 1
        if end - start < _COLUMN_LINES:
            return start, None
        cuts = self._ruler.middles(best)
        return end, next((cut for cut in cuts if self._parts_columns(cut, start, end)), None)

    def _parts_columns(self, cut: float, start: int, end: int) -> bool:
        left, right = self._sides.get(cut) or self._count(cut)
        if not (left.has_long_lines(start, end) and right.has_long_lines(start, end)):
            return False
        first_long, last_long = self._begins[[1, 3], start + 1 : end + 1].tolist()
        before, after = [], []
        for row, first, last in zip(self._rows[start:end], first_long, last_long, strict=True):
            count = bisect_left(row.lefts, cut)
            if count > 0:
                before.append((row.lefts[0], row.rights[count - 1], first < cut))
            if count < len(row.lefts):
                after.append((row.lefts[count], row.rights[-1], last >= cut))
        return _fill_a_column(before) and _fill_a_column(after)

    def _count(self, cut: float) -> tuple[_Side, _Side]:
        begins = self._begins
        counts = np.concatenate([begins[:2] < cut, begins[2:] >= cut]).cumsum(axis=1).tolist()
        sides = self._sides[cut] = _Side(*counts[:2]), _Side(*counts[2:])
        return sides

    @cached_property
    def _begins(self) -> NDArray[np.float64]:
        """Where the first word of each row begins, its first piece of several words, its last word, its last such piece.

        Shape (4, rows + 1): a row is a column here, and before the first one stands that of no row.
        """
        return np.array([_NOWHERE, *(_begins(row, self._ruler.gutter) for row in self._rows)]).T


def _begins(row: Row, gutter: float) -> tuple[float, float, float, float]:
    """A column of `_Gutters._begins`; gutters part a row into pieces."""
    gaps = zip(row.rights, row.lefts[1:], strict=False)
    starts = [0, *(at for at, (right, left) in enumerate(gaps, start=1) if left - right >= gutter)]
    count = len if "".join([word.text for word in row.words]).isascii() else _count_words
    pieces = pairwise([*starts, len(row.lefts)])
    long = [start for start, end in pieces if count(row.words[start:end]) >= _LINE_WORDS]
    if not long:
        return row.lefts[0], math.inf, row.lefts[-1], -math.inf
    return row.lefts[0], row.lefts[long[0]], row.lefts[-1], row.lefts[long[-1]]


def _count_words(words: Sequence[Word]) -> int:
    """A line of Chinese is one word as far as blanks tell."""
    return sum(max(1, wide_count(word.text) // _WIDE_WORD) for word in words)


def _fill_a_column(lines: Sequence[tuple[float, float, bool]]) -> bool:
    """Whether most lines (from where to where, and whether of several words) reach across what they fill together."""
    fill = _COLUMN_FILL * (max([right for _, right, _ in lines]) - min([left for left, _, _ in lines]))
    reaching = [right - left >= fill for left, right, long in lines if long]
    return sum(reaching) >= _COLUMN_FILL * len(lines)
