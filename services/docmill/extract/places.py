"""Where pages show a value: as a number, a day or words in any way of writing."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from docmill.domain.pages import Box
from docmill.extract.dates import find_days, find_times
from docmill.extract.money import find_currencies, find_money
from docmill.extract.text import squeeze, squeeze_words
from docmill.extract.tokens import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.pages import Page
    from docmill.extract.tokens import Row, Span, Token

__all__ = ["Place", "Shown", "around", "nearest"]

_WRAPS = 6  # rows that a text in a column may go on for
_LONGEST_WORD = 40
_SHORTEST = 2  # characters of a text that is looked for


@dataclass(frozen=True, slots=True)
class Place:
    """Words of one page."""

    page: int
    """1-based."""
    box: Box
    words: tuple[str, ...]


class Shown:
    """What some pages show; looked through when first asked."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages
        self.empty = not any(page.lines for page in pages)
        """There is nothing to compare with."""

    def find(self, value: str | Decimal | date) -> list[Place]:
        """Every place that shows the value, in reading order."""
        if isinstance(value, Decimal):
            return self._numbers.get((abs(value), False), [])
        if isinstance(value, date):
            return self._days.get(value, []) or self.words(value.strftime("%Y%m%d"))
        return self.words(value)

    def rate(self, value: Decimal) -> list[Place]:
        """Every place that shows the number with a percent sign, or without one if there is none with it."""
        return self._numbers.get((value, True)) or self.find(value)

    def words(self, text: str) -> list[Place]:
        """Where whole words are those of `text`, whatever case, accents, punctuation and blanks."""
        wanted = squeeze(text)
        if len(wanted) < _SHORTEST:
            return self._short.get(wanted, [])
        return self._as_read.find(wanted) or self._across.find(wanted) or self._wrapped(wanted)

    def _wrapped(self, wanted: str) -> list[Place]:
        """Text that goes on in the rows below, at its own left edge, beside other columns."""
        found = []
        for length in range(1, min(len(wanted), _LONGEST_WORD) + 1):
            for index, first in self._starts.get(wanted[:length], ()):
                tokens = _followed(wanted, self._rows[index : index + _WRAPS], first)
                if tokens:
                    words = tuple(token.text for token in tokens)
                    found.append(Place(self._rows[index].page, Box.around([token.source for token in tokens]), words))
        return found

    def currency(self, code: str) -> list[Place]:
        """Where an amount is in that currency, by sign or code."""
        return [_place(span) for row in self._rows for found, span, _ in find_currencies(row) if found == code]

    def time(self, clock: str) -> list[Place]:
        """Where a time of day stands, in 12 or 24 hours: `HH:MM` or `HH:MM:SS`."""
        return [_place(time.span) for time in find_times(self._rows) if clock in {time.iso, f"{time.iso}:00"}]

    @cached_property
    def _rows(self) -> Sequence[Row]:
        return rows_of(self._pages)

    @cached_property
    def _numbers(self) -> dict[tuple[Decimal, bool], list[Place]]:
        """By the number and whether it is a percentage: `19 %` shows no tax of 19.00."""
        found: dict[tuple[Decimal, bool], list[Place]] = defaultdict(list)
        for money in find_money(self._rows):
            found[abs(money.value), money.percent].append(_place(money.span))
        return found

    @cached_property
    def _days(self) -> dict[date, list[Place]]:
        found: dict[date, list[Place]] = defaultdict(list)
        for day in find_days(self._rows):
            found[day.value].append(_place(day.span))
        return found

    @cached_property
    def _single(self) -> list[Place]:
        return [Place(page.number, word.box, (word.text,)) for page in self._pages for word in page.words]

    @cached_property
    def _short(self) -> dict[str, list[Place]]:
        """Words that are too short to be looked for in others."""
        found: dict[str, list[Place]] = defaultdict(list)
        for place in self._single:
            if len(text := squeeze(place.words[0])) < _SHORTEST:
                found[text].append(place)
        return found

    @cached_property
    def _starts(self) -> dict[str, list[tuple[int, int]]]:
        """Row and token of each squeezed word."""
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for index, row in enumerate(self._rows):
            for first, token in enumerate(row.tokens):
                found[squeeze(token.text)].append((index, first))
        return found

    @cached_property
    def _as_read(self) -> _Sequence:
        return _Sequence(self._single)

    @cached_property
    def _across(self) -> _Sequence:
        """In rows across the page: what wraps as it was read may be whole here."""
        return _Sequence([Place(row.page, token.source, (token.text,)) for row in self._rows for token in row.tokens])


class _Sequence:
    """Words squeezed into one text."""

    def __init__(self, words: Sequence[Place]) -> None:
        self._words = words
        self._text, self._owners, borders = squeeze_words([place.words[0] for place in words])
        self._borders = sorted(borders)

    def find(self, wanted: str) -> list[Place]:
        """Every place of a squeezed text that begins and ends where words do, on one page."""
        found = []
        at = self._text.find(wanted)
        while at >= 0:
            end = at + len(wanted)
            if self._is_border(at) and self._is_border(end):
                words = self._words[self._owners[at] : self._owners[end - 1] + 1]
                if words[0].page == words[-1].page:
                    found.append(around(words))
            at = self._text.find(wanted, at + 1)
        return found

    def _is_border(self, offset: int) -> bool:
        index = bisect_left(self._borders, offset)
        return index < len(self._borders) and self._borders[index] == offset


def _followed(wanted: str, rows: Sequence[Row], first: int) -> list[Token]:
    """The tokens that spell `wanted`, from the token `first` of the first row on; none if it breaks off."""
    left, height = rows[0].tokens[first].box.x, rows[0].height
    taken: list[Token] = []
    for row in rows:
        if row.page != rows[0].page:
            break
        tokens = row.tokens[first:] if row is rows[0] else [t for t in row.tokens if t.box.x > left - height]
        if not taken or (tokens and tokens[0].box.x < left + height):
            for token in tokens:
                text = squeeze(token.text)
                if text and not wanted.startswith(text):
                    break
                wanted = wanted[len(text) :]
                taken.append(token)
                if not wanted:
                    return taken
    return []


def nearest(places: Sequence[Place], to: Place) -> Place:
    """The one that stands nearest to another, above all in height; `places` are in the order of their pages."""
    start = bisect_left(places, to.page, key=lambda place: place.page)
    end = bisect_right(places, to.page, key=lambda place: place.page)
    x, y = to.box.center
    here = places[start:end] or places[max(start - 1, 0) : start + 1]
    return min(here, key=lambda place: (abs(place.box.center[1] - y), abs(place.box.center[0] - x)))


def around(places: Sequence[Place]) -> Place:
    """One place that holds those of the first one's page."""
    page = places[0].page
    here = [place for place in places if place.page == page]
    return Place(page, Box.around([place.box for place in here]), tuple(word for place in here for word in place.words))


def _place(span: Span) -> Place:
    return Place(span.row.page, span.source, tuple(token.text for token in span.tokens))
