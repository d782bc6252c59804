"""Dates and times of day as they are printed in English, German, French, Spanish, Italian, Dutch and Portuguese.

Here they are read from a line of text; where they stand on a page is found by `docmill.extract.dates`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

__all__ = ["MONTH_NAME", "MONTH_OF", "PrintedDay", "PrintedTime", "days_in", "order_of", "plain", "times_in"]

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
    r"(?<![\d:.,/-])(?P<h>[01]?\d|2[0-3]) ?: ?(?P<m>[0-5]\d)(?: ?: ?(?P<s>[0-5]\d))?(?! ?:? ?\d)(?:(?: (?=[ap]\.?m\b))?(?P<half>[ap])(?:\.?m)?\b)?",
    re.IGNORECASE,
)
_PIVOT = 70  # two-digit years from here on are of the twentieth century, as in POSIX


@dataclass(frozen=True, slots=True)
class PrintedDay:
    """A date in a text."""

    value: date
    start: int
    end: int
    """Exclusive."""
    sure: bool
    """Whether only one reading is a date (`13/04/2024`, `4 May 2024`) or its order was told."""


@dataclass(frozen=True, slots=True)
class PrintedTime:
    """A time of day in a text."""

    iso: str
    """`HH:MM` or `HH:MM:SS`, 24 hours."""
    start: int
    end: int


def days_in(text: str, *, us: bool | None = None) -> Iterator[PrintedDay]:
    """Every date in the text. `us` says that the month is printed first; when nobody knows, the day is read first."""
    if sum(character.isdigit() for character in text) < 3:
        return
    text = plain(text)
    taken: list[tuple[int, int]] = []
    for pattern in (_ISO, _NUMERIC, _DAY_NAMED, _NAMED_DAY):
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            found = _read(match, us=us)
            if found is not None:
                taken.append(match.span())
                yield PrintedDay(found[0], *match.span(), found[1])


def order_of(text: str) -> int:
    """How many more of the numeric dates can only have the month first than only the day first."""
    votes = 0
    for match in _NUMERIC.finditer(text):
        first, second = int(match["a"]), int(match["b"])
        if match["s"] != "." and (first > 12) != (second > 12):
            votes += 1 if second > 12 else -1
    return votes


def times_in(text: str) -> Iterator[PrintedTime]:
    """Every time of day written with a colon."""
    for match in _CLOCK.finditer(text):
        hour, half = int(match["h"]), (match["half"] or "").lower()
        if half and not 1 <= hour <= 12:
            half = ""  # `18:30 PM`: the clock was right already
        hour = hour % 12 + (12 if half == "p" else 0) if half else hour
        seconds = f":{match['s']}" if match["s"] else ""
        yield PrintedTime(f"{hour:02d}:{match['m']}{seconds}", *match.span())


def plain(text: str) -> str:
    """Lower case without accents, character for character, so that offsets stay."""
    return "".join(_base(character) for character in text)


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


def _base(character: str) -> str:
    if character.isascii():
        return character.lower()
    base = unicodedata.normalize("NFD", character)[0].lower()
    return base if len(base) == 1 else character
