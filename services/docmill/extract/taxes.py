"""Taxes by kind: value added tax and sales tax as their words name them. Goods and services tax of India is in `gst`.

The word `Tax` alone says no kind, so such a tax is only a part of the sum of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.extract.tokens import Row

__all__ = ["kind_of", "over_rates"]

_WORDS: Mapping[str, re.Pattern[str]] = {
    "vat": re.compile(
        r"\b(?:vat|mwst|mehrwertsteuer|ust|umsatzsteuer\w*|tva|iva|btw|omzetbelasting|moms)\b|\b(?:v\.a\.t|t\.v\.a|i\.v\.a)\b",
        re.IGNORECASE,
    ),
    "sales_tax": re.compile(r"\b(?:sales|state|county|city|local)\s+(?:and\s+use\s+)?tax\b", re.IGNORECASE),
}
_RATE = re.compile(r"\d+(?:[.,]\d+)? ?%")


def kind_of(sheet: Sheet, tax: Found) -> str:
    """`vat` or `sales_tax`: by the words on the row of the amount, else if those that name taxes elsewhere agree; else empty."""
    return _named([span.row for span in tax.spans]) or _named([label.span.row for label in sheet.labelled("tax")])


def over_rates(taxes: Sequence[Found]) -> Found | None:
    """The sum of taxes with a rate each on rows of their own; None unless there are several rates."""
    by_name: dict[str, Found] = {}
    for tax in taxes:
        if _RATE.search(tax.spans[0].row.text):
            by_name.setdefault(_words_before(tax), tax)
    if len(by_name) < 2:
        return None
    parts = list(by_name.values())
    amounts = [part.value for part in parts if isinstance(part.value, Decimal)]
    spans = tuple(span for part in parts for span in part.spans)
    return Found(sum(amounts, Decimal(0)), spans, min(part.score for part in parts))


def _named(rows: Sequence[Row]) -> str:
    """The kind that the rows name, if it is one."""
    kinds = {kind for row in rows for kind, words in _WORDS.items() if words.search(row.text)}
    return kinds.pop() if len(kinds) == 1 else ""


def _words_before(tax: Found) -> str:
    """Name and rate of a tax: two of one rate may be due to state and county, one that is there twice counts once."""
    span = tax.spans[0]
    return " ".join(token.text.lower() for token in span.row.tokens[: span.first])
