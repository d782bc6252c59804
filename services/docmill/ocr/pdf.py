"""PDF files through PDFium: opening, and finding out that a file was cut off.

PDFium rebuilds broken files from the objects it finds; a cut-off file then opens with pages missing or empty.
Whoever sent it must learn that, so the end of the file is looked at before PDFium sees it.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from docmill.domain.errors import MediaError, Reason

_NO_PAGES = raw.FPDF_ERR_FILE  # see `_failure`
_MOST = 0.5  # of a page
_END_MARK = b"%%EOF"
_STARTXREF = re.compile(rb"startxref\s+(\d+)")
_MORE = re.compile(rb"\b(\d+\s+\d+\s+obj|trailer)\b")
_XREF_AT = re.compile(rb"\s*(xref\b|\d+\s+\d+\s+obj\b)")


def open_pdf(path: Path) -> pypdfium2.PdfDocument:
    """The document, opened with the empty user password if it has one.

    Raises `MediaError`: MEDIA_ENCRYPTED, MEDIA_CORRUPT, MEDIA_EMPTY (no pages).
    """
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise _opening_error(_failure(path)) from error
    if len(document) == 0:
        document.close()
        raise _opening_error(_NO_PAGES)
    return document


def scan_resolution(page: pypdfium2.PdfPage) -> float | None:
    """Dots an inch of the largest image on the page, if it covers most of it: then the page is a scan."""
    width, height = page.get_size()
    try:
        scans = [_placed(image) for image in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=3)]
    except pypdfium2.PdfiumError:
        return None
    area, pixels = max(scans, default=(0.0, 0))
    return 72 * (pixels / area) ** 0.5 if area > _MOST * width * height and pixels else None


def _placed(image: pypdfium2.PdfObject) -> tuple[float, int]:
    """Square points that the image covers, and its pixels."""
    left, bottom, right, top = image.get_bounds()
    columns, rows = image.get_px_size()
    return abs((right - left) * (top - bottom)), columns * rows


def check_complete(path: Path) -> None:
    """Raises `MediaError` MEDIA_CORRUPT when the end of the file is missing (ISO 32000-1, 7.5.5 File trailer)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        complete = _is_complete(data)
    if not complete:
        raise MediaError(
            Reason.MEDIA_CORRUPT,
            "The PDF is cut off: its end is missing. Send the whole file (check that the upload or download finished)",
        )


def _is_complete(data: mmap.mmap) -> bool:
    """Whether the last revision of the file was written to its end.

    The end is an end mark, or a pointer to a cross-reference that is really there (some writers leave out the mark).
    Anything may follow it, as mail and web servers append junk, but no further object or trailer: that would be an
    update whose own end is missing.
    """
    mark, pointer = data.rfind(_END_MARK), data.rfind(b"startxref")
    end = max(mark, pointer)
    if end < 0 or _MORE.search(data, end) is not None:
        return False
    return mark > pointer or _points_at_xref(data, pointer)


def _points_at_xref(data: mmap.mmap, pointer: int) -> bool:
    found = _STARTXREF.match(data, pointer)
    header = max(0, data.find(b"%PDF-", 0, 1028))  # offsets count from the header
    return found is not None and any(_XREF_AT.match(data, int(found[1]) + start) for start in {0, header})


def _failure(path: Path) -> int:
    """Why PDFium does not open the file.

    PDFium sets no error for a document without pages and never clears the error of an earlier file. So a failure of
    another kind (a file that is not there) is provoked first: if that one still stands afterwards, none was set.
    """
    raw.FPDF_LoadDocument(b"", None)
    document = raw.FPDF_LoadDocument(bytes(path), None)
    if document:
        raw.FPDF_CloseDocument(document)
    return int(raw.FPDF_GetLastError())


def _opening_error(code: int) -> MediaError:
    if code == raw.FPDF_ERR_PASSWORD:
        return MediaError(
            Reason.MEDIA_ENCRYPTED, "The PDF is protected by a password; remove the password and send it again"
        )
    if code == raw.FPDF_ERR_SECURITY:
        return MediaError(
            Reason.MEDIA_ENCRYPTED, "The PDF uses a protection that cannot be opened; send an unprotected copy"
        )
    if code == _NO_PAGES:
        return MediaError(Reason.MEDIA_EMPTY, "The PDF has no pages; send a document with at least one page")
    return MediaError(
        Reason.MEDIA_CORRUPT, "The PDF is damaged and cannot be opened; export it again and send the new file"
    )
