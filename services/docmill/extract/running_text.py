"""The text of a document as one string whose characters know their word: what is cut by characters can be found again.

Words are joined by blanks, lines by line ends; an empty line stands between paragraphs and between pages.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from docmill.domain.pages import Line
from docmill.extract.ir import heading_level, runs_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from docmill.domain.pages import Page, Word

__all__ = ["Heading", "Place", "RunningText", "Stretch", "running_text"]

PARAGRAPH = "\n\n"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters `start` to `end` (exclusive) of the text."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Characters."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Heading:
    """A line in larger print."""

    stretch: Stretch
    level: int
    """1 for the largest print, 2 for what is merely larger."""
    title: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a word stands."""

    start: int
    """Its first character in the text."""
    page: int
    """Index of its page, and of its line on the page."""
    line: int
    word: Word


@dataclass(frozen=True, slots=True)
class RunningText:
    """The text of some pages."""

    text: str
    pages: Sequence[Page]
    spans: Sequence[Stretch]
    """Of each page, without the empty line before it."""
    words: Sequence[Place]
    """All words of all pages, in order."""
    headings: Sequence[Heading]

    def cut(self, stretch: Stretch) -> tuple[Page, ...]:
        """The pages with nothing but the words that begin in the stretch; pages without any are left out."""
        first, end = (bisect_left(self.words, at, key=_start) for at in (stretch.start, stretch.end))
        return tuple(
            replace(self.pages[index], lines=tuple(_line(words) for _, words in groupby(places, key=_line_of)))
            for index, places in groupby(self.words[first:end], key=_page_of)
        )

    def pages_of(self, stretch: Stretch) -> list[int]:
        """The numbers of the pages that have some of the stretch."""
        return [
            page.number
            for page, span in zip(self.pages, self.spans, strict=True)
            if span.start < stretch.end and stretch.start < span.end
        ]

    def word_from(self, start: int) -> int:
        """Where the first word begins that begins at `start` or later; the end of the text if none does."""
        index = bisect_left(self.words, start, key=_start)
        return self.words[index].start if index < len(self.words) else len(self.text)

    def trimmed(self, stretch: Stretch) -> Stretch:
        """The stretch without blanks at its ends."""
        text = self.text[stretch.start : stretch.end]
        start = stretch.start + len(text) - len(text.lstrip())
        return Stretch(start, max(start, stretch.start + len(text.rstrip())))


def running_text(pages: Sequence[Page]) -> RunningText:
    """The text of `pages`, in their reading order."""
    parts: list[str] = []
    spans: list[Stretch] = []
    words: list[Place] = []
    headings: list[Heading] = []
    length = 0
    for page_index, page in enumerate(pages):
        start = length
        for line_index, (gap, line, level) in enumerate(_lines(page)):
            if length:
                parts.append(gap)
                length += len(gap)
            if not line_index:
                start = length
            at = length
            for word in line.words:
                words.append(Place(at, page_index, line_index, word))
                at += len(word.text) + 1
            parts.append(line.text)
            length += len(line.text)
            if level:
                headings.append(Heading(Stretch(length - len(line.text), length), level, line.text))
        spans.append(Stretch(start, length))
    return RunningText("".join(parts), pages, spans, words, headings)


def _start(place: Place) -> int:
    return place.start


def _page_of(place: Place) -> int:
    return place.page


def _line_of(place: Place) -> int:
    return place.line


def _line(places: Iterable[Place]) -> Line:
    return Line(tuple(place.word for place in places))


def _lines(page: Page) -> Iterator[tuple[str, Line, int]]:
    """Each line with what stands before it, and its level if it is a heading."""
    lines = [line for line in page.lines if line.words]
    usual = median(line.box.h for line in lines for _ in line.words) or 1.0 if lines else 1.0
    before: Line | None = None
    above = 0
    for line in lines:
        level = heading_level(line, usual)
        yield ("\n" if level == above and runs_on(before, line, usual) else PARAGRAPH), line, level
        before, above = line, level
