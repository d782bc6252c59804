"""Subtotal, tax and total, chosen together: labels propose, arithmetic decides between proposals and never adds any."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import islice, product
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.relations import relation
from docmill.extract.taxes import over_rates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from docmill.domain.pages import Box
    from docmill.extract.labels import Label
    from docmill.extract.money import Money

__all__ = ["Amounts", "find_amounts", "find_round_off", "labelled_amounts"]

_LABELS: Mapping[str, Mapping[str, float]] = {
    "subtotal": {"subtotal": 1.0, "line_sum": 0.8},
    "tax": {"tax": 1.0},
    "total": {"grand_total": 1.0, "total": 0.85, "amount_due": 0.8},
}
_CHANGES = ("discount", "shipping", "service_charge", "rounding")  # stand between the sums
_CENT = Decimal("0.02")  # rounding of line taxes
_ROUNDING = Decimal("0.05")  # what tills round totals by
_WHOLE = Decimal(1)  # the coarsest rounding of a total, by less than this
_TOP = 5  # proposals a field that are tried together
_MAX_CHANGES = 20  # of them
_HOLDS = 0.5  # what a sum that holds is worth, in scores
_BREAKS = 0.6
_COLUMNS = frozenset({"subtotal", "tax", "total", "grand_total", "discount", "shipping"})
_NEAR = 3  # heights of a row that an amount may stand aside from the head of its column
_SUMMARY = 3  # so many of them beside each other head a table of sums
_SETTLES = 0.4  # what it is worth that cash less change is the total
_UNNAMED = 0.45  # score of an amount that no word calls the total, but that cash less change


_Triple = tuple[Found | None, Found | None, Found | None]  # subtotal, tax, total


@dataclass(frozen=True, slots=True)
class Amounts:
    """The sums of a document; None where nothing was found."""

    subtotal: Found | None = None
    tax: Found | None = None
    total: Found | None = None


def find_amounts(sheet: Sheet, skip_rows: frozenset[int], line_sum: Decimal | None) -> Amounts:
    """The most convincing triple. Labels on `skip_rows` (table headers and bodies) are not looked at."""
    proposals = {
        name: sorted(
            labelled_amounts(sheet, weights, skip_rows), key=lambda f: (-f.score, -f.spans[0].row.index)
        )[:_TOP]
        for name, weights in _LABELS.items()
    }  # fmt: skip
    whole = over_rates(proposals["tax"])
    if whole is not None:
        proposals["tax"].append(whole)
    extras = islice(labelled_amounts(sheet, dict.fromkeys(_CHANGES, 1.0), skip_rows), _MAX_CHANGES)
    amounts = [value for found in extras if (value := _value(found)) is not None]
    changes = {Decimal(0), *amounts, *(-amount for amount in amounts)}
    settled = _settled(sheet, skip_rows)
    totals = [*proposals["total"], *_rounded(sheet, proposals["total"], skip_rows)]
    proposals["total"] = _favour_final(totals, settled)
    best = max(
        product([None, *proposals["subtotal"]], [None, *proposals["tax"]], [None, *proposals["total"]]),
        key=lambda triple: _worth(triple, changes, line_sum, settled),
    )
    if not totals:
        best = (*best[:2], _unnamed(sheet, settled, best))
    sums_hold = _holds(_values(best), changes) is True
    subtotal, tax, total = (_surer(found) if found and sums_hold else found for found in best)
    return Amounts(subtotal, tax, total)


def labelled_amounts(sheet: Sheet, weights: Mapping[str, float], skip_rows: frozenset[int]) -> Iterator[Found]:
    """Amounts that stand by a label of one of the concepts, scored by label, place and form."""
    for label in sheet.labelled(*weights):
        others = sheet.labels_by_row[label.span.row.index]
        if label.span.row.index in skip_rows or any(_speaks_for(sheet, other, label) for other in others):
            continue
        weight = weights[label.concept] * (1.0 if label.own_cell else 0.75)
        for score, money in _beside(sheet, label, others, skip_rows):
            yield Found(money.value, (money.span,), weight * score * _form(money) * money.span.confidence)


def find_round_off(sheet: Sheet, skip_rows: frozenset[int]) -> Found | None:
    """What rounding added or took, by its label and with its sign; the rounded total is larger than any of it."""
    found = labelled_amounts(sheet, {"rounding": 1.0}, skip_rows)
    small = [amount for amount in found if (value := _value(amount)) is not None and abs(value) < _WHOLE]
    return max(small, key=lambda amount: amount.score, default=None)


def _speaks_for(sheet: Sheet, other: Label, label: Label) -> bool:
    """Whether `Total savings` and the like own the row; not if their number stands before the label already."""
    numbers = sheet.money_by_row.get(label.span.row.index, ())
    answered = any(other.span.end <= money.span.first and money.span.end <= label.span.first for money in numbers)
    return other.concept == "not_total" and not answered


def _settled(sheet: Sheet, skip_rows: frozenset[int]) -> set[Decimal]:
    """What was paid less the change that was given: such a difference is the total, up to cash rounding."""
    paid, change = (
        {
            abs(value)
            for found in labelled_amounts(sheet, {concept: 1.0}, skip_rows)
            if (value := _value(found)) is not None
        }
        for concept in ("paid", "change")
    )
    return {gave - back for gave in paid for back in change if gave > back}


def _unnamed(sheet: Sheet, settled: set[Decimal], best: _Triple) -> Found | None:
    """Where no word calls an amount the total: the last one that was settled in cash, else a subtotal without tax."""
    cash = [money for money in sheet.money if money.is_amount and money.value in settled]
    if cash:
        return Found(cash[-1].value, (cash[-1].span,), _UNNAMED * cash[-1].span.confidence)
    subtotal, tax, _ = best
    return subtotal.weighted(_UNNAMED) if subtotal is not None and not _value(tax) else None


def _beside(
    sheet: Sheet, label: Label, others: Sequence[Label], skip_rows: frozenset[int]
) -> Iterator[tuple[float, Money]]:
    """Amounts on the label's row, the rightmost first choice; only where there are none, those under the label."""
    same_row = [
        money
        for money in sheet.money_by_row.get(label.span.row.index, ())
        if not money.percent and money.span.first >= label.span.end
    ]
    amounts = [money for money in same_row if money.is_amount] or [
        money for money in same_row if money.decimals == 0 and _is_alone(money, label)
    ]
    for money in amounts:
        unclaimed = [m for m in amounts if m.span.first > money.span.first]
        yield relation(label, money.span, others=others) * (0.85 if unclaimed else 1.0), money
    if amounts:
        return
    heads = [other for other in others if other.concept in _COLUMNS]
    if len({head.concept for head in heads}) >= _SUMMARY:
        yield from _bottom_line(sheet, label, heads)
        return
    for row in sheet.rows[label.span.row.index + 1 : label.span.row.index + 3]:
        if row.index in skip_rows:
            break
        for money in sheet.money_by_row.get(row.index, ()):
            score = relation(label, money.span)
            if money.is_amount and score > 0:
                yield score * 0.9, money


def _is_alone(money: Money, label: Label) -> bool:
    """Whether no words but the label's stand before a whole number in its cell, as they do before a house's: `Mill Lane 9`."""
    cell = next(cell for cell in money.span.row.cells if cell.overlaps(money.span))
    before = money.span.row.tokens[cell.first : money.span.first]
    return cell.overlaps(label.span) or not any(character.isalpha() for token in before for character in token.text)


def _bottom_line(sheet: Sheet, label: Label, heads: Sequence[Label]) -> Iterator[tuple[float, Money]]:
    """Of a table of sums (a row for each tax rate) the last amount under `label`: the sum of those above it, or alone.

    Lines of text that stand beside the table are none of its rows.
    """
    reach = _NEAR * label.span.row.height
    left, right = min(head.span.box.x for head in heads) - reach, max(head.span.box.right for head in heads) + reach
    column: list[Money] = []
    for row in sheet.rows[label.span.row.index + 1 :]:
        inside = [token for token in row.tokens if left < token.box.center[0] < right]
        if row.page == label.span.row.page and not inside:
            continue
        amounts = [
            m for m in sheet.money_by_row.get(row.index, ()) if m.is_amount and left < m.span.box.center[0] < right
        ]
        if row.page != label.span.row.page or len(amounts) < 2:
            break
        nearest = min(amounts, key=lambda money: _apart(label.span.box, money.span.box))
        if _apart(label.span.box, nearest.span.box) < reach:
            column.append(nearest)
    if column:
        adds_up = len(column) == 1 or column[-1].value == sum(money.value for money in column[:-1])
        yield (0.9 if adds_up else 0.45), column[-1]


def _apart(one: Box, other: Box) -> float:
    return min(abs(one.x - other.x), abs(one.right - other.right), abs(one.center[0] - other.center[0]))


def _form(money: Money) -> float:
    if money.value < 0:
        return 0.6
    if money.value == 0:
        return 0.5
    return 1.0 if money.is_amount else 0.5


def _rounded(sheet: Sheet, totals: Sequence[Found], skip_rows: frozenset[int]) -> Iterator[Found]:
    """Amounts by the word for rounding that are a total, rounded: tills call it so."""
    values = {_value(found) for found in totals}
    for found in labelled_amounts(sheet, {"rounding": 0.3}, skip_rows):
        value = _value(found)
        if value is not None and any(other is not None and 0 < abs(value - other) < _ROUNDING for other in values):
            yield found


def _favour_final(totals: Sequence[Found], settled: set[Decimal]) -> list[Found]:
    """Of several totals the invoice's own is the largest (the others are sums of parts), or what cash rounding made of it.

    Tills round to five cents and print both; the rounded one is what is paid, whatever word stands by it.
    """
    values = [value for found in totals if (value := _value(found)) is not None]
    if not values:
        return []
    largest = max((value for value in values if value in settled), default=max(values))
    near = {value for value in values if abs(value - largest) < _ROUNDING}
    rounded = [value for value in near if value % _ROUNDING == 0]
    final = rounded[0] if len(near) > 1 and rounded else largest
    best = max(found.score for found in totals)
    boost = best * 1.1 if len(near) > 1 and rounded else 0.0
    return [
        Found(found.value, found.spans, max(boost, found.score)) if found.value == final else found.weighted(0.9)
        for found in totals
    ]


def _worth(triple: _Triple, changes: set[Decimal], line_sum: Decimal | None, settled: set[Decimal]) -> float:
    """Scores of the parts, plus what their sums say."""
    found = [part for part in triple if part is not None]
    if len({part.spans[0].box for part in found}) < len(found):
        return -1.0  # one printed amount cannot be two of them
    worth = sum(part.score for part in found) + (0.2 * triple[2].score if triple[2] else 0.0)
    subtotal, tax, total = values = _values(triple)
    verdict = _holds(values, changes)
    worth += _HOLDS if verdict else -_BREAKS if verdict is False else 0.0
    if line_sum is not None and any(
        value is not None and abs(value - line_sum) <= _ROUNDING for value in (subtotal, total)
    ):
        worth += 0.2
    worth += _SETTLES if total in settled else 0.0
    if total is not None and tax is not None and tax * 2 > total:
        worth -= _BREAKS  # no tax is half of the total
    return worth


def _holds(values: Sequence[Decimal | None], changes: set[Decimal]) -> bool | None:
    """Whether subtotal + tax = total, up to discounts, shipping and rounding; None if a part is missing.

    Prices that include tax print the tax beside a subtotal that equals the total.
    """
    subtotal, tax, total = values
    if subtotal is None or total is None:
        return None
    if tax is None:
        return False if subtotal > total + _CENT and len(changes) == 1 else None
    return any(abs(subtotal + taxed + change - total) <= _CENT for taxed in (tax, Decimal(0)) for change in changes)


def _values(triple: _Triple) -> list[Decimal | None]:
    return [_value(found) for found in triple]


def _surer(found: Found) -> Found:
    """Sums that hold leave little doubt."""
    return Found(found.value, found.spans, 1.0 - (1.0 - min(found.score, 1.0)) * 0.3)


def _value(found: Found | None) -> Decimal | None:
    return found.value if found is not None and isinstance(found.value, Decimal) else None
