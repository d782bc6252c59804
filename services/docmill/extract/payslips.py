"""Earnings and deductions of a payslip: rows of a name and an amount under a head, beside each other or one list after the other.

A row may have a pair of each list, so pairs are told by the head they stand nearest to. Other numbers of a row (hours,
rates, sums of the year) are told by the heads of their columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.labels import heading_phrases
from docmill.extract.tables import Item
from docmill.extract.text import squeeze
from docmill.extract.tokens import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from docmill.domain.pages import Box
    from docmill.extract.money import Money
    from docmill.extract.tokens import Row

__all__ = ["LISTS", "find_entries"]

LISTS = frozenset({"earnings", "deductions"})
"""Names of the lists."""

_AMOUNT = frozenset({"amount", "current", "thisperiod", "currentperiod", "currentamount", "betrag", "monat"})
"""Heads of the column that counts, where there are others."""
_SUMS = ("total", "gross", "net", "summe", "gesamt", "brutto", "netto", "auszahlung", "takehome", "ytd")
"""How the names of sums begin; they end a list."""
_GAP = 4.0
"""Heights without a row after which a list has ended."""
_NEAR = 1.5
"""Heights of a row that an amount's right edge may be off its head's."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A name and the numbers after it."""

    label: Span
    numbers: Sequence[Money]

    @property
    def ends(self) -> tuple[float, float]:
        """Left and right edge."""
        return self.label.box.x, self.numbers[-1].span.box.right


def find_entries(sheet: Sheet, name: str) -> Sequence[Item]:
    """The entries of one of `LISTS` in order: `own label` and `line_total`."""
    items: list[Item] = []
    heads: dict[str, Span] = {}
    amounts: list[Span] = []
    last: Row | None = None
    for row in sheet.rows:
        new = _heads(sheet, row)
        if new:
            heads, amounts = new, []
        elif last is not None and (row.page != last.page or row.box.y - last.box.bottom > _GAP * row.height):
            heads = {}
        if not heads:
            continue
        last = row
        amounts += [cell for cell in row.cells if squeeze(cell.text) in _AMOUNT]
        for pair in _pairs(sheet, row):
            owner = _nearest(pair, heads)
            if squeeze(pair.label.text).startswith(_SUMS):
                heads = {other: head for other, head in heads.items() if other != owner}
            elif owner == name:
                items.append(_item(pair, amounts))
    return items


def _heads(sheet: Sheet, row: Row) -> dict[str, Span]:
    """The lists that a row without numbers heads."""
    if sheet.money_by_row.get(row.index):
        return {}
    named = ((concept, cell) for cell in row.cells for concept in heading_phrases().get(squeeze(cell.text), ()))
    return {concept: cell for concept, cell in named if concept in LISTS}


def _pairs(sheet: Sheet, row: Row) -> Iterator[_Pair]:
    """Names with numbers behind them. A number that words follow in its cell is part of a name: `401(k) plan`."""
    numbers = [money for money in sheet.money_by_row.get(row.index, ()) if not money.percent and _ends_cell(row, money)]
    start = 0
    taken: list[Money] = []
    label: Span | None = None
    for money in numbers:
        if any(character.isalpha() for token in row.tokens[start : money.span.first] for character in token.text):
            if label is not None:
                yield _Pair(label, taken)
            label, taken = Span(row, start, money.span.first), []
        taken.append(money)
        start = money.span.end
    if label is not None:
        yield _Pair(label, taken)


def _ends_cell(row: Row, money: Money) -> bool:
    cell = next(cell for cell in row.cells if cell.overlaps(money.span))
    return not any(character.isalpha() for token in row.tokens[money.span.end : cell.end] for character in token.text)


def _nearest(pair: _Pair, heads: Mapping[str, Span]) -> str:
    """Heads stand at the left edge of their list or over its middle."""
    left, right = pair.ends

    def off(head: Box) -> float:
        return min(abs(head.x - left), abs(head.center[0] - (left + right) / 2))

    return min(heads, key=lambda name: off(heads[name].box), default="")


def _item(pair: _Pair, amounts: Sequence[Span]) -> Item:
    row = pair.label.row
    under = [
        money
        for money in pair.numbers
        if any(abs(head.box.right - money.span.box.right) <= _NEAR * row.height for head in amounts)
    ]
    money = (under or pair.numbers)[-1]
    label = pair.label.text.strip(" .:-")
    return Item(
        {
            "own label": Found(label, (pair.label,), 0.85 * pair.label.confidence),
            "line_total": Found(money.value, (money.span,), 0.9 * money.span.confidence),
        }
    )
