"""Columns of running text among the rows of a page: each is read to its end before the next one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, compress, pairwise
from typing import NamedTuple

from docmill.ocr.rows import Row

__all__ = ["column_by_column"]

_GUTTER = 1.0  # the blank strip between two columns is at least this many line heights wide
_COLUMN_LINES = 5  # a column of running text has at least this many lines
_LINE_WORDS = (
    3  # most of its lines have at least this many words without a gutter between them (numbers of a table do not)
)
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
    """What stands on one side of a cut: of each row its longest piece, in words, and from where to where it reaches (anywhere, if nothing)."""

    longest: list[int]
    lefts: list[float]
    rights: list[float]
    lines: list[int]
    """How many of the rows above each, and of all, have words there."""
    long: list[int]
    """How many of them have several."""

    @classmethod
    def of(cls, longest: list[int], lefts: list[float], rights: list[float]) -> _Side:
        """Sums up."""
        lines = accumulate([words > 0 for words in longest], initial=0)
        long = accumulate([words >= _LINE_WORDS for words in longest], initial=0)
        return cls(longest, lefts, rights, [*lines], [*long])

    def is_running_text(self, start: int, end: int) -> bool:
        """Whether these rows have many lines of several words that mostly reach across the column."""
        lines = self.lines[end] - self.lines[start]
        if lines < _COLUMN_LINES or self.long[end] - self.long[start] < _COLUMN_FILL * lines:
            return False
        longest, lefts, rights = self.longest[start:end], self.lefts[start:end], self.rights[start:end]
        fill = _COLUMN_FILL * (max(compress(rights, longest)) - min(compress(lefts, longest)))
        reaching = [
            right - left >= fill
            for words, left, right in zip(longest, lefts, rights, strict=True)
            if words >= _LINE_WORDS
        ]
        return sum(reaching) >= _COLUMN_FILL * lines


class _Gutters:
    """Blank strips through rows. Many rows ask for the same cuts, so what stands beside each is counted once."""

    def __init__(self, rows: Sequence[Row], ruler: _Ruler) -> None:
        self._rows, self._ruler = rows, ruler
        self._inner = [ruler.between(row) for row in rows]
        self._all = [inner | ruler.beside(row) for row, inner in zip(rows, self._inner, strict=True)]
        self._lefts = [row.lefts[0] for row in rows]
        self._rights = [row.rights[-1] for row in rows]
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
        return left.is_running_text(start, end) and right.is_running_text(start, end)

    @cached_property
    def _pieces(self) -> list[list[tuple[int, int]]]:
        """Of each row; most pages never ask."""
        return [_pieces(row, self._ruler.gutter) for row in self._rows]

    def _count(self, cut: float) -> tuple[_Side, _Side]:
        counts = [bisect_left(row.lefts, cut) for row in self._rows]
        longest = [_longest(pieces, count) for pieces, count in zip(self._pieces, counts, strict=True)]
        parted = list(zip(self._rows, counts, strict=True))
        sides = self._sides[cut] = (
            _Side.of([before for before, _ in longest], self._lefts, [row.rights[count - 1] for row, count in parted]),
            _Side.of(
                [after for _, after in longest],
                [row.lefts[count] if count < len(row.words) else 0.0 for row, count in parted],
                self._rights,
            ),
        )
        return sides


def _pieces(row: Row, gutter: float) -> list[tuple[int, int]]:
    """What gutters part a row into: the number of each piece's first word, and how many words it has."""
    gaps = zip(row.rights, row.lefts[1:], strict=False)
    starts = [0, *(at for at, (right, left) in enumerate(gaps, start=1) if left - right >= gutter)]
    return [(start, end - start) for start, end in pairwise([*starts, len(row.words)])]


def _longest(pieces: Sequence[tuple[int, int]], count: int) -> tuple[int, int]:
    """Words of the longest piece among the row's first `count` words, and of the longest behind them."""
    before = after = 0
    for first, words in pieces:
        if first < count:
            before = max(before, words)
        else:
            after = max(after, words)
    return before, after
