"""Line items of till receipts, which have no table: `name  12.50`, or the name above `2 x 6.25  12.50`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.tables import Item
from docmill.extract.tokens import Row, Span

if TYPE_CHECKING:
    from decimal import Decimal

    from docmill.extract.money import Money

__all__ = ["till_items"]

_STOP = frozenset({"subtotal", "total", "grand_total", "amount_due", "tax", "paid", "change", "rounding", "not_total"})
_NO_ITEM = frozenset(
    {
        "date", "time", "phone", "fax", "tax_id", "registration", "invoice_number",
        "discount", "shipping", "service_charge",
    }
)  # fmt: skip
_TIMES = re.compile(r"^(?:[x\u00d7@*]|[^\W\d]{0,3}x)$", re.IGNORECASE)
_MAX_NAME_ROWS = 2


def till_items(sheet: Sheet) -> list[Item]:
    """Rows that end in an amount, from the top down to the first sum."""
    items: list[Item] = []
    names: list[Row] = []
    for row in sheet.rows:
        concepts = {label.concept for label in sheet.labels_by_row.get(row.index, ()) if label.own_cell}
        amount = _closing_amount(sheet, row)
        if concepts & _STOP and (items or amount is not None):
            break
        if amount is None or concepts & _NO_ITEM:
            names = [*names, row][-_MAX_NAME_ROWS:] if amount is None else []
            continue
        item = _item(sheet, row, amount, names)
        if item is not None:
            items.append(item)
        names = []
    return items


def _closing_amount(sheet: Sheet, row: Row) -> Money | None:
    """An amount with two decimals that ends the row, but for a tax code."""
    money = sheet.money_by_row.get(row.index, [])
    last = money[-1] if money else None
    if last is None or last.decimals != 2 or last.percent or len(row.tokens) - last.span.end > 1:
        return None
    after = row.tokens[last.span.end :]
    return last if all(len(token.text) <= 3 for token in after) else None


def _item(sheet: Sheet, row: Row, amount: Money, names: list[Row]) -> Item | None:
    item = Item()
    item.values["line_total"] = Found(amount.value, (amount.span,), 0.8 * amount.span.confidence)
    before = [money for money in sheet.money_by_row[row.index] if money.span.end <= amount.span.first]
    used = [amount.span, *_quantity_and_price(row, before, amount, item)]
    words = [
        Span(row, index, index + 1)
        for index in range(amount.span.first)
        if not any(span.first <= index < span.end for span in used) and not _TIMES.match(row.tokens[index].text)
    ]
    if _names_something(words):
        spans = [Span(row, words[0].first, words[-1].end)] if _together(words) else words
    else:
        spans = [name.whole for name in names[-1:] if _names_something([name.whole])]
    if not spans:
        return None
    text = " ".join(span.text for span in spans)
    item.values["description"] = Found(text, tuple(spans), 0.7 * min(span.confidence for span in spans))
    return item


def _quantity_and_price(row: Row, before: list[Money], amount: Money, item: Item) -> list[Span]:
    """Of the numbers before the amount, the pair whose product it is; a lone whole number before `x` is a quantity."""
    for price in reversed(before):
        for quantity in before:
            product = quantity.value * price.value
            if quantity is not price and product == amount.value and _counts(quantity.value) and price.decimals == 2:
                item.values["quantity"] = Found(quantity.value, (quantity.span,), 0.85 * quantity.span.confidence)
                item.values["unit_price"] = Found(price.value, (price.span,), 0.85 * price.span.confidence)
                return [quantity.span, price.span]
    used: list[Span] = []
    for money in before:
        after = row.tokens[money.span.end].text if money.span.end < len(row.tokens) else ""
        crossed = bool(_TIMES.match(after)) or money.span.text.lower().endswith("x")
        leads = money.span.first == 0 and money.span.text.isdecimal()  # `6FT HDMI CABLE` is one cable
        if _counts(money.value) and money.decimals == 0 and (crossed or leads) and not used:
            item.values["quantity"] = Found(money.value, (money.span,), 0.6 * money.span.confidence)
            used.append(money.span)
        elif money.decimals == 2 and money.value <= amount.value and used:
            item.values["unit_price"] = Found(money.value, (money.span,), 0.6 * money.span.confidence)
            used.append(money.span)
    return used


def _counts(value: Decimal) -> bool:
    return 0 < value < 1000


def _names_something(spans: list[Span]) -> bool:
    return sum(character.isalpha() for span in spans for character in span.text) >= 2


def _together(words: list[Span]) -> bool:
    return words[-1].end - words[0].first == len(words)
