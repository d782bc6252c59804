"""What a file is by its first bytes."""

from __future__ import annotations

import io

import pillow_heif
import pytest
from PIL import Image

from docmill.gateway.dialects.documentflow.media import HEAD, extension_of


@pytest.mark.parametrize(
    ("kind", "extension"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("TIFF", "tiff"), ("BMP", "bmp")]
)
def test_pictures_that_pillow_writes(kind: str, extension: str) -> None:
    """Each is known by its beginning."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(out, kind)
    assert extension_of(out.getvalue()[:HEAD]) == extension


def test_heic() -> None:
    """As a phone writes it."""
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), "white")).save(out)
    assert extension_of(out.getvalue()[:HEAD]) == "heic"
    assert extension_of(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heix") == "heic"
    assert extension_of(b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1miaf") == "heif"


@pytest.mark.parametrize(
    ("head", "extension"),
    [
        (b"%PDF-1.4", "pdf"),
        (b"\xef\xbb\xbf\r\n%PDF-1.4", "pdf"),
        (b"MM\x00*\x00\x00", "tiff"),
        (b"GIF89a", ""),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00mp41avc1", ""),
        (b"\xff\xff\xff\xffftypmif1", "heif"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", ""),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf", ""),
        (b"RIFF\x00\x00\x00\x00WAVE", ""),
        (b"text", ""),
        (b"", ""),
    ],
)
def test_other_beginnings(head: bytes, extension: str) -> None:
    """What is not read here has no extension."""
    assert extension_of(head) == extension
