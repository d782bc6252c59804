"""Sums that are carried over from page to page in a table of items: they are no items."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.extract.candidates import Found, Sheet

__all__ = ["beside_breaks", "is_carried_over"]

_SUMMED = 2  # items that such a sum has at least: one alone may cost as much as the next


def beside_breaks(sheet: Sheet, body: Sequence[int]) -> frozenset[int]:
    """The rows on either side of a new page: elsewhere an item may well cost as much as all before it."""
    breaks = [pair for pair in pairwise(body) if sheet.rows[pair[0]].page != sheet.rows[pair[1]].page]
    return frozenset(index for pair in breaks for index in pair)


def is_carried_over(values: Mapping[str, Found], items: Sequence[Mapping[str, Found]]) -> bool:
    """Whether a row's `values` by column are the sum of the `items` so far and nothing else, whatever word stands by it."""
    if len(items) < _SUMMED or not values.keys() <= {"line_total"}:
        return False
    totals = [value for item in items if isinstance(value := _total(item), Decimal)]
    return bool(totals) and _total(values) == sum(totals)


def _total(values: Mapping[str, Found]) -> object:
    found = values.get("line_total")
    return None if found is None else found.value
