"""Pieces of page pictures with the labelled and the returned place drawn on them. Needs Pillow (the `ocr` extra)."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from docmill.domain.pages import Box

__all__ = ["FOUND", "LABELLED", "crop", "thumbnail"]

LABELLED, FOUND = (21, 128, 61), (220, 38, 38)
"""Green and red; RGB."""
_WIDEST, _HIGHEST = 560, 260
"""Pixels of a piece in the report."""
_MARGIN = 0.06
"""Of the page's width, shown around the boxes; thrice as much at the sides, where labels stand."""
_QUALITY = 72
"""Of the JPEG: letters stay sharp, a piece has some 15 KB."""


def crop(picture: bytes, page: tuple[float, float], found: Sequence[Box], labelled: Sequence[Box]) -> bytes:
    """The part of a page around the boxes (at least one), which are drawn on it, as JPEG.

    `page` is the page's width and height in the unit of the boxes; the picture shows all of it.
    """
    image = _open(picture)
    scale_x, scale_y = image.width / page[0], image.height / page[1]
    around = Box.around([*found, *labelled])
    margin = _MARGIN * page[0]
    edges = (
        max(0, round((around.x - 3 * margin) * scale_x)),
        max(0, round((around.y - margin) * scale_y)),
        min(image.width, round((around.right + 3 * margin) * scale_x)),
        min(image.height, round((around.bottom + margin) * scale_y)),
    )
    if edges[2] <= edges[0] or edges[3] <= edges[1]:  # boxes beside the page
        return thumbnail(picture)
    piece = image.crop(edges)
    shrink = min(1.0, _WIDEST / piece.width, _HIGHEST / piece.height)
    piece = piece.resize(
        (max(1, round(piece.width * shrink)), max(1, round(piece.height * shrink))), Image.Resampling.LANCZOS
    )
    draw = ImageDraw.Draw(piece)
    for boxes, colour, gap in ((labelled, LABELLED, 3), (found, FOUND, 1)):
        for box in boxes:
            left, right = ((x * scale_x - edges[0]) * shrink for x in (box.x, box.right))
            top, bottom = ((y * scale_y - edges[1]) * shrink for y in (box.y, box.bottom))
            draw.rectangle((left - gap, top - gap, right + gap, bottom + gap), outline=colour, width=2)
    return _jpeg(piece)


def thumbnail(picture: bytes) -> bytes:
    """The whole page, small, as JPEG."""
    image = _open(picture)
    image.thumbnail((_WIDEST, _HIGHEST), Image.Resampling.LANCZOS)
    return _jpeg(image)


def _open(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture), formats=["PNG"]).convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()
