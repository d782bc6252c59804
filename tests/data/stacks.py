"""Stacks of invoices, receipts and letters in one file, as a scanner's feeder makes them, and which pages are what."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from reportlab.pdfbase.pdfmetrics import stringWidth

from docmill.domain.pages import Box, Page
from tests.data.drawing import A4, REGULAR, Sheet, to_pdf
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.letters import generate_letter
from tests.data.locales import LOCALES
from tests.data.receipts import GeneratedReceipt, generate_receipt

KINDS = ("invoice", "receipt", "other")
_POINTS_A_PIXEL = 0.5


@dataclass(frozen=True)
class Part:
    """One document of the stack."""

    kind: str
    """`invoice`, `receipt` or `other`."""
    sheets: tuple[Sheet, ...]
    truth: dict[str, Any]
    """Its data in the shape of `invoice-extractor` 1.2.0 or `receipt-extractor`; empty for a letter."""


@dataclass(frozen=True)
class Stack:
    """The documents one after the other."""

    parts: tuple[Part, ...]

    @property
    def pages(self) -> tuple[Page, ...]:
        """What a perfect reader gives, numbered through."""
        sheets = [sheet for part in self.parts for sheet in part.sheets]
        return tuple(sheet.page(number) for number, sheet in enumerate(sheets, start=1))

    @property
    def pdf(self) -> bytes:
        """All pages with their text layer."""
        return to_pdf([sheet for part in self.parts for sheet in part.sheets], "Stack")

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What a split step should give: `[{type, pages}]`."""
        found, page = [], 1
        for part in self.parts:
            found.append({"type": part.kind, "pages": list(range(page, page + len(part.sheets)))})
            page += len(part.sheets)
        return found


def generate_stack(seed: int, count: int | None = None, *, languages: tuple[str, ...] = tuple(LOCALES)) -> Stack:
    """`count` documents (2 to 7), none of them the one before it again. The same arguments give the same stack."""
    rng = random.Random(f"stack {seed}")
    parts: list[Part] = []
    for number in range(count or rng.randint(2, 7)):
        kind = rng.choice(KINDS)
        parts.append(make_part(kind, 1000 * seed + number, language=rng.choice(languages), pages=rng.choice((1, 1, 2))))
    return Stack(tuple(parts))


def make_part(kind: str, seed: int, *, language: str = "en", pages: int = 1) -> Part:
    """A document of this kind; receipts have one page."""
    if kind == "invoice":
        layout = LAYOUTS[seed % len(LAYOUTS)]
        invoice = generate_invoice(seed, language, layout, items=None if pages == 1 else 40)
        return Part(kind, invoice.sheets, invoice.truth)
    if kind == "receipt":
        receipt = generate_receipt(seed, photo=False)
        return Part(kind, (_on_glass(receipt, on_a4=bool(seed % 2)),), receipt.truth)
    return Part(kind, generate_letter(seed, pages).sheets, {})


def _on_glass(receipt: GeneratedReceipt, *, on_a4: bool) -> Sheet:
    """The receipt as a page: as wide as its paper, or in the corner of a larger one."""
    page, scale = receipt.page, _POINTS_A_PIXEL
    sheet = Sheet(*A4) if on_a4 else Sheet(page.width * scale, page.height * scale)
    for line in page.lines:
        text, box = " ".join(word.text for word in line.words), Box.around([word.box for word in line.words])
        # As wide as on the paper: the blanks of the line are then those of its letters.
        sheet.text(box.x * scale, box.y * scale, text, box.w * scale / stringWidth(text, REGULAR, 1))
    return sheet
