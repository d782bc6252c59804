"""What a page of a stack says about where its document begins, goes on and ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING

from docmill.extract.candidates import Sheet
from docmill.extract.labels import form_words
from docmill.extract.singles import find_number
from docmill.extract.text import squeeze

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docmill.domain.pages import Page
    from docmill.extract.tokens import Row

__all__ = ["Look", "Numbering", "says_number"]

_PAGE = r"(?:page|seite|blatt|pagina|p[aá]gina|p[aá]g|feuille|folio|hoja|foglio|p)\s?\.?\s?(?:no|nr|n[°o])?\.?\s?:?"
_OF = r"(?:of|von|de|di|sur|van|aus|/)"
_NAMED = re.compile(rf"(?<![^\W\d_]){_PAGE}\s*(\d{{1,4}})(?:\s*{_OF}\s*(\d{{1,4}}))?(?!\w)", re.IGNORECASE)
_BARE = re.compile(rf"[-\s(]*(\d{{1,3}})\s*{_OF}\s*(\d{{1,3}})[-\s)]*", re.IGNORECASE)  # not a month: 12/2024
_CARRIED = re.compile(
    r"carried forward|brought forward|continued (?:from|on)|\(continued\)|\bübertrag|\buebertrag|à reporter|\breport de la|"
    r"suma y sigue|a riportare|\briporto|transporte|a transportar|over te brengen|fortsetzung|suite (?:de la|page)|vervolg",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"(?:dear (?:sir|madam|mr|ms|mrs|[A-Z])|to whom it may concern|sehr geehrte|liebe[rs]? (?!gr)|madame,|monsieur,|cher |chère |"
    r"estimad[oa]|querid[oa]|muy señor|gentile |egregio|spett|geachte|prezad[oa]|exm[oa])",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"(?:yours (?:sincerely|faithfully|truly)|sincerely|(?:kind|best|warm) regards|mit freundlichen|freundliche grüße|"
    r"cordialement|veuillez agréer|atentamente|saludos|distinti saluti|cordiali saluti|met vriendelijke|hoogachtend|"
    r"atenciosamente|com os melhores)",
    re.IGNORECASE,
)
_EDGE = 5  # rows at the top and at the bottom where a page's number may stand alone
_BESIDE = 4  # characters that may stand beside it: `- Page 2 -`
_HEADER = 3  # rows
_STRIP = 1.8  # times as high as wide; A4 is 1.4, US legal 1.65
_LONG, _LONG_NUMBER = 4, 5  # letters, digits
_SUMS = ("total", "grand_total", "amount_due")
_NUMBERS = ("invoice_number", "order_number")


@dataclass(frozen=True, slots=True)
class Numbering:
    """`Page 2 of 3`; the number of pages is 0 where the page does not say it."""

    number: int
    of: int


class Look:
    """A page, or all pages of a document; without any words there are no rows."""

    def __init__(self, *pages: Page) -> None:
        self.page = pages[0]
        self._sheet = Sheet(pages)
        self.rows = self._sheet.rows

    @cached_property
    def numbering(self) -> Numbering | None:
        """What the page says about its place in the document; at its edges first, where it says more than elsewhere."""
        edges = [*self.rows[:_EDGE], *self.rows[_EDGE:][-_EDGE:]]
        found = [says_number(cell.text, alone=True) for row in edges for cell in row.cells]
        found += [says_number(cell.text, alone=False) for row in self.rows for cell in row.cells]
        return next((numbering for numbering in found if numbering is not None), None)

    @cached_property
    def numbers(self) -> Mapping[str, str]:
        """Numbers of the document, squeezed, by what they are numbers of."""
        found = {concept: find_number(self._sheet, concept) for concept in _NUMBERS}
        return {concept: squeeze(str(number.value)) for concept, number in found.items() if number is not None}

    @cached_property
    def header(self) -> frozenset[str]:
        """The texts of the first rows, but for those that any page of the kind may have: `Invoice 118`."""
        return frozenset(text for text in map(_own_letters, self.rows[:_HEADER]) if len(text) > _LONG)

    @cached_property
    def sums_up(self) -> bool:
        """Whether it shows the total of a bill."""
        money = self._sheet.money_by_row
        rows = {label.span.row.index for label in self._sheet.labelled(*_SUMS) if label.own_cell}
        return any(amount.is_amount for row in rows for amount in money.get(row, ()))

    @cached_property
    def is_bill(self) -> bool:
        """Whether it has a number and a total."""
        return self.sums_up and "invoice_number" in self.numbers

    @cached_property
    def is_of_a_till(self) -> bool:
        """Whether it has a total and the time of day."""
        return self.sums_up and bool(self._sheet.times)

    @cached_property
    def carries(self) -> bool:
        """Whether a sum or the text goes on from or to another page."""
        return any(_CARRIED.search(row.text) for row in self.rows)

    @cached_property
    def greets(self) -> bool:
        """Whether a letter begins."""
        return any(_SALUTATION.match(cell.text) for row in self.rows for cell in row.cells[:1])

    @cached_property
    def takes_leave(self) -> bool:
        """Whether a letter ends."""
        return any(_FAREWELL.match(cell.text) for row in self.rows for cell in row.cells[:1])

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words that are its own: names, goods, what it is about. Not the words of forms, which bills share."""
        words = (squeeze(token.text) for row in self.rows for token in row.tokens)
        return frozenset(word for word in words if len(word) >= _LONG and word.isalpha()) - form_words()

    @cached_property
    def codes(self) -> frozenset[str]:
        """Numbers of some length: of phones, accounts, customers, postal districts."""
        words = (squeeze(token.text) for row in self.rows for token in row.tokens)
        return frozenset(word for word in words if sum(map(str.isdigit, word)) >= _LONG_NUMBER)

    @cached_property
    def print_size(self) -> float:
        """Height of its usual line, in the page's unit."""
        return median(row.height for row in self.rows) if self.rows else 0.0

    @cached_property
    def is_strip(self) -> bool:
        """Whether it is the paper of a till: much higher than wide."""
        width, height = self._sheet.sizes[self.page.number]
        return height >= _STRIP * width

    def fits(self, other: Look) -> bool:
        """Whether both are of the same size, to a twentieth: of the same paper, and scanned in one go."""
        sizes = ((self.page.width, other.page.width), (self.page.height, other.page.height))
        return all(abs(one - two) <= 0.05 * max(one, two) for one, two in sizes)


def says_number(text: str, *, alone: bool) -> Numbering | None:
    """The place of a page that a cell says: `Page 2 of 3`; only where it stands `alone` also `2/3` and `Seite 2`."""
    match = (_BARE.fullmatch(text) if alone else None) or _NAMED.search(text)
    if match is None or not (match[2] or (alone and len(text) <= len(match[0]) + _BESIDE)):
        return None
    number, of = int(match[1]), int(match[2] or 0)
    return Numbering(number, of) if number and (not of or number <= of) else None


def _own_letters(row: Row) -> str:
    """The words squeezed, without digits, for page numbers and dates differ, and without the words of forms."""
    words = ("".join(filter(str.isalpha, squeeze(token.text))) for token in row.tokens)
    return "".join(word for word in words if word not in form_words())
