"""A sheet that is drawn twice at once: as a PDF page with a text layer, and as the `Page` a perfect reader would give."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from docmill.domain.pages import Box, Line, Page, Unit, Word

if TYPE_CHECKING:
    from PIL import Image

A4 = (595.0, 842.0)
"""Points."""
REGULAR, BOLD = "Helvetica", "Helvetica-Bold"
FONTS = {REGULAR: BOLD, "Times-Roman": "Times-Bold", "Courier": "Courier-Bold"}
"""What every PDF viewer has, and its bold."""
_NARROWER = {"Courier": 0.8}  # as wide as the others


@dataclass
class Sheet:
    """Text at places; y is the top of the line, in points from the top of the page."""

    width: float = A4[0]
    height: float = A4[1]
    lines: list[Line] = field(default_factory=list)
    strokes: list[tuple[str, float, float, str, float]] = field(default_factory=list)
    rules: list[tuple[float, float, float]] = field(default_factory=list)
    frames: list[Box] = field(default_factory=list)
    picture: bytes = b""
    """JPEG of the whole page: a scanned one."""
    font: str = REGULAR
    """One of `FONTS`."""

    def text(self, x: float, y: float, text: str, size: float = 9, *, bold: bool = False, align: str = "left") -> Box:
        """Draw `text` and give the box of its words. `align` tells which edge of the text `x` is."""
        font = FONTS[self.font] if bold else self.font
        size *= _NARROWER.get(self.font, 1)
        width = stringWidth(text, font, size)
        left = x - width if align == "right" else x - width / 2 if align == "center" else x
        self.strokes.append((text, left, y + 0.8 * size, font, size))
        words, at = [], left
        for part in text.split(" "):
            part_width = stringWidth(part, font, size)
            if part:
                words.append(Word(part, Box(at, y, part_width, size), 1.0))
            at += part_width + stringWidth(" ", font, size)
        self.lines.append(Line(tuple(words)))
        return Box(left, y, width, size)

    def rule(self, x: float, y: float, width: float) -> None:
        """A thin line across."""
        self.rules.append((x, y, width))

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """A box of thin lines."""
        self.frames.append(Box(x, y, width, height))

    def another(self) -> Sheet:
        """An empty one of the same size and font."""
        return Sheet(self.width, self.height, font=self.font)

    def page(self, number: int) -> Page:
        """What a perfect reader gives for this sheet, top to bottom."""
        lines = sorted(self.lines, key=lambda line: (round(line.box.y), line.box.x))
        return Page(
            number=number,
            width=self.width,
            height=self.height,
            unit=Unit.POINT,
            engine="text-layer",
            lines=tuple(lines),
        )

    def draw(self, canvas: Canvas) -> None:
        """Put the sheet on the canvas as one page."""
        canvas.setPageSize((self.width, self.height))
        if self.picture:
            canvas.drawImage(ImageReader(io.BytesIO(self.picture)), 0, 0, self.width, self.height)
        for text, left, baseline, font, size in self.strokes:
            canvas.setFont(font, size)
            canvas.drawString(left, self.height - baseline, text)
        canvas.setLineWidth(0.5)
        for x, y, width in self.rules:
            canvas.line(x, self.height - y, x + width, self.height - y)
        for box in self.frames:
            canvas.rect(box.x, self.height - box.bottom, box.w, box.h)
        canvas.showPage()


def to_pdf(sheets: list[Sheet], title: str) -> bytes:
    """The sheets as a PDF; the same sheets give the same bytes."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, invariant=1, pageCompression=1)
    canvas.setTitle(title)
    for sheet in sheets:
        sheet.draw(canvas)
    canvas.save()
    return buffer.getvalue()


def to_jpeg(image: Image.Image, quality: int = 55) -> bytes:
    """The picture as JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
