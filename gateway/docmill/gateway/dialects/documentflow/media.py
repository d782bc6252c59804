"""What this surface reads, told by the first bytes of a file: whatever else is in it, only a worker opens it."""

from __future__ import annotations

__all__ = ["HEAD", "NOT_READ", "extension_of", "said"]

HEAD = 1024
"""Bytes that are enough to tell."""

NOT_READ = "its bytes are of none of the types read here (PDF, PNG, JPG, JPEG, WEBP, TIFF, BMP, HEIC and HEIF)"
"""What is said of all others."""

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),  # BigTIFF
    (b"MM\x00+", "tiff"),
    (b"BM", "bmp"),
)
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF = {b"mif1", b"msf1", b"mif2", b"heif"}
_AVIF = {b"avif", b"avis"}
"""Brands of ISO 14496-12 files (ISO 23008-12, annex B). AVIF files have those of HEIF, too."""


def extension_of(head: bytes) -> str:
    """The extension that a file which begins with `head` would have; empty for what is not read here."""
    for beginning, extension in _BEGINNINGS:
        if head.startswith(beginning):
            return extension
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        brands = {
            head[8:12],
            *(head[at : at + 4] for at in range(16, min(len(head), int.from_bytes(head[:4], "big")), 4)),
        }
        if brands & _HEIC:
            return "heic"
        return "heif" if brands & _HEIF and not brands & _AVIF else ""
    return "pdf" if b"%PDF-" in head else ""  # some writers put other bytes in front of it


def said(reason: str, message: str) -> str:
    """The services' message for a reason, as it is true of this surface: they read more types than are taken here."""
    foreign = reason == "MEDIA_UNSUPPORTED" and NOT_READ not in message
    return f"The file cannot be read: {NOT_READ}" if foreign else message
