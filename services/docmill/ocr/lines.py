"""Words into lines in reading order, for every source of words that knows no lines of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from docmill.domain.pages import Box, Line, Word
from docmill.ocr.columns import column_by_column
from docmill.ocr.rows import Row, find_rows

__all__ = ["arrange"]

_TALLER = 2.5  # a word this much taller than its neighbours stands alone: text on its side


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
    ordered = column_by_column(find_rows(lying), height)
    return tuple(Line(tuple(row.words)) for row in _insert(ordered, sideways))


def _is_sideways(box: Box, height: float) -> bool:
    return box.h > _TALLER * height and box.h > 2 * box.w


def _insert(rows: Sequence[Row], sideways: Iterable[Word]) -> list[Row]:
    """Sideways words as lines of their own, each before the first row that begins below its top."""
    result = list(rows)
    for word in sorted(sideways, key=lambda word: word.box.y):
        at = next((index for index, other in enumerate(result) if other.top > word.box.y), len(result))
        result.insert(at, Row.of([word]))
    return result
