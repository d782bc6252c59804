"""Headers of tables: rows that say what the columns below them mean, and where these stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.extract.labels import Label, Phrases, find_labels
from docmill.extract.stacked import header_blocks, stacked_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from docmill.extract.candidates import Sheet
    from docmill.extract.tokens import Row, Span

__all__ = ["NUMERIC", "Column", "Header", "find_headers"]

NUMERIC = frozenset({"quantity", "unit_price", "line_total", "tax_rate", "discount"})
"""Columns that hold numbers."""
_PREFERRED = ("description", "quantity", "unit_price", "line_total")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; edges are shares of the page's width."""

    concept: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Header:
    """The rows of a header, top to bottom, and its columns, left to right."""

    rows: Sequence[Row]
    columns: Sequence[Column]


def find_headers(sheet: Sheet, phrases: Phrases, numeric: frozenset[str] = NUMERIC) -> list[Header]:
    """Rows that name at least two columns, one of them of numbers, each in a cell of its own; top to bottom.

    `phrases` are header texts and the columns they may mean; `numeric` the columns that hold numbers. The words of a
    column's name may stand over each other.
    """
    by_row: dict[int, list[Label]] = {}
    for label in find_labels(sheet.rows, phrases):
        by_row.setdefault(label.span.row.index, []).append(label)
    single = [header for index, labels in by_row.items() for header in _in_one_row(sheet, index, labels, numeric)]
    stacked = _best_apart(_in_blocks(sheet, phrases, numeric), single)
    taken = {row.index for header in stacked for row in header.rows}
    headers = [*stacked, *(header for header in single if header.rows[0].index not in taken)]
    return sorted(headers, key=lambda header: header.rows[0].index)


def _in_one_row(sheet: Sheet, index: int, labels: Sequence[Label], numeric: frozenset[str]) -> Iterator[Header]:
    row = sheet.rows[index]
    columns = _columns(sheet, [label for label in labels if _fills_cell(label)])
    if _meaningful(columns, numeric) and not any(money.is_amount for money in sheet.money_by_row.get(index, ())):
        yield Header([row, *_second_line(sheet, row)], columns)


def _in_blocks(sheet: Sheet, phrases: Phrases, numeric: frozenset[str]) -> Iterator[tuple[Header, int]]:
    """Headers on several rows, and how many letters their names have."""
    for block in header_blocks(sheet):
        labels = stacked_labels(block, phrases)
        columns = _columns(sheet, labels)
        if _meaningful(columns, numeric):
            yield Header(block, columns), sum({label.span: len(label.phrase) for label in labels}.values())


def _best_apart(stacked: Iterable[tuple[Header, int]], single: Sequence[Header]) -> list[Header]:
    """Of headers that share rows those with the most columns, then the longest names; none that a row outdoes alone."""
    columns = {header.rows[0].index: len(header.columns) for header in single}
    taken: set[int] = set()
    chosen = []
    for header, _ in sorted(stacked, key=lambda each: (-len(each[0].columns), -each[1], len(each[0].rows))):
        rows = {row.index for row in header.rows}
        if not rows & taken and len(header.columns) >= max(columns.get(index, 0) for index in rows):
            taken |= rows
            chosen.append(header)
    return chosen


def _meaningful(columns: Sequence[Column], numeric: frozenset[str]) -> bool:
    concepts = {column.concept for column in columns}
    return len(concepts) >= 2 and bool(concepts & numeric) and not concepts <= {"line_total", "tax_rate", "position"}


def _second_line(sheet: Sheet, row: Row) -> list[Row]:
    """The next row if the header wraps onto it with words that are no name: close below and without digits."""
    if row.index + 1 >= len(sheet.rows):
        return []
    after = sheet.rows[row.index + 1]
    close = after.page == row.page and after.box.y - row.box.bottom < 0.4 * row.height
    return (
        [after] if close and len(after.cells) <= len(row.cells) and not _digits(after) and len(after.text) < 40 else []
    )


def _digits(row: Row) -> bool:
    return any(character.isdigit() for character in row.text)


def _columns(sheet: Sheet, labels: Sequence[Label]) -> list[Column]:
    """One column a cell, meaning what no column before it means."""
    if not labels:
        return []
    width = sheet.sizes[labels[0].span.row.page][0]
    choices: list[tuple[Span, list[str]]] = []
    for label in labels:
        known = next((meanings for span, meanings in choices if span == label.span), None)
        if known is not None:
            known.append(label.concept)
        else:
            choices.append((label.span, [label.concept]))
    columns: list[Column] = []
    taken: set[str] = set()
    for span, meanings in sorted(choices, key=lambda choice: (len(choice[1]), choice[0].box.x)):
        free = [meaning for meaning in meanings if meaning not in taken]
        if free:
            concept = min(free, key=_rank)
            taken.add(concept)
            columns.append(Column(concept, span.box.x / width, span.box.right / width))
    return sorted(columns, key=lambda column: column.left)


def _rank(concept: str) -> int:
    return _PREFERRED.index(concept) if concept in _PREFERRED else len(_PREFERRED)


def _fills_cell(label: Label) -> bool:
    """Short words that are part of prose do not count: at most two words of its cell are not the label's, or the whole row is made of labels set close together."""
    cell = next(cell for cell in label.span.row.cells if cell.overlaps(label.span))
    return (cell.end - cell.first) - (label.span.end - label.span.first) <= 2 or len(label.span.row.tokens) <= 9
