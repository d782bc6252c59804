"""First look at a document: what it is, how many pages, how large. Everything that cannot be read is refused here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pypdfium2

from docmill.domain.errors import MediaError, Reason
from docmill.domain.messages import ProbeFacts
from docmill.domain.models import PageSize
from docmill.domain.pages import Unit
from docmill.ocr import images, sniff, xml_invoice
from docmill.ocr.limits import MediaLimits
from docmill.ocr.pdf import check_complete, open_pdf

_DECODE_FACTOR = 4  # frames are decoded until 4 x max_pixels are spent; later ones are checked by their headers only


def probe(path: Path, *, declared_type: str = "", filename: str = "", limits: MediaLimits | None = None) -> ProbeFacts:
    """Media type by content and the size of every page: pixels as stored, or points after /Rotate.

    `declared_type` and `filename` only serve the message: a wrong declaration over supported bytes is no error.
    Raises `MediaError` with reason MEDIA_EMPTY, MEDIA_UNSUPPORTED, MEDIA_ENCRYPTED, MEDIA_CORRUPT, MEDIA_TOO_LARGE
    or MEDIA_TOO_MANY_PAGES.
    """
    limits = limits or MediaLimits()
    with path.open("rb") as file:
        head = file.read(sniff.HEAD_BYTES)
    if not head:
        raise MediaError(Reason.MEDIA_EMPTY, "The document is empty (0 bytes); send the file again")
    media_type = sniff.sniff(head)
    if media_type is None:
        raise _unsupported(head, declared_type, filename)
    if media_type == sniff.PDF:
        pages = _pdf_pages(path, limits)
    elif media_type == sniff.XML:
        pages = (xml_invoice.check(path),)
    else:
        pages = _image_pages(path, media_type, limits)
    return ProbeFacts(media_type=media_type, pages=pages)


def _unsupported(head: bytes, declared_type: str, filename: str) -> MediaError:
    detected, words = sniff.looks_like(head)
    named = f"{filename} looks" if filename else "The document looks"
    declared = f", not like {declared_type}" if declared_type and declared_type != detected else ""
    return MediaError(
        Reason.MEDIA_UNSUPPORTED,
        f"{named} like {words}{declared}; supported are {', '.join(sniff.SUPPORTED_TYPES.values())}",
        {"declared": declared_type, "detected": detected, "supported": ", ".join(sniff.SUPPORTED_TYPES)},
    )


def _pdf_pages(path: Path, limits: MediaLimits) -> Sequence[PageSize]:
    check_complete(path)
    pdf = open_pdf(path)
    try:
        _check_count(len(pdf), limits)
        return tuple(_pdf_page(pdf, number, limits) for number in range(1, len(pdf) + 1))
    finally:
        pdf.close()


def _pdf_page(pdf: pypdfium2.PdfDocument, number: int, limits: MediaLimits) -> PageSize:
    try:
        width, height = pdf.get_page_size(number - 1)
    except pypdfium2.PdfiumError as error:
        raise _broken_page(number) from error
    if min(width, height) <= 0:
        raise _broken_page(number)
    if max(width, height) > limits.max_page_points:
        raise MediaError(
            Reason.MEDIA_TOO_LARGE,
            f"Page {number} of the PDF is {width:,.0f} x {height:,.0f} points; a side may have at most"
            f" {limits.max_page_points:,.0f} points (1 inch = 72 points). Print it to a smaller page size",
            {"page": str(number), "width": f"{width:g}", "height": f"{height:g}"},
        )
    return PageSize(width=round(width, 2), height=round(height, 2), unit=Unit.POINT)


def _broken_page(number: int) -> MediaError:
    return MediaError(
        Reason.MEDIA_CORRUPT,
        f"Page {number} of the PDF is damaged; export the document again and send the new file",
        {"page": str(number)},
    )


def _image_pages(path: Path, media_type: str, limits: MediaLimits) -> Sequence[PageSize]:
    pages: list[PageSize] = []
    budget = limits.max_pixels * _DECODE_FACTOR
    with images.decoding(media_type, limits), images.open_image(path, media_type) as image:
        if media_type in {sniff.HEIC, sniff.HEIF}:
            images.check_boxes(path)
        for frame in images.frames(image, media_type, limits):
            pages.append(PageSize(width=frame.width, height=frame.height, unit=Unit.PIXEL))
            _check_count(len(pages), limits)
            budget -= frame.width * frame.height
            if budget > 0 or len(pages) == 1:
                images.decode_fully(image)
    return tuple(pages)


def _check_count(count: int, limits: MediaLimits) -> None:
    if count > limits.max_pages:
        raise MediaError(
            Reason.MEDIA_TOO_MANY_PAGES,
            f"The document has more than {limits.max_pages:,} pages; split it",
            {"pages": str(count), "limit": str(limits.max_pages)},
        )
