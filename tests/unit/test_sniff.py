"""Media types by magic bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from docmill.ocr.sniff import SUPPORTED_TYPES, looks_like, sniff
from tests.fixtures import documents


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".webp", "image/webp"),
        (".tiff", "image/tiff"),
        (".bmp", "image/bmp"),
        (".gif", "image/gif"),
        (".heic", "image/heic"),
    ],
)
def test_images_are_known_by_their_first_bytes(tmp_path: Path, suffix: str, media_type: str) -> None:
    """A file of every supported image format is recognised whatever its name."""
    assert sniff(documents.image_file(tmp_path / f"page{suffix}").read_bytes()[:2048]) == media_type
    assert media_type in SUPPORTED_TYPES


@pytest.mark.parametrize("junk", [0, 1, 700, 1023])
def test_pdf_header_may_follow_junk_within_the_first_kilobyte(junk: int) -> None:
    """A PDF header is found where readers look for it."""
    assert sniff(b"\r" * junk + b"%PDF-1.7\n") == "application/pdf"


def test_pdf_header_beyond_the_first_kilobyte_is_none() -> None:
    """Text that mentions PDF far down is no PDF."""
    assert sniff(b"x" * 1024 + b"%PDF-1.7\n") is None


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "image/heic"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1heicabcd", "image/heic"),
        (b"\x00\x00\x00\x14ftypmif1\x00\x00\x00\x00mif1", "image/heif"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf", None),
        (b"\x00\x00\x00\x14ftypisom\x00\x00\x00\x00isom", None),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", None),
        (b"BMW invoice of last week, with some more text behind it", None),
        (b"", None),
        (b"<?xml version='1.0'?><svg xmlns=", None),
        (b"<?xml version='1.0'?><html>", None),
        (b"<note>Invoice</note>", None),
        (b"<?xml version='1.0'?><Invoice>", "application/xml"),
        ("<?xml version='1.0'?><Invoice>".encode("utf-16"), "application/xml"),
    ],
)
def test_relatives_of_supported_formats_are_told_apart(head: bytes, media_type: str | None) -> None:
    """AVIF, video and sound in the same containers, and text that begins like a bitmap, are not taken for images."""
    assert sniff(head) == media_type


@pytest.mark.parametrize(
    ("head", "detected"),
    [
        (b"PK\x03\x04....", "application/zip"),
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"<?xml version='1.0'?><svg xmlns=", "image/svg+xml"),
        (b"<?xml version='1.0'?><Invoice>", "application/xml"),
        ("Grüße aus Köln".encode()[:-1] + b"\xc3", "text/plain"),
        (b"\x00\x01\x02\x03", "application/octet-stream"),
        (b"\xff\xfe\xfa\xfb" * 9, "application/octet-stream"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", "image/avif"),
    ],
)
def test_unsupported_bytes_get_a_name_for_the_message(head: bytes, detected: str) -> None:
    """What a refused file probably is can be told to its sender."""
    media_type, words = looks_like(head)
    assert media_type == detected
    assert words
