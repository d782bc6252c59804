"""XML files embedded in a PDF (ISO 32000-1, 7.11.4), as many and as large as electronic invoices are."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import pypdfium2
from pypdfium2 import raw

from docmill.domain.einvoices import EmbeddedFile
from docmill.xml_tree import MAX_BYTES

__all__ = ["xml_files"]

_MOST = 100  # attachments whose names are looked at
_MOST_XML = 10  # of them that are taken out


def xml_files(pdf: pypdfium2.PdfDocument) -> Sequence[EmbeddedFile]:
    """The files that are called XML, by the PDF's list of embedded files."""
    found: list[EmbeddedFile] = []
    for index in range(min(max(raw.FPDFDoc_GetAttachmentCount(pdf.raw), 0), _MOST)):
        try:
            attachment = pdf.get_attachment(index)
            name = str(attachment.get_name())
        except pypdfium2.PdfiumError:
            continue  # one without a name is no invoice by any standard
        if name.lower().endswith(".xml"):
            found.append(_taken_out(attachment, name))
        if len(found) == _MOST_XML:
            break
    return found


def _taken_out(attachment: pypdfium2.PdfAttachment, name: str) -> EmbeddedFile:
    size = ctypes.c_ulong()
    if not raw.FPDFAttachment_GetFile(attachment.raw, None, 0, size) or not size.value:
        return EmbeddedFile(name, b"", "it is empty or damaged")
    if size.value > MAX_BYTES:
        return EmbeddedFile(name, b"", f"it has {size.value:,} bytes; at most {MAX_BYTES:,} are read")
    try:
        return EmbeddedFile(name, bytes(attachment.get_data()))
    except pypdfium2.PdfiumError:
        return EmbeddedFile(name, b"", "it is damaged")
