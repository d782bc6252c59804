"""An electronic invoice that is the document itself: one page, which says as text what the XML says.

The page has no picture. It has a line for each element with text, in document order, whose last words are that text:
`extract.einvoice` finds the place of a value by counting.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from docmill.domain.einvoices import PAGE_SIZE, EmbeddedFile, is_invoice_root
from docmill.domain.errors import MediaError, Reason
from docmill.domain.models import PageSize
from docmill.domain.pages import Box, Line, Unit, Word
from docmill.ocr.layer_trust import LayerFacts
from docmill.ocr.text_layer import TextLayer
from docmill.xml_tree import MAX_BYTES, Element, XmlError, parse

if TYPE_CHECKING:
    from PIL import Image

    from docmill.ocr.documents import RenderedPage

__all__ = ["XmlDocument", "check"]

_MARGIN = 40.0  # points
_LINE = 14.0  # points from line to line, fewer where the lines would not fit on the page
_GLYPH = 0.4  # width of a character in lines
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNIT_OF_VALUE = ("currencyID", "unitCode")
_GOOD = LayerFacts(characters=1000, bad=0.0, broken=0.0, unmapped=0.0, readable=1.0, usual=6.0, pairs=1000,
                   spaced=0.0, unseen=0.0, pictures=0.0, other_objects=0)  # fmt: skip


def check(path: Path) -> PageSize:
    """The size of its page. Raises `MediaError` for a file that is no invoice or may not be read."""
    root = _root(path)
    if not is_invoice_root(root.namespace, root.name):
        raise MediaError(
            Reason.MEDIA_UNSUPPORTED,
            f"The root of the XML file is '{root.name[:200]}'; of XML, only invoices are read: CII (Factur-X, ZUGFeRD, XRechnung) and"
            " UBL (Invoice, CreditNote)",
            {"detected": "application/xml", "root": root.name[:200]},
        )
    return PageSize(width=PAGE_SIZE[0], height=PAGE_SIZE[1], unit=Unit.POINT)


def _root(path: Path) -> Element:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        message = f"The XML file has more than {MAX_BYTES:,} bytes; send the invoice without the files embedded in it"
        raise MediaError(Reason.MEDIA_TOO_LARGE, message, {"limit": str(MAX_BYTES)})
    try:
        return parse(data)
    except XmlError as error:
        raise MediaError(
            Reason.MEDIA_CORRUPT,
            f"The XML file cannot be read: {error}. Export the invoice again and send the new file",
        ) from error


class XmlDocument:
    """Implements `docmill.ocr.documents.OpenDocument`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._leaves = tuple(_root(path).leaves())
        self.page_count = 1

    def page_size(self, number: int) -> PageSize:
        """See `OpenDocument`."""
        del number
        return PageSize(width=PAGE_SIZE[0], height=PAGE_SIZE[1], unit=Unit.POINT)

    def rotation(self, number: int) -> int:
        """See `OpenDocument`."""
        del number
        return 0

    def text_layer(self, number: int) -> TextLayer:
        """See `OpenDocument`."""
        del number
        height = min(_LINE, (PAGE_SIZE[1] - 2 * _MARGIN) / max(len(self._leaves), 1))
        lines = tuple(_line(leaf, _MARGIN + index * height, height) for index, leaf in enumerate(self._leaves))
        return TextLayer(lines=lines, facts=_GOOD)

    def render(self, number: int, area: Box | None = None) -> RenderedPage:
        """An XML file cannot be read from its picture."""
        del number, area
        _refuse_picture()

    def picture(self, number: int, max_side: int) -> Image.Image:
        """An XML file has none."""
        del number, max_side
        _refuse_picture()

    def xml_files(self) -> Sequence[EmbeddedFile]:
        """See `OpenDocument`."""
        return (EmbeddedFile("", self._path.read_bytes()),)


def _refuse_picture() -> NoReturn:
    raise MediaError(
        Reason.MEDIA_UNSUPPORTED, "An XML invoice has no picture; its text and its data can be read without one"
    )


def _line(leaf: Element, top: float, height: float) -> Line:
    """`Seller Trade Party Name: Muster GmbH`; files inside the XML are named, not printed."""
    value = "(file)" if leaf.name.endswith("BinaryObject") else leaf.text
    texts = [*_label(leaf), *value.split()]
    step = height * _GLYPH
    widest = PAGE_SIZE[0] - 2 * _MARGIN
    step = min(step, widest / max(sum(len(text) + 1 for text in texts), 1))
    words, left = [], _MARGIN
    for text in texts:
        width = len(text) * step
        words.append(Word(text, Box(round(left, 2), round(top, 2), round(width, 2), round(height * 0.8, 2)), 1.0))
        left += width + step
    return Line(tuple(words))


def _label(leaf: Element) -> list[str]:
    """The words of the names of its parent and itself, without repetitions, and the unit of its value."""
    parent = leaf.parent.name if leaf.parent is not None else ""
    names = [*_HUMP.split(parent), *_HUMP.split(leaf.name)] if parent else _HUMP.split(leaf.name)
    words = [names[0], *(name for before, name in pairwise(names) if name != before)]
    words += [f"({leaf.attributes[name]})" for name in _UNIT_OF_VALUE if leaf.attributes.get(name, "").isalnum()][:1]
    return [*words[:-1], f"{words[-1]}:"]
