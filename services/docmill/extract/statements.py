"""A bank statement: its period, and the transactions in it.

A transaction is a row that begins with a date under a head that names debit, credit and balance. Which amount is which is
told by the column's edge: amounts stand flush right under their heads, and most rows lack one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.tables import Item
from docmill.extract.text import squeeze
from docmill.extract.tokens import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from docmill.extract.tokens import Row

__all__ = ["find_statement_period", "find_transactions"]

_HEADS: Mapping[str, frozenset[str]] = {
    "own debit": frozenset({"debit", "debits", "withdrawal", "withdrawals", "paidout", "moneyout", "soll", "dr"}),
    "own credit": frozenset({"credit", "credits", "deposit", "deposits", "paidin", "moneyin", "haben", "cr"}),
    "own balance": frozenset({"balance", "runningbalance", "closingbalance", "saldo"}),
}
"""Column concepts, and the squeezed words that head such a column."""
_NEAR = 1.5
"""Heights of a row that an amount's right edge may be off its head's."""


def find_statement_period(sheet: Sheet) -> tuple[Found, Found] | None:
    """Its first and last day: the two dates of the first row that has two and no amount, if they are in order."""
    for row in sheet.rows:
        days = [day for day in sheet.days if day.span.row is row]
        amounts = [money for money in sheet.money_by_row.get(row.index, ()) if money.is_amount]
        if len(days) == 2 and not amounts and days[0].value <= days[1].value:
            first, last = (Found(day.iso, (day.span,), 0.85 * day.span.confidence) for day in days)
            return first, last
    return None


def find_transactions(sheet: Sheet) -> Sequence[Item]:
    """One item a transaction, in order: `line_date`, `description`, and the amounts that it has."""
    items: list[Item] = []
    heads: dict[str, Span] = {}
    for row in sheet.rows:
        heads = _heads(row) or heads
        if heads and (item := _transaction(sheet, row, heads)) is not None:
            items.append(item)
    return items


def _heads(row: Row) -> dict[str, Span]:
    """The columns that a row heads; nothing unless it has all of them."""
    found = {concept: cell for cell in row.cells for concept, words in _HEADS.items() if squeeze(cell.text) in words}
    return found if len(found) == len(_HEADS) else {}


def _transaction(sheet: Sheet, row: Row, heads: Mapping[str, Span]) -> Item | None:
    dates = [day for day in sheet.days if day.span.row is row and day.span.first == 0]
    amounts = dict(_amounts(sheet, row, heads))
    if not dates or not amounts:
        return None
    date = dates[0]
    values = {"line_date": Found(date.iso, (date.span,), 0.9 * date.span.confidence), **amounts}
    first = min(amount.spans[0].first for amount in amounts.values())
    if date.span.end < first:
        text = Span(row, date.span.end, first)
        values["description"] = Found(text.text, (text,), 0.9 * text.confidence)
    return Item(values)


def _amounts(sheet: Sheet, row: Row, heads: Mapping[str, Span]) -> Iterator[tuple[str, Found]]:
    for money in sheet.money_by_row.get(row.index, ()):
        if not money.is_amount:
            continue
        concept, head = min(heads.items(), key=lambda each: abs(each[1].box.right - money.span.box.right))
        if abs(head.box.right - money.span.box.right) <= _NEAR * row.height:
            yield concept, Found(money.value, (money.span,), 0.9 * money.span.confidence)
