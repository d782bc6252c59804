"""What a page of a stack says about where its document begins, goes on and ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from docmill.extract.candidates import Sheet
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
_BARE = re.compile(rf"[-\s(]*(\d{{1,4}})\s*{_OF}\s*(\d{{1,4}})[-\s)]*", re.IGNORECASE)
_CARRIED = re.compile(
    r"carried forward|brought forward|continued (?:from|on)|\(continued\)|\bübertrag|\buebertrag|à reporter|\breport de la|"
    r"suma y sigue|a riportare|\briporto|transporte|a transportar|over te brengen|fortsetzung|suite (?:de la|page)|vervolg",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"(?:dear (?:sir|madam|mr|ms|mrs|[A-Z])|to whom it may concern|sehr geehrte|liebe[rs]? |madame,|monsieur,|cher |chère |"
    r"estimad[oa]|querid[oa]|muy señor|gentile |egregio|spett|geachte|beste |prezad[oa]|exm[oa])",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"(?:yours (?:sincerely|faithfully|truly)|sincerely|(?:kind|best|warm) regards|mit freundlichen|freundliche grüße|"
    r"cordialement|veuillez agréer|atentamente|saludos|distinti saluti|cordiali saluti|met vriendelijke|hoogachtend|"
    r"atenciosamente|com os melhores)",
    re.IGNORECASE,
)
_EDGE = 6  # rows at the top and at the bottom where a page's number may stand alone
_HEADER = 3  # rows
_SUMS = ("total", "grand_total", "amount_due")
_NUMBERS = ("invoice_number", "order_number")


@dataclass(frozen=True, slots=True)
class Numbering:
    """`Page 2 of 3`; the number of pages is 0 where the page does not say it."""

    number: int
    of: int


class Look:
    """One page that has words."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._sheet = Sheet([page])
        self.rows = self._sheet.rows

    @cached_property
    def numbering(self) -> Numbering | None:
        """What the page says about its place in the document."""
        for index, row in enumerate(self.rows):
            edge = index < _EDGE or index >= len(self.rows) - _EDGE
            for cell in row.cells:
                found = says_number(cell.text, alone=edge)
                if found is not None:
                    return found
        return None

    @cached_property
    def numbers(self) -> Mapping[str, str]:
        """Numbers of the document, squeezed, by what they are numbers of."""
        found = {concept: find_number(self._sheet, concept) for concept in _NUMBERS}
        return {concept: squeeze(str(number.value)) for concept, number in found.items() if number is not None}

    @cached_property
    def header(self) -> frozenset[str]:
        """The texts of the first rows, without those that say next to nothing."""
        return frozenset(text for text in (_letters(row) for row in self.rows[:_HEADER]) if len(text) > 5)

    @cached_property
    def sums_up(self) -> bool:
        """Whether it shows the total of a bill."""
        money = self._sheet.money_by_row
        rows = {label.span.row.index for label in self._sheet.labelled(*_SUMS) if label.own_cell}
        return any(amount.is_amount for row in rows for amount in money.get(row, ()))

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

    def fits(self, other: Look) -> bool:
        """Whether both are of the same size, to a twentieth: of the same paper, and scanned in one go."""
        sizes = ((self.page.width, other.page.width), (self.page.height, other.page.height))
        return all(abs(one - two) <= 0.05 * max(one, two) for one, two in sizes)


def says_number(text: str, *, alone: bool) -> Numbering | None:
    """The place of a page that a cell says: `Page 2 of 3`, `Seite 2`; `2/3` only where it stands `alone`."""
    match = _NAMED.search(text) or (_BARE.fullmatch(text) if alone else None)
    if match is None:
        return None
    number, of = int(match[1]), int(match[2] or 0)
    return Numbering(number, of) if number and (not of or number <= of) else None


def _letters(row: Row) -> str:
    """The text squeezed, without digits: page numbers and dates differ."""
    return "".join(character for character in squeeze(row.text) if character.isalpha())
