"""What an Indian tax invoice says of its goods and services tax: the numbers of both sides, and the taxes by kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet

if TYPE_CHECKING:
    from docmill.extract.tokens import Span

__all__ = ["find_gst", "tax_of"]

_GSTIN = re.compile(r"(?<![A-Za-z0-9])\d{2}[A-Z]{3}[A-Z0-9]{10}(?![A-Za-z0-9])")
_PAN = re.compile(
    r"(?<![A-Za-z])PAN(?: ?(?:No\.?|Number))?\s*:?\s*(?P<pan>[A-Z]{5}\d{4}[A-Z])(?![A-Za-z0-9])", re.IGNORECASE
)
_KIND = re.compile(r"(?<![A-Za-z])(CGST|SGST|UTGST|IGST)(?![A-Za-z])", re.IGNORECASE)
_RATE = re.compile(r"\d+(?:\.\d+)? ?%")
_NAMES = {"CGST": "cgst", "SGST": "sgst", "UTGST": "sgst", "IGST": "igst"}
_SUPPLY = re.compile(r"place of supply\s*:?\s*(?P<place>[^\t]{2,60})", re.IGNORECASE)

Path = tuple[str, ...]


def find_gst(sheet: Sheet) -> dict[Path, Found]:
    """Values by their paths: `cgst`, `sgst`, `igst`, `placeOfSupply`, and `gstin` and `pan` of either party.

    Nothing for a document without such a tax, whatever its numbers look like.
    """
    found: dict[Path, Found] = {(name,): amount for name, amount in _taxes(sheet).items()}
    numbers = list(_numbers(sheet))
    if not found and not numbers:
        return {}
    buyer = _of_buyer(sheet, numbers)
    seller = next((number for number in numbers if number is not buyer), None)
    for party, number in (("issuer", seller), ("recipient", buyer)):
        if number is not None:
            found[party, "gstin"] = number
    for party in ("issuer", "recipient"):
        pan = _pan_of(sheet, found.get((party, "gstin")))
        if pan is not None:
            found[party, "pan"] = pan
    place = _place(sheet)
    return found if place is None else {**found, ("placeOfSupply",): place}


def tax_of(gst: Mapping[Path, Found]) -> Found | None:
    """The taxes of all kinds together; None where there are none."""
    kinds = [gst[name,] for name in ("cgst", "sgst", "igst") if (name,) in gst]
    return reduce(_together, kinds) if kinds else None


def _taxes(sheet: Sheet) -> dict[str, Found]:
    """The amounts in the rows of single kinds; those of several rates together, and none that is there twice."""
    amounts: dict[tuple[str, str], Found] = {}
    for row in sheet.rows:
        kinds = list(_KIND.finditer(row.text))
        if len(kinds) != 1:
            continue  # the head of a table, or a sentence
        after = [money for money in sheet.money_by_row.get(row.index, ()) if money.is_amount]
        if not after:
            continue
        money = after[-1]
        rate = _RATE.search(row.text)
        key = (_NAMES[kinds[0][1].upper()], rate.group().replace(" ", "") if rate else "")
        amounts[key] = Found(money.value, (money.span,), 0.9 * money.span.confidence)
    made: dict[str, Found] = {}
    for (name, _), amount in amounts.items():
        before = made.get(name)
        made[name] = amount if before is None else _together(before, amount)
    return made


def _together(one: Found, other: Found) -> Found:
    values = [found.value for found in (one, other) if isinstance(found.value, Decimal)]
    return Found(sum(values, Decimal(0)), (*one.spans, *other.spans), min(one.score, other.score))


def _numbers(sheet: Sheet) -> Iterator[Found]:
    """Tax numbers as they stand, right or wrong, each once."""
    seen = set()
    for row in sheet.rows:
        for match in _GSTIN.finditer(row.text):
            if match.group() not in seen:
                seen.add(match.group())
                span = row.span(*match.span())
                yield Found(match.group(), (span,), 0.95 * span.confidence)


def _of_buyer(sheet: Sheet, numbers: Sequence[Found]) -> Found | None:
    """The one that stands under the buyer's label, or beside it; where no label says so, the second one."""
    labels = [label.span for label in sheet.labelled("buyer", "ship_to") if label.own_cell]
    near = [
        (distance, place, number)
        for place, number in enumerate(numbers)
        for label in labels
        if (distance := _distance(label, number.spans[0])) is not None
    ]
    if near:
        return min(near, key=lambda each: each[:2])[2]
    return numbers[1] if len(numbers) > 1 else None


def _distance(label: Span, number: Span) -> float | None:
    """How far a number is below and beside a label; None for one that is not of its block."""
    if label.row.page != number.row.page:
        return None
    down, aside = number.box.y - label.box.y, abs(number.box.x - label.box.x)
    height = label.row.height
    return down + aside if -height <= down <= 12 * height and aside <= 25 * height else None


def _pan_of(sheet: Sheet, gstin: Found | None) -> Found | None:
    """The holder's number where it is printed by itself: it is also in the tax number, which says whose it is."""
    for row in sheet.rows if gstin is not None else ():
        for match in _PAN.finditer(row.text):
            if gstin is not None and match["pan"].upper() in str(gstin.value):
                span = row.span(*match.span("pan"))
                return Found(match["pan"].upper(), (span,), 0.95 * span.confidence)
    return None


def _place(sheet: Sheet) -> Found | None:
    for row in sheet.rows:
        match = _SUPPLY.search(row.text)
        if match is not None:
            span = row.span(match.start("place"), match.end("place"))
            return Found(match["place"].strip(), (span,), 0.9 * span.confidence)
    return None
