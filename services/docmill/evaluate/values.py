"""When two values are the same: by kind, after the normalisation that the labels are made for.

Numbers as decimals, dates as days and times to the minute in any usual spelling, everything else as upper-case letters
and digits.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from docmill.dates import days_in, times_in

__all__ = ["Kind", "is_nothing", "letters", "normal", "parse_number", "same"]


class Kind(StrEnum):
    """What a value is."""

    TEXT = "text"
    """Names, addresses, ids: upper-case letters and digits count."""
    NUMBER = "number"
    DATE = "date"
    TIME = "time"


_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_PRINTED = re.compile(r"([-\u2212(]?)[^\d\-\u2212]*?([-\u2212]?)\s*(\d[\d.,'\u2019\s]*)")
_POINT_OF_TIME = re.compile(r"\b(\d{1,2})[.h](\d{2})(?!\d)")
_PLACES = Decimal("0.000001")
"""Six decimals: sums of binary fractions are right to the last digit anybody prints."""


def same(kind: Kind, found: Any, labelled: Any) -> bool:
    """Whether `found` is right; of a list of labels any, and of a label that can be read as two days either."""
    labels = labelled if isinstance(labelled, list) else [labelled]
    ours = normal(kind, found)
    if kind is Kind.DATE and any(ours in _days(label) for label in labels):
        return True
    return any(ours == normal(kind, label) for label in labels)


def is_nothing(value: Any) -> bool:
    """No value at all: absent, null, empty."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def normal(kind: Kind, value: Any) -> str:
    """The value in the one form that is compared; a value that is not of its kind counts as text."""
    form = None
    if kind is Kind.NUMBER:
        number = parse_number(value)
        form = None if number is None else format(_rounded(number).normalize(), "f")
    elif kind is Kind.DATE:
        days = _days(value)
        form = days.pop() if len(days) == 1 else None
    elif kind is Kind.TIME:
        form = _minute(str(value))
    return form or letters(str(value)) or str(value).strip()


def letters(text: str) -> str:
    """Upper-case letters and digits, nothing else."""
    upper = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).upper())
    return "".join(char for char in upper if char.isalnum())


def parse_number(value: Any) -> Decimal | None:
    """A JSON number, a plain decimal (`1234.5`), or an amount as printed (`1.234,56 EUR`); None where there is none.

    As printed, the last of two kinds of separators is the decimal one; one kind that occurs again, or a comma before
    exactly three digits, groups thousands.
    """
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    if _PLAIN.fullmatch(text):
        return _decimal(text)
    found = _PRINTED.search(text)
    if found is None:
        return None
    digits = _plain(re.sub(r"['\u2019\s]", "", found[3]).rstrip(".,"))
    negative = bool(found[1] or found[2]) or text.rstrip().endswith(("-", "\u2212"))
    number = _decimal(digits)
    return -number if negative and number is not None else number


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds, or both separators several times: `1.2.3,4,5`
        return None


def _plain(digits: str) -> str:
    """`1.234,56` and `1,234.56` as `1234.56`."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits
    sign, other = digits[last], ",."[digits[last] == ","]
    groups = digits.count(sign) > 1 or (other not in digits and sign == "," and len(digits) - last == 4)
    if groups:
        return digits.replace(sign, "").replace(other, ".")
    return digits[:last].replace(".", "").replace(",", "") + "." + digits[last + 1 :]


def _rounded(number: Decimal) -> Decimal:
    try:
        return number.quantize(_PLACES) + 0  # no minus zero
    except InvalidOperation:  # more digits than decimals are kept with
        return number


def _days(value: Any) -> set[str]:
    """The days that the one date in a value may mean (`03/04/2024` means two); none where there are several dates."""
    text = str(value).strip()
    with suppress(ValueError):
        return {date.fromisoformat(text[:10]).isoformat()}  # also `20240217`
    readings = [list(days_in(text, us=us)) for us in (False, True)]
    return {day.value.isoformat() for (day,) in readings} if all(len(days) == 1 for days in readings) else set()


def _minute(text: str) -> str | None:
    """`19:26` for `07:26 PM`, `19.26` and `19h26`."""
    clock = text if ":" in text else _POINT_OF_TIME.sub(r"\1:\2", text)
    return next((found.iso[:5] for found in times_in(clock)), None)
