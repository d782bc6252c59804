"""Dates and times of day on a page: what `docmill.dates` reads, with the words that say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from docmill.dates import days_in, order_of, times_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.extract.tokens import Row, Span

__all__ = ["ClockTime", "Day", "find_days", "find_times", "month_first", "possible_days"]

_US_SIGNS = re.compile(r"\b(?:sales tax|zip|[A-Z]{2} \d{5}(?:-\d{4})?|\(\d{3}\) ?\d{3}-\d{4})\b")
_US_PLACE = re.compile(
    r"[A-Za-z]{3}, ?(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY])(?!\w)"
)  # a town and its state; some are countries elsewhere (`Mumbai, IN`), so that dollars have to come with it
_DOLLARS = re.compile(r"(?<![A-Za-z])\$ ?\d")


@dataclass(frozen=True, slots=True)
class Day:
    """A date on a page."""

    value: date
    span: Span
    sure: bool
    """Whether only one reading is a date (`13/04/2024`, `4 May 2024`) or the document showed its order."""

    @property
    def iso(self) -> str:
        """`YYYY-MM-DD`."""
        return self.value.isoformat()


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time of day on a page."""

    iso: str
    """`HH:MM` or `HH:MM:SS`, 24 hours."""
    span: Span


def find_days(rows: Sequence[Row]) -> list[Day]:
    """Every date on the rows, top to bottom."""
    us = month_first(rows)
    return [
        Day(found.value, row.span(found.start, found.end), found.sure)
        for row in rows
        for found in days_in(row.text, us=us)
    ]


def possible_days(row: Row) -> set[date]:
    """Every date that the row may mean: `03/04/2024` is two of them."""
    return {day.value for us in (False, True) for day in days_in(row.text, us=us)}


def month_first(rows: Sequence[Row]) -> bool | None:
    """Whether `03/04/2024` is March 4th: decided by dates that leave no doubt, then by signs of the United States.

    None when nothing tells; the day is read first then.
    """
    votes = sum(order_of(row.text) for row in rows)
    if votes:
        return votes > 0
    texts = [row.text for row in rows]
    if any(map(_US_SIGNS.search, texts)) or (any(map(_DOLLARS.search, texts)) and any(map(_US_PLACE.search, texts))):
        return True
    return None


def find_times(rows: Sequence[Row]) -> list[ClockTime]:
    """Every time of day written with a colon."""
    return [ClockTime(found.iso, row.span(found.start, found.end)) for row in rows for found in times_in(row.text)]
