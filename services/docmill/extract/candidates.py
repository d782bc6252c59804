"""What the words of a document may mean, found once: amounts, dates, times and labels, by the row they stand on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from docmill.extract.dates import ClockTime, Day, find_days, find_times
from docmill.extract.labels import Label, find_labels, label_phrases
from docmill.extract.money import Money, find_money
from docmill.extract.tokens import Row, Span, rows_of
from docmill.extract.upright import quarter_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from docmill.domain.pages import Page

__all__ = ["Found", "Sheet", "find_emails", "find_ids", "find_phones", "find_tax_ids"]

_ID = re.compile(r"(?<!\S)#?(?=[^\s]*\d)(?:[A-Z]{1,5} (?=\d{3}))?[A-Za-z0-9][A-Za-z0-9/_.#\-]*(?<![.\-/#])")
_PHONE = re.compile(r"(?<![\w/.-])\+?\(?\d[\d ()./\-]{5,18}\d(?![\w/-])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_TAX_ID = re.compile(
    r"(?<![\w-])(?:[A-Z]{2} ?[0-9A-Z]{1,4}(?:[ .]?[0-9A-Z]{2,4}){1,5}[A-Z0-9]{0,3}|\d[\d ./-]{5,18}[\dA-Z]|[A-Z]\d{7,8}[A-Z]?)(?![\w-])"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A value with the words it was read from, and how sure that reading is (0 to 1)."""

    value: object
    spans: tuple[Span, ...]
    score: float

    def weighted(self, factor: float) -> Found:
        """The same with another score."""
        return replace(self, score=self.score * factor)


@dataclass(frozen=True)
class Sheet:
    """A document laid out: its rows and the typed candidates on them."""

    pages: Sequence[Page]
    rows: tuple[Row, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", rows_of(self.pages))

    @cached_property
    def days(self) -> list[Day]:
        """Dates, top to bottom, left to right."""
        return sorted(find_days(self.rows), key=lambda day: _place(day.span))

    @cached_property
    def times(self) -> list[ClockTime]:
        """Times of day."""
        return find_times(self.rows)

    @cached_property
    def money(self) -> list[Money]:
        """Numbers that are no part of a date or a time."""
        other = _by_row([*(day.span for day in self.days), *(clock.span for clock in self.times)])
        return [
            money
            for money in find_money(self.rows)
            if not any(money.span.overlaps(span) for span in other.get(money.span.row.index, ()))
        ]

    @cached_property
    def labels(self) -> list[Label]:
        """Labels of single values."""
        return find_labels(self.rows, label_phrases())

    @cached_property
    def labels_by_row(self) -> dict[int, list[Label]]:
        """Labels by the index of their row."""
        table: dict[int, list[Label]] = {}
        for label in self.labels:
            table.setdefault(label.span.row.index, []).append(label)
        return table

    @cached_property
    def money_by_row(self) -> dict[int, list[Money]]:
        """Numbers by the index of their row, left to right."""
        table: dict[int, list[Money]] = {}
        for money in self.money:
            table.setdefault(money.span.row.index, []).append(money)
        return table

    def labelled(self, *concepts: str) -> list[Label]:
        """Labels of any of the concepts."""
        return [label for label in self.labels if label.concept in concepts]

    @cached_property
    def sizes(self) -> Mapping[int, tuple[float, float]]:
        """Width and height of the pages by number, upright like the boxes of the rows."""
        return {
            page.number: (page.height, page.width) if quarter_turns(page) % 2 else (page.width, page.height)
            for page in self.pages
        }

    @cached_property
    def first_page_rows(self) -> tuple[Row, ...]:
        """Rows of the first page that has any."""
        return tuple(row for row in self.rows if row.page == self.rows[0].page) if self.rows else ()


def find_ids(row: Row) -> Iterator[Span]:
    """Words that may be a document's number: they have a digit and no blank but after a short prefix."""
    for match in _ID.finditer(row.text):
        yield row.span(*match.span())


def find_phones(row: Row) -> Iterator[Span]:
    """Runs of 7 to 15 digits with the punctuation of phone numbers (E.164 allows 15)."""
    for match in _PHONE.finditer(row.text):
        if 7 <= sum(character.isdigit() for character in match.group()) <= 15:
            yield row.span(*match.span())


def find_tax_ids(row: Row) -> Iterator[Span]:
    """Runs that may be a VAT, GST or national tax number."""
    for match in _TAX_ID.finditer(row.text):
        if sum(character.isdigit() for character in match.group()) >= 6:
            yield row.span(*match.span())


def find_emails(row: Row) -> Iterator[tuple[str, Span]]:
    """E-mail addresses."""
    for match in _EMAIL.finditer(row.text):
        yield match.group().rstrip("."), row.span(*match.span())


def _place(span: Span) -> tuple[int, int]:
    return span.row.index, span.first


def _by_row(spans: Iterable[Span]) -> dict[int, list[Span]]:
    table: dict[int, list[Span]] = {}
    for span in spans:
        table.setdefault(span.row.index, []).append(span)
    return table
