"""What a scanner makes of a printed page: a little aslant, soft, with shade and grain, as JPEG."""

from __future__ import annotations

import io

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter

_DPI = 170
_PAPER = (250, 249, 244)


def scan(pdf: bytes, seed: int, *, page: int = 1) -> bytes:
    """A page of a PDF (from 1) as a scanned JPEG; the same seed gives the same bytes."""
    rng = np.random.default_rng(seed)
    document = pypdfium2.PdfDocument(pdf)
    try:
        image = document[page - 1].render(scale=_DPI / 72).to_pil().convert("RGB")
    finally:
        document.close()
    image = image.rotate(rng.uniform(-1.2, 1.2), resample=Image.Resampling.BICUBIC, fillcolor="white")
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    pixels = np.asarray(image, np.float32) * (np.array(_PAPER, np.float32) / 255)
    shade = np.linspace(1.0, rng.uniform(0.82, 0.98), image.width, dtype=np.float32)[None, :, None]
    grain = rng.normal(0, rng.uniform(2, 7), (*pixels.shape[:2], 1)).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels * shade + grain, 0, 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=int(rng.integers(55, 90)), dpi=(_DPI, _DPI)
    )
    return buffer.getvalue()
