"""Words into lines in reading order, for every source of words that knows no lines of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from docmill.domain.pages import Box, Line, Word

_SAME_ROW = 0.5  # of the smaller height that two words share vertically when they stand on one row
_TALLER = 2.5  # a word this much taller than its neighbours stands alone: text on its side
_GUTTER = 1.0  # the blank strip between two columns is at least this many line heights wide
_COLUMN_LINES = 5  # a column of running text has at least this many lines
_COLUMN_FILL = 0.6  # and its lines fill at least this much of its width (cells of a table do not)


def arrange(words: Iterable[Word]) -> tuple[Line, ...]:
    """Lines from top to bottom, each left to right; columns of running text are read one after the other.

    Rows of a table stay rows, however wide the gaps between the cells are.
    """
    rows = [_Row([word]) for word in words]
    if not rows:
        return ()
    height = median(row.height for row in rows)
    lying = [row for row in rows if not _is_sideways(row, height)]
    sideways = [row for row in rows if _is_sideways(row, height)]
    ordered = _in_reading_order(_rows(lying), height)
    return tuple(Line(tuple(row.words)) for row in _insert(ordered, sideways))


class _Row:
    """Words that stand on one row; grows while rows are found."""

    __slots__ = ("bottom", "height", "left", "right", "top", "words")

    def __init__(self, words: list[Word]) -> None:
        self.words = words
        box = words[0].box if len(words) == 1 else Box.around([word.box for word in words])
        self.left, self.top, self.right, self.bottom = box.x, box.y, box.right, box.bottom
        self.height = box.h

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def shares_row(self, word: Word) -> bool:
        """Whether `word` stands on this row: they overlap by half of the smaller one, and neither dwarfs the other."""
        box = word.box
        overlap = min(self.bottom, box.bottom) - max(self.top, box.y)
        smaller, larger = sorted((self.height, box.h))
        if larger > 2 * smaller:  # a large heading beside small print: only at the same middle
            return abs(self.middle - box.y - box.h / 2) < smaller / 2
        return overlap >= _SAME_ROW * smaller

    def add(self, word: Word) -> None:
        """Appends; the row's band follows the mean of its words, so that it neither grows nor drifts."""
        count = len(self.words)
        self.words.append(word)
        self.top = (self.top * count + word.box.y) / (count + 1)
        self.bottom = (self.bottom * count + word.box.bottom) / (count + 1)
        self.height = self.bottom - self.top
        self.left, self.right = min(self.left, word.box.x), max(self.right, word.box.right)


def _is_sideways(row: _Row, height: float) -> bool:
    return row.height > _TALLER * height and row.height > 2 * (row.right - row.left)


def _rows(singles: Sequence[_Row]) -> list[_Row]:
    """Rows by vertical overlap, top to bottom, words left to right."""
    rows: list[_Row] = []
    for single in sorted(singles, key=lambda row: row.middle):
        word = single.words[0]
        home = next((row for row in reversed(rows[-3:]) if row.shares_row(word)), None)
        if home is None:
            rows.append(single)
        else:
            home.add(word)
    for row in rows:
        row.words.sort(key=lambda word: word.box.x)
    return sorted(rows, key=lambda row: row.middle)


def _in_reading_order(rows: list[_Row], height: float) -> list[_Row]:
    """Rows of running text that stand in columns, column by column; all others as they are."""
    ordered: list[_Row] = []
    start = 0
    while start < len(rows):
        end, columns = _columns_from(rows, start, height)
        if columns is None:
            ordered.append(rows[start])
            start += 1
        else:
            for column in columns:
                ordered.extend(_in_reading_order(column, height))
            start = end
    return ordered


def _columns_from(rows: list[_Row], start: int, height: float) -> tuple[int, tuple[list[_Row], list[_Row]] | None]:
    """The longest run of rows from `start` with one blank strip through all of them, cut there: (end, two columns)."""
    strips = _gaps(rows[start], height)
    end = start
    best: list[tuple[float, float]] = []
    while end < len(rows):
        row = rows[end]
        narrowed = [
            (max(a, c), min(b, d)) for a, b in strips for c, d in _blank(row, height) if min(b, d) - max(a, c) >= height
        ]
        if not narrowed:
            break
        strips = best = narrowed
        end += 1
    if end - start < _COLUMN_LINES or not best:
        return start, None
    for left, right in best:
        cut = (left + right) / 2
        parts = _cut(rows[start:end], cut)
        if all(_is_running_text(part) for part in parts):
            return end, parts
    return start, None


def _gaps(row: _Row, height: float) -> list[tuple[float, float]]:
    """Blank strips between words of the row that are wide enough for a gutter."""
    spans = pairwise(row.words)
    return [(a.box.right, b.box.x) for a, b in spans if b.box.x - a.box.right >= _GUTTER * height]


def _blank(row: _Row, height: float) -> list[tuple[float, float]]:
    """Everything blank in the row, left and right of it included."""
    return [(float("-inf"), row.left), *_gaps(row, height), (row.right, float("inf"))]


def _cut(rows: Sequence[_Row], at: float) -> tuple[list[_Row], list[_Row]]:
    left = [[word for word in row.words if word.box.x < at] for row in rows]
    right = [[word for word in row.words if word.box.x >= at] for row in rows]
    return [_Row(words) for words in left if words], [_Row(words) for words in right if words]


def _is_running_text(rows: Sequence[_Row]) -> bool:
    """Many lines of several words that mostly reach across the column."""
    if len(rows) < _COLUMN_LINES:
        return False
    width = max(row.right for row in rows) - min(row.left for row in rows)
    full = sum(row.right - row.left >= _COLUMN_FILL * width and len(row.words) >= 3 for row in rows)
    return full >= _COLUMN_FILL * len(rows)


def _insert(rows: list[_Row], sideways: list[_Row]) -> list[_Row]:
    """Sideways words as lines of their own, each before the first row that begins below its top."""
    result = list(rows)
    for row in sorted(sideways, key=lambda row: row.top):
        at = next((index for index, other in enumerate(result) if other.top > row.top), len(result))
        result.insert(at, row)
    return result
