"""Words into lines in reading order, for every source of words that knows no lines of its own."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from statistics import median

from docmill.domain.pages import Box, Line, Word

_SAME_ROW = 0.5  # of the smaller height that two words share vertically when they stand on one row
_TALLER = 2.5  # a word this much taller than its neighbours stands alone: text on its side
_GUTTER = 1.0  # the blank strip between two columns is at least this many line heights wide
_COLUMN_LINES = 5  # a column of running text has at least this many lines
_LINE_WORDS = 3  # most of its lines have at least this many words
_COLUMN_FILL = 0.6  # and its lines fill at least this much of its width (cells of a table do not)

_Part = tuple[int, float, float]  # of a row: number of words, left, right
_NOTHING: _Part = (0, 0.0, 0.0)


def arrange(words: Iterable[Word]) -> tuple[Line, ...]:
    """Lines from top to bottom, each left to right; columns of running text are read one after the other.

    Rows of a table stay rows, however wide the gaps between the cells are.
    """
    given = list(words)
    if not given:
        return ()
    height = median([word.box.h for word in given])
    sideways = [word for word in given if _is_sideways(word.box, height)]
    lying = [word for word in given if not _is_sideways(word.box, height)] if sideways else given
    ordered = _in_reading_order(_rows(lying), _Ruler([word.box for word in given], height))
    return tuple(Line(tuple(row.words)) for row in _insert(ordered, sideways))


class _Ruler:
    """Places across the page as bits of a number, so that many rows are compared by one `&` each.

    A bit stands for a gutter that begins there: between `a` and `b` all those begin that end before `b`.
    """

    __slots__ = ("gutter", "left", "right", "unit")

    def __init__(self, boxes: Sequence[Box], height: float) -> None:
        self.gutter = _GUTTER * height
        self.left = min([box.x for box in boxes]) - 2 * self.gutter
        self.right = max([box.x + box.w for box in boxes]) + 2 * self.gutter
        self.unit = max(self.gutter / 16, (self.right - self.left) / 8192, 1e-9)

    def marks(self, start: float, end: float) -> int:
        """The bits of gutters between `start` and `end`."""
        first = math.ceil((start - self.left) / self.unit)
        count = math.floor((end - self.gutter - self.left) / self.unit) - first + 1
        return ((1 << count) - 1) << first if count > 0 else 0

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


class _Row:
    """Words that stand on one row; grows while rows are found, and may be asked for gaps and parts once it is sorted."""

    __slots__ = (
        "_gutters",
        "_inner",
        "_lefts",
        "_parts",
        "_rights",
        "bottom",
        "height",
        "left",
        "right",
        "top",
        "words",
    )

    def __init__(self, words: list[Word]) -> None:
        self.words = words
        box = words[0].box if len(words) == 1 else Box.around([word.box for word in words])
        self.left, self.top, self.right, self.bottom = box.x, box.y, box.right, box.bottom
        self.height = box.h
        self._gutters = self._inner = -1
        self._lefts: list[float] = []
        self._rights: list[float] = []
        self._parts: dict[float, tuple[_Part, _Part]] = {}  # the same places are asked for from many rows on

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def shares_row(self, top: float, bottom: float) -> bool:
        """Whether a word from `top` to `bottom` stands on this row: they overlap by half of the smaller one, and neither dwarfs the other."""
        height, own = bottom - top, self.height
        smaller, larger = (height, own) if height < own else (own, height)
        if larger > 2 * smaller:  # a large heading beside small print: only at the same middle
            return abs(self.middle - top - height / 2) < smaller / 2
        return min(bottom, self.bottom) - max(top, self.top) >= _SAME_ROW * smaller

    def add(self, word: Word, top: float, bottom: float) -> None:
        """Appends; the row's band follows the mean of its words, so that it neither grows nor drifts."""
        count = len(self.words)
        self.words.append(word)
        self.top = (self.top * count + top) / (count + 1)
        self.bottom = (self.bottom * count + bottom) / (count + 1)
        self.height = self.bottom - self.top

    def settle(self) -> None:
        """Puts the words in order, once all of them were added."""
        self.words.sort(key=lambda word: word.box.x)
        self._measure()
        self.left, self.right = self._lefts[0], self._rights[-1]

    def gutters(self, ruler: _Ruler) -> int:
        """Where on the ruler a gutter may begin so that no word of the row stands in it."""
        if self._gutters < 0:
            self._gutters = (
                self.inner_gutters(ruler) | ruler.marks(ruler.left, self.left) | ruler.marks(self.right, ruler.right)
            )
        return self._gutters

    def inner_gutters(self, ruler: _Ruler) -> int:
        """As `gutters`, between words of the row only."""
        if not self._lefts:
            self._measure()
        if self._inner < 0:
            gutter, marks = ruler.gutter, 0
            for right, left in zip(self._rights, self._lefts[1:], strict=False):
                if left - right >= gutter:
                    marks |= ruler.marks(right, left)
            self._inner = marks
        return self._inner

    def parts(self, at: float) -> tuple[_Part, _Part]:
        """How many words stand left and right of `at`, and from where to where."""
        known = self._parts.get(at)
        if known is None:
            known = self._parts[at] = self._parted(at)
        return known

    def _parted(self, at: float) -> tuple[_Part, _Part]:
        if not self._lefts:
            self._measure()
        count = bisect_left(self._lefts, at)
        left = (count, self.left, self._rights[count - 1]) if count else _NOTHING
        rest = len(self.words) - count
        return left, (rest, self._lefts[count], self.right) if rest else _NOTHING

    def _measure(self) -> None:
        boxes = [word.box for word in self.words]
        self._lefts = [box.x for box in boxes]
        self._rights = list(accumulate([box.x + box.w for box in boxes], max))


def _is_sideways(box: Box, height: float) -> bool:
    return box.h > _TALLER * height and box.h > 2 * box.w


def _rows(words: Sequence[Word]) -> list[_Row]:
    """Rows by vertical overlap, top to bottom, words left to right."""
    rows: list[_Row] = []
    boxes = [word.box for word in words]
    middles = [box.y + box.h / 2 for box in boxes]
    row, last = None, (math.nan, math.nan)
    for index in sorted(range(len(words)), key=middles.__getitem__):
        box, word = boxes[index], words[index]
        band = box.y, box.y + box.h
        if (
            band != last or box.h <= 0
        ):  # most words of a text layer stand as the last one did: its row has only come nearer since
            row, last = _row_at(rows, *band), band
        if row is None:
            row = _Row([word])
            rows.append(row)
        else:
            row.add(word, *band)
    for settled in rows:
        settled.settle()
    return sorted(rows, key=lambda row: row.middle)


def _row_at(rows: Sequence[_Row], top: float, bottom: float) -> _Row | None:
    """The row, of the lowest three, on which a word from `top` to `bottom` stands."""
    for row in rows[:-4:-1]:
        if row.shares_row(top, bottom):
            return row
    return None


def _in_reading_order(rows: list[_Row], ruler: _Ruler) -> list[_Row]:
    """Rows of running text that stand in columns, column by column; all others as they are."""
    ordered: list[_Row] = []
    start = 0
    while start < len(rows):
        end, columns = _columns_from(rows, start, ruler)
        if columns is None:
            ordered.append(rows[start])
            start += 1
        else:
            for column in columns:
                ordered.extend(_in_reading_order(column, ruler))
            start = end
    return ordered


def _columns_from(rows: list[_Row], start: int, ruler: _Ruler) -> tuple[int, tuple[list[_Row], list[_Row]] | None]:
    """The longest run of rows from `start` with one blank strip through all of them, cut there: (end, two columns)."""
    marks = best = rows[start].inner_gutters(ruler)
    end = start
    while marks and end < len(rows):
        marks &= rows[end].gutters(ruler)
        if marks:
            best = marks
            end += 1
    if end - start < _COLUMN_LINES:
        return start, None
    for cut in ruler.middles(best):
        left, right = zip(*[row.parts(cut) for row in rows[start:end]], strict=True)
        if _is_running_text(left) and _is_running_text(right):
            return end, _cut(rows[start:end], cut)
    return start, None


def _cut(rows: Sequence[_Row], at: float) -> tuple[list[_Row], list[_Row]]:
    left = [[word for word in row.words if word.box.x < at] for row in rows]
    right = [[word for word in row.words if word.box.x >= at] for row in rows]
    return [_Row(words) for words in left if words], [_Row(words) for words in right if words]


def _is_running_text(parts: Sequence[_Part]) -> bool:
    """Many lines of several words that mostly reach across the column."""
    lines = [part for part in parts if part[0]]
    long = [part for part in lines if part[0] >= _LINE_WORDS]
    if len(lines) < _COLUMN_LINES or len(long) < _COLUMN_FILL * len(lines):
        return False
    fill = _COLUMN_FILL * (max([right for _, _, right in lines]) - min([left for _, left, _ in lines]))
    return sum([right - left >= fill for _, left, right in long]) >= _COLUMN_FILL * len(lines)


def _insert(rows: list[_Row], sideways: Iterable[Word]) -> list[_Row]:
    """Sideways words as lines of their own, each before the first row that begins below its top."""
    result = list(rows)
    for word in sorted(sideways, key=lambda word: word.box.y):
        at = next((index for index, other in enumerate(result) if other.top > word.box.y), len(result))
        result.insert(at, _Row([word]))
    return result
