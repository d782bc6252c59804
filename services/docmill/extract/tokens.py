"""Words as the eye sees them: rows across the page, cells between wide gaps, and text whose characters know their word.

OCR engines and text layers group words differently (blocks, detected boxes, whole lines). Everything after this
module works on rows: words whose boxes stand side by side, whatever line they came in.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from docmill.domain.pages import Box, Page, Word
from docmill.extract.text import Squeezed, squeeze_words
from docmill.extract.upright import quarter_turns, turned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Row", "Span", "Token", "row_of", "rows_of"]

GAP = "\t"
"""Stands between the words of two cells in a row's text."""

_CELL_GAP = 1.1  # in heights of the row; a blank is about 0.3, two blanks 0.6
_OPEN_ROWS = 12  # rows that a line may still join: lines come from top to bottom
_SAME_ROW = 0.5  # share of the smaller height that must overlap
_GLUED = re.compile(r"(?<=[^\W\d][:#])(?=[^\s/])|(?<=[^\W\d]\.:)(?=\S)")  # `Total:12.50` is two words, `12:30` is one


@dataclass(frozen=True, slots=True)
class Token:
    """A word, or a part of one where a label was glued to its value."""

    text: str
    box: Box
    """Upright: as if the page had been stored the right way up."""
    confidence: float
    source: Box
    """In the page as stored."""


@dataclass(frozen=True, eq=False)
class Row:
    """Tokens that stand side by side on a page, left to right."""

    page: int
    """1-based."""
    index: int
    """Position in the document, from the top of the first page."""
    tokens: tuple[Token, ...]

    @cached_property
    def box(self) -> Box:
        """Around all tokens."""
        return Box.around([token.box for token in self.tokens])

    @cached_property
    def height(self) -> float:
        """Median height of the tokens."""
        return median(token.box.h for token in self.tokens) or 1.0

    @cached_property
    def text(self) -> str:
        """Tokens joined by a blank, or by `GAP` where a wide gap separates two cells."""
        return self._layout[0]

    @cached_property
    def cells(self) -> tuple[Span, ...]:
        """Runs of tokens without a wide gap."""
        text, starts = self._layout
        borders = [i for i in range(1, len(starts)) if text[starts[i] - 1] == GAP]
        edges = [0, *borders, len(self.tokens)]
        return tuple(Span(self, first, end) for first, end in pairwise(edges))

    @cached_property
    def _layout(self) -> tuple[str, list[int]]:
        """The text, and where each token starts in it."""
        parts: list[str] = []
        starts: list[int] = []
        length = 0
        for i, token in enumerate(self.tokens):
            if i:
                gap = token.box.x - self.tokens[i - 1].box.right
                parts.append(GAP if gap > _CELL_GAP * self.height else " ")
                length += 1
            starts.append(length)
            parts.append(token.text)
            length += len(token.text)
        return "".join(parts), starts

    def start_of(self, token: int) -> int:
        """Where the token starts in `text`."""
        return self._layout[1][token]

    def end_of(self, token: int) -> int:
        """Where the token ends in `text`."""
        return self._layout[1][token] + len(self.tokens[token].text)

    def at(self, offset: int) -> int:
        """Index of the token that has the character at `offset` of `text`."""
        return bisect_right(self._layout[1], offset) - 1

    def span(self, start: int, end: int) -> Span:
        """The tokens that hold the characters `start` to `end` (exclusive) of `text`."""
        return Span(self, self.at(start), self.at(end - 1) + 1)

    @property
    def whole(self) -> Span:
        """All tokens."""
        return Span(self, 0, len(self.tokens))


@dataclass(frozen=True)
class Span:
    """Neighbouring tokens of a row: `row.tokens[first:end]`."""

    row: Row
    first: int
    end: int

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens."""
        return self.row.tokens[self.first : self.end]

    @cached_property
    def box(self) -> Box:
        """Around the tokens."""
        return Box.around([token.box for token in self.tokens])

    @property
    def source(self) -> Box:
        """Around the tokens in the page as stored."""
        return Box.around([token.source for token in self.tokens])

    @cached_property
    def text(self) -> str:
        """The tokens joined by single blanks."""
        return " ".join(token.text for token in self.tokens)

    @cached_property
    def squeezed(self) -> Squeezed:
        """The tokens squeezed; owners are counted from the first of them."""
        return squeeze_words([token.text for token in self.tokens])

    @property
    def confidence(self) -> float:
        """Of the least certain token."""
        return min(token.confidence for token in self.tokens)

    def overlaps(self, other: Span) -> bool:
        """Whether a token is in both."""
        return self.row is other.row and self.first < other.end and other.first < self.end


def row_of(words: Sequence[str]) -> Row:
    """Words that stand nowhere, a blank apart."""
    nowhere = Box(0.0, 0.0, 1.0, 1.0)
    return Row(0, 0, tuple(Token(word, nowhere, 1.0, nowhere) for word in words))


def rows_of(pages: Sequence[Page]) -> tuple[Row, ...]:
    """The rows of all pages, top to bottom."""
    rows: list[Row] = []
    for page in pages:
        for tokens in _merged(page):
            rows.append(Row(page.number, len(rows), tuple(tokens)))
    return tuple(rows)


def _merged(page: Page) -> list[list[Token]]:
    """Lines that stand side by side become one row. A line joins the row whose nearest token overlaps it enough."""
    upright = turned(page, quarter_turns(page))
    lines = [[token for word in line.words for token in _tokens(word, upright)] for line in page.lines]
    boxed = sorted(((Box.around([t.box for t in line]), line) for line in lines if line), key=lambda b: b[0].center[1])
    rows: list[list[Token]] = []
    for box, line in boxed:
        home = next((row for row in reversed(rows[-_OPEN_ROWS:]) if _beside(row, box)), None)
        if home is None:
            rows.append(list(line))
        else:
            home.extend(line)
    for row in rows:
        row.sort(key=lambda token: token.box.x)
    rows.sort(key=lambda row: median(token.box.center[1] for token in row))
    return rows


def _beside(row: Sequence[Token], box: Box) -> bool:
    """Whether `box` stands left, right, or in a gap of the row, at the height of its neighbours there."""
    if any(min(t.box.right, box.right) - max(t.box.x, box.x) > 0.25 * min(t.box.w, box.w) for t in row):
        return False
    nearest = min(row, key=lambda t: max(t.box.x - box.right, box.x - t.box.right))
    overlap = min(nearest.box.bottom, box.bottom) - max(nearest.box.y, box.y)
    return overlap >= _SAME_ROW * min(nearest.box.h, box.h)


def _tokens(word: Word, upright: Callable[[Box], Box]) -> Iterator[Token]:
    """The word, or its parts with their share of the box where a label and its value were read as one."""
    box = upright(word.box)
    cuts = [match.start() for match in _GLUED.finditer(word.text)]
    if not cuts:
        yield Token(word.text, box, word.confidence, word.box)
        return
    for start, end in pairwise([0, *cuts, len(word.text)]):
        yield Token(word.text[start:end], _slice(box, word, start, end), word.confidence, word.box)


def _slice(box: Box, word: Word, start: int, end: int) -> Box:
    """The part of the box that characters `start` to `end` take when all are equally wide."""
    unit = box.w / len(word.text)
    return Box(box.x + start * unit, box.y, (end - start) * unit, box.h)
