"""Parts of a document that headings name (`Experience`, `Skills`), each in the column of its heading."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.labels import Phrases, heading_phrases
from docmill.extract.text import squeeze
from docmill.extract.tokens import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["BULLET", "Part", "find_list", "parts_of"]

BULLET = re.compile(r"^[\u2022\u25cf\u25aa\u25a0\u2023\u00b7*\u2013\u2014-]+(?=\s|$|\w)")
"""What begins an entry of a list."""
_BETWEEN = re.compile(r"\s*[,;|\u2022\u25cf\u25aa\u00b7]\s*|\t")
_COLUMN = 0.15
"""Share of the page's width that headings of two columns are apart, at least."""
_LONGEST = 60
"""Characters of an entry; a longer one is a sentence."""

Line = tuple[Span, ...]
"""Cells of one row and one column."""


@dataclass(slots=True)
class Part:
    """A heading's concept and the lines under it, over pages."""

    concept: str
    lines: list[Line] = field(default_factory=list)


def parts_of(sheet: Sheet, own: Iterable[str] = ()) -> list[Part]:
    """The parts, column by column. Squeezed phrases in `own` head parts of the concept `own`."""
    phrases: Phrases = {**heading_phrases(), **dict.fromkeys(own, frozenset({"own"}))}
    headings = {id(cell): concept for row in sheet.rows for cell in row.cells if (concept := _heads(cell, phrases))}
    cells = [cell for row in sheet.rows for cell in row.cells]
    lefts = sorted(_share(sheet, cell) for cell in cells if id(cell) in headings)
    edges = [left for before, left in pairwise([-1.0, *lefts]) if left - before > _COLUMN]
    return [part for column in range(len(edges)) for part in _column(sheet, headings, edges, column, phrases)]


def find_list(sheet: Sheet, phrases: Sequence[str]) -> list[Found]:
    """The entries under a heading of these squeezed phrases: between commas and bullets, or one a line."""
    found: list[Found] = []
    for part in parts_of(sheet, phrases):
        if part.concept == "own":
            found.extend(entry for line in part.lines for cell in line for entry in _entries(cell))
    return found


def _column(
    sheet: Sheet, headings: dict[int, str], edges: Sequence[float], column: int, phrases: Phrases
) -> Iterator[Part]:
    part: Part | None = None
    for row in sheet.rows:
        line: list[Span] = []
        for cell in row.cells:
            if _home(_share(sheet, cell), edges) != column:
                continue
            if id(cell) not in headings:
                line.append(cell)
                continue
            if part is not None:
                yield part
            part = Part(headings[id(cell)])
            line = [rest] if (rest := _after_colon(cell, phrases)) is not None else []
        if part is not None and line:
            part.lines.append(tuple(line))
    if part is not None:
        yield part


def _home(left: float, edges: Sequence[float]) -> int:
    """The last column that begins before; cells left of all belong to the first."""
    return max((index for index, edge in enumerate(edges) if edge <= left + _COLUMN / 5), default=0)


def _share(sheet: Sheet, cell: Span) -> float:
    return cell.box.x / sheet.sizes[cell.row.page][0]


def _heads(cell: Span, phrases: Phrases) -> str:
    """The concept of a cell that is a heading, or begins with one and a colon; else empty."""
    concepts = phrases.get(squeeze(cell.text)) or phrases.get(squeeze(_label(cell))) or ()
    return min(concepts, default="")


def _label(cell: Span) -> str:
    """What stands before the cell's first colon."""
    head, colon, _ = cell.text.partition(":")
    return head if colon else ""


def _after_colon(cell: Span, phrases: Phrases) -> Span | None:
    """What a heading's own cell says: `Skills: Python, SQL`."""
    ends = [index for index, token in enumerate(cell.tokens, cell.first) if token.text.endswith(":")]
    if squeeze(cell.text) in phrases or not ends or ends[0] + 1 >= cell.end:
        return None
    return Span(cell.row, ends[0] + 1, cell.end)


def _entries(cell: Span) -> Iterator[Found]:
    row = cell.row
    start, end = row.start_of(cell.first), row.end_of(cell.end - 1)
    borders = [match.span() for match in _BETWEEN.finditer(row.text, start, end)]
    for (_, left), (right, _) in pairwise([(start, start), *borders, (end, end)]):
        text = row.text[left:right]
        said = BULLET.sub("", text).partition(":")[2] or BULLET.sub("", text)
        said = said.strip(" .:")
        if 1 < len(said) <= _LONGEST or said.isalpha():
            at = row.text.index(said, left)
            span = row.span(at, at + len(said))
            yield Found(said, (span,), 0.85 * span.confidence)
