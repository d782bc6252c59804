"""Dates and times of day as they are printed in English, German, French, Spanish, Italian, Dutch and Portuguese."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docmill.extract.tokens import Row, Span

__all__ = ["MONTH_NAME", "MONTH_OF", "ClockTime", "Day", "find_days", "find_times", "month_first", "plain"]

# First letters that tell the months apart, in the seven languages; accents and case removed.
_MONTHS = {
    1: "january januar jan janv janvier enero ene gennaio gen gennaro januari janeiro",
    2: "february februar feb fev fevr fevrier febrero febbraio februari fevereiro",
    3: "march marz maerz mar mars marzo maart mrt marco mrz",
    4: "april apr avril avr abril abr aprile",
    5: "may mai mayo maggio mag mei maio",
    6: "june juni jun juin junio giugno giu junho",
    7: "july juli jul juil juillet julio luglio lug julho",
    8: "august aug aout agosto ago augustus agost",
    9: "september sept sep septembre septiembre settembre set sett setembro",
    10: "october oktober oct okt octobre octubre ottobre ott outubro out",
    11: "november nov novembre noviembre novembro",
    12: "december dezember dec dez decembre diciembre dicembre dic dezembro",
}
MONTH_OF = {name: month for month, names in _MONTHS.items() for name in names.split()}
"""Months by their names."""
MONTH_NAME = "|".join(sorted(MONTH_OF, key=len, reverse=True))
"""A pattern for any name of a month, as `plain` leaves it."""

_YEAR = r"(?P<y>(?:19|20)\d\d|\d\d)"
_ISO = re.compile(
    r"(?<![\w.,/-])(?P<y>(?:19|20)\d\d) ?(?P<s>[-/.]) ?(?P<m>\d{1,2}) ?(?P=s) ?(?P<d>\d{1,2})(?!\d|[-/.]\d)"
)
_NUMERIC = re.compile(
    rf"(?<![\w,/-])(?<!\d\.)(?P<a>\d{{1,2}}) ?(?P<s>[-/.]) ?(?P<b>\d{{1,2}}) ?(?P=s) ?{_YEAR}(?!\d|[-/]\d|\.\d)"
)
_DAY_NAMED = re.compile(
    rf"(?<![\w/])(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|\.|º|°)?[ \t./-]*(?:of |de |di |d')?(?P<n>{MONTH_NAME})\.?,?'?"
    rf"[ \t./-]*(?:de |del |of )?{_YEAR}(?!\d)"
)
_NAMED_DAY = re.compile(rf"(?<!\w)(?P<n>{MONTH_NAME})\.?[ \t/-]*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[ ,./-]+{_YEAR}(?!\d)")
_CLOCK = re.compile(
    r"(?<![\d:.,/-])(?P<h>[01]?\d|2[0-3]) ?: ?(?P<m>[0-5]\d)(?: ?: ?(?P<s>[0-5]\d))?(?! ?:? ?\d)(?: ?(?P<half>[ap])\.?m\b)?",
    re.IGNORECASE,
)
_US_SIGNS = re.compile(r"\b(?:sales tax|zip|[A-Z]{2} \d{5}(?:-\d{4})?|\(\d{3}\) ?\d{3}-\d{4})\b")
_PIVOT = 70  # two-digit years from here on are of the twentieth century, as in POSIX


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
    return [day for row in rows for day in _days_in(row, us=us)]


def month_first(rows: Sequence[Row]) -> bool | None:
    """Whether `03/04/2024` is March 4th: decided by dates that leave no doubt, then by signs of the United States.

    None when nothing tells; the day is read first then.
    """
    votes = 0
    for row in rows:
        for match in _NUMERIC.finditer(row.text):
            first, second = int(match["a"]), int(match["b"])
            if match["s"] != "." and (first > 12) != (second > 12):
                votes += 1 if second > 12 else -1
    if votes:
        return votes > 0
    return True if any(_US_SIGNS.search(row.text) for row in rows) else None


def find_times(rows: Sequence[Row]) -> list[ClockTime]:
    """Every time of day written with a colon."""
    return [clock for row in rows for clock in _times_in(row)]


def _days_in(row: Row, *, us: bool | None) -> Iterator[Day]:
    if sum(character.isdigit() for character in row.text) < 3:
        return
    text = plain(row.text)
    taken: list[tuple[int, int]] = []
    for pattern in (_ISO, _NUMERIC, _DAY_NAMED, _NAMED_DAY):
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            found = _read(match, us=us)
            if found is not None:
                taken.append(match.span())
                yield Day(found[0], row.span(*match.span()), found[1])


def _read(match: re.Match[str], *, us: bool | None) -> tuple[date, bool] | None:
    """The date and whether its order is sure, or None if the calendar has no such day."""
    parts = match.groupdict()
    year = _year(parts["y"])
    if "a" not in parts:
        month = MONTH_OF[parts["n"]] if "n" in parts else int(parts["m"])
        day = _date(year, month, int(parts["d"]))
        return (day, True) if day else None
    first, second = int(parts["a"]), int(parts["b"])
    day_first, us_order = _date(year, second, first), _date(year, first, second)
    if parts["s"] == "." or not us:
        day, other = day_first or us_order, us_order
    else:
        day, other = us_order or day_first, day_first
    sure = parts["s"] == "." or us is not None or other is None or other == day or day_first is None
    return (day, sure) if day else None


def _year(text: str) -> int:
    year = int(text)
    return year if year > 99 else year + (1900 if year >= _PIVOT else 2000)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _times_in(row: Row) -> Iterator[ClockTime]:
    for match in _CLOCK.finditer(row.text):
        hour, half = int(match["h"]), (match["half"] or "").lower()
        if half and not 1 <= hour <= 12:
            half = ""  # `18:30 PM`: the clock was right already
        hour = hour % 12 + (12 if half == "p" else 0) if half else hour
        seconds = f":{match['s']}" if match["s"] else ""
        yield ClockTime(f"{hour:02d}:{match['m']}{seconds}", row.span(*match.span()))


def plain(text: str) -> str:
    """Lower case without accents, character for character, so that offsets stay."""
    return "".join(_base(character) for character in text)


def _base(character: str) -> str:
    if character.isascii():
        return character.lower()
    base = unicodedata.normalize("NFD", character)[0].lower()
    return base if len(base) == 1 else character
