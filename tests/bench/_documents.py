"""The documents of the benches: made on the spot, the same at every start."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.fixtures import documents

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["scan", "text"]

_WORDS = [
    "order",
    "invoice",
    "amount",
    "delivery",
    "Hamburg",
    "street",
    "number",
    "total",
    "paper",
    "blue",
    "item",
    "price",
    "date",
    "customer",
    "tax",
]
_POSTCARD = (298.0, 420.0)  # points, A6


def text(folder: Path, pages: int) -> bytes:
    """A born-digital PDF, A4, 16 lines and about 90 words a page."""
    path = folder / f"text-{pages}.pdf"
    documents.text_pdf(path, pages=pages, lines=[*documents.LINES] * 3)
    return path.read_bytes()


def scan(pages: int, lines: int = 14, seed: int | None = None) -> bytes:
    """A scanned PDF: every page an A6 JPEG at 200 dots an inch, all pages different."""
    dice = random.Random(pages if seed is None else seed)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=_POSTCARD)
    for number in range(1, pages + 1):
        written = [f"Page {number}", *(" ".join(dice.choices(_WORDS, k=4)) for _ in range(lines - 1))]
        image, _ = documents.draw_page(written, (828, 1167), font_size=30)
        picture = io.BytesIO()
        image.convert("L").save(picture, "JPEG", quality=75)
        canvas.drawImage(ImageReader(io.BytesIO(picture.getvalue())), 0, 0, *_POSTCARD)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
