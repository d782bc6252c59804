"""Media type by magic bytes: what a file is, whatever it is called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PDF = "application/pdf"
PNG = "image/png"
JPEG = "image/jpeg"
WEBP = "image/webp"
TIFF = "image/tiff"
BMP = "image/bmp"
HEIC = "image/heic"
HEIF = "image/heif"
GIF = "image/gif"
XML = "application/xml"

SUPPORTED_TYPES: Mapping[str, str] = MappingProxyType(
    {
        PDF: "PDF",
        PNG: "PNG",
        JPEG: "JPEG",
        WEBP: "WEBP",
        TIFF: "TIFF",
        BMP: "BMP",
        HEIC: "HEIC",
        HEIF: "HEIF",
        GIF: "GIF",
        XML: "XML invoices (CII, UBL)",
    }
)
"""Media types that can be read, with the name people use."""

HEAD_BYTES = 2048
"""How much of a file's beginning `sniff` and `looks_like` want."""

_PDF_HEADER_WITHIN = 1024  # ISO 32000-1 annex H, implementation note 13: readers accept junk before the header
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})  # "BM" alone begins many texts
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"})  # ISO/IEC 23008-12 annex B
_HEIF_BRANDS = frozenset({b"mif1", b"msf1"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})

_INVOICE_ROOTS = (b"CrossIndustryInvoice", b"CrossIndustryDocument", b":Invoice-2", b":CreditNote-2")

_OTHER_FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "application/zip", "a ZIP archive or an office document (docx, xlsx, odt)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage", "an old office document (doc, xls, msg)"),
    (b"{\\rtf", "application/rtf", "an RTF text"),
    (b"%!PS", "application/postscript", "a PostScript file"),
    (b"8BPS", "image/vnd.adobe.photoshop", "a Photoshop image"),
    (b"\x00\x00\x00\x0cjP  ", "image/jp2", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "image/jp2", "a JPEG 2000 image"),
    (b"AT&TFORM", "image/vnd.djvu", "a DjVu document"),
    (b"\x1f\x8b", "application/gzip", "a gzip archive"),
    (b"Rar!", "application/vnd.rar", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", "a 7-Zip archive"),
)


def sniff(head: bytes) -> str | None:
    """The supported media type whose signature stands in `head` (the first `HEAD_BYTES` bytes), or None."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):  # + is BigTIFF
        return TIFF
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return BMP
    if brands := _ftyp_brands(head):
        return _heif_type(brands)
    if b"%PDF-" in head[: _PDF_HEADER_WITHIN + 4]:
        return PDF
    return XML if _is_xml(head) else None


def looks_like(head: bytes) -> tuple[str, str]:
    """A guess at what unsupported bytes are, for the error message: (media type, words)."""
    if _ftyp_brands(head) & _AVIF_BRANDS:
        return "image/avif", "an AVIF image"
    for magic, media_type, words in _OTHER_FORMATS:
        if head.startswith(magic):
            return media_type, words
    return _looks_like_text(head)


def _ftyp_brands(head: bytes) -> frozenset[bytes]:
    """Major and compatible brands of an ISO base media file (ISO/IEC 14496-12, 4.3); empty for other files."""
    if head[4:8] != b"ftyp":
        return frozenset()
    box = head[: int.from_bytes(head[:4], "big")]
    return frozenset({box[8:12], *(box[at : at + 4] for at in range(16, len(box) - 3, 4))})


def _heif_type(brands: frozenset[bytes]) -> str | None:
    if brands & _HEIC_BRANDS:
        return HEIC
    if brands & _AVIF_BRANDS:
        return None
    return HEIF if brands & _HEIF_BRANDS else None


def _is_xml(head: bytes) -> bool:
    """An XML declaration, or the root of an invoice without one; web pages and drawings are named as what they are."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text.startswith(b"<") or b"<svg" in text.lower() or b"<html" in text.lower():
        return False
    return text.startswith(b"<?xml") or any(root in text for root in _INVOICE_ROOTS)


def _looks_like_text(head: bytes) -> tuple[str, str]:
    if b"\x00" in head:
        return "application/octet-stream", "binary data of an unknown kind"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "text/html", "a web page"
    if b"<svg" in text:
        return "image/svg+xml", "an SVG drawing"
    if text.startswith(b"<?xml"):
        return "application/xml", "an XML file"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character cut in two at the end of `head` is no objection
            return "application/octet-stream", "binary data of an unknown kind"
    return "text/plain", "plain text"
