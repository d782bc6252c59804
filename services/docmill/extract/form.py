"""Whatever a form says: labels that end with a colon, and the words behind them, or in the next cell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.tokens import Span

if TYPE_CHECKING:
    from docmill.extract.tokens import Row

__all__ = ["find_pairs"]

_MOST = 200
"""Pairs of a document."""
_LABEL_WORDS = 5
_LABEL_LETTERS = 40
_LABEL = re.compile(r"[^\W\d_][^:]*:")


def find_pairs(sheet: Sheet) -> dict[str, Found]:
    """Values by their labels as printed, without the colon; of a label that is there twice the first one."""
    pairs: dict[str, Found] = {}
    for row in sheet.rows:
        for place, cell in enumerate(row.cells):
            label = _label(cell)
            value = _value(row, place, label.end) if label is not None else None
            if label is None or value is None:
                continue
            text = value.text.strip(" :")
            if text and len(pairs) < _MOST:
                pairs.setdefault(label.text.rstrip(" :"), Found(text, (value,), 0.8 * value.confidence))
    return pairs


def _label(cell: Span) -> Span | None:
    """The words up to the cell's first colon, if so few may be a label."""
    for end, token in enumerate(cell.tokens, start=cell.first + 1):
        if token.text.endswith(":"):
            label = Span(cell.row, cell.first, end)
            short = len(label.tokens) <= _LABEL_WORDS and len(label.text) <= _LABEL_LETTERS
            return label if short and _LABEL.fullmatch(label.text) else None
    return None


def _value(row: Row, place: int, start: int) -> Span | None:
    """The rest of the cell, else the next one unless it has a label of its own."""
    cell = row.cells[place]
    if start < cell.end:
        return Span(row, start, cell.end)
    following = row.cells[place + 1] if place + 1 < len(row.cells) else None
    return following if following is not None and _label(following) is None else None
