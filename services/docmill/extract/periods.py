"""Periods as resumes print them: `Jan 2019 - Mar 2022`, `03/2019 to today`, `2015-2018`, or a year alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.dates import MONTH_NAME, MONTH_OF, plain

if TYPE_CHECKING:
    from docmill.extract.tokens import Span

__all__ = ["Period", "find_period"]

_POINT = (
    rf"(?:(?:(?P<{{0}}name>{MONTH_NAME})\.?,? '?|(?P<{{0}}month>0?[1-9]|1[0-2]) ?[/.] ?)?(?P<{{0}}year>(?:19|20)\d\d))"
)
_NOW = r"present|current|now|today|ongoing|heute|aktuell|actuellement|present|hoy|actualidad|oggi|heden|atual"
_PERIOD = re.compile(
    rf"(?<![\w/.]){_POINT.format('a')}(?:\s*(?:-|\u2013|\u2014|to|until|till|bis|a|al)\s*(?:{_POINT.format('b')}|(?P<now>{_NOW})))?(?![\w/])"
)


@dataclass(frozen=True, slots=True)
class Period:
    """From when until when, as precisely as it is printed: `2019-03` or `2019` (ISO 8601)."""

    start: str
    end: str
    """Empty for one that goes on."""
    span: Span
    bounds: tuple[int, int]
    """Where it stands in the row's text."""


def find_period(cell: Span) -> Period | None:
    """The first period in a cell; a single month or year begins and ends it."""
    row = cell.row
    match = _PERIOD.search(plain(row.text), row.start_of(cell.first), row.end_of(cell.end - 1))
    if match is None:
        return None
    start = _point(match, "a")
    end = "" if match["now"] else _point(match, "b") or start
    return Period(start, end, row.span(*match.span()), match.span())


def _point(match: re.Match[str], which: str) -> str:
    year, name, number = (match[f"{which}{part}"] for part in ("year", "name", "month"))
    month = MONTH_OF[name] if name else int(number or 0)
    return f"{year}-{month:02d}" if year and month else year or ""
