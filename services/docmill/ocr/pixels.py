"""Pixels of every kind that Pillow decodes, as 8-bit grey or colour with the same picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF 6.0, PhotometricInterpretation
_SHRUNK_PIXELS = 4_000_000  # of a transparent picture that are made smaller at a time
_BAND_PIXELS = 1_000_000  # deep grey is converted in bands: whole, it would take four times the memory of the picture
_IS_INK = [255 * (alpha >= 128) for alpha in range(256)]
_MOST_INK = 0.5  # share of the picture; what fills more of it is paper, of which corners or a margin were cut off
_LIGHT, _FEW = 200, 0.02  # shade, and share of what is darker: black print on white paper is 5 %, specks are fewer


def eight_bits(image: Image.Image) -> Image.Image:
    """L, RGB or RGBA with the same picture as `image`, which is decoded: 1-bit, palette, deep grey, CMYK and all others."""
    transparent = "transparency" in image.info
    match image.mode:
        case "L" | "RGB" | "RGBA":
            return image.convert("RGBA") if transparent else image
        case "1":
            return image.convert("RGBA" if transparent else "L")
        case "P" | "PA" | "LA" | "La" | "RGBa":
            return image.convert("RGBA" if transparent or image.mode != "P" else "RGB")
        case "I" | "F" | "I;16" | "I;16B" | "I;16L" | "I;16N":
            return _deep_grey(image)
        case "LAB":
            return image.getchannel(0)  # its lightness, which is what can be read; Pillow has no way to RGB
        case _:
            return image.convert("RGB")


def opaque(image: Image.Image) -> Image.Image:
    """RGB of L, RGB or RGBA; what is transparent lies over white paper, or over black if white would hide the ink."""
    if image.mode == "RGBA":
        paper = Image.new("RGBA", image.size, "black" if _is_light_ink(image) else "white")
        image = Image.alpha_composite(paper, image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_light_ink(image: Image.Image) -> bool:
    """Whether the RGBA `image` is mostly transparent, and hardly anything in it shows on white."""
    ink = image.getchannel("A").point(_IS_INK)
    shades = image.convert("L").histogram(ink)
    return 0 < sum(shades) < _MOST_INK * image.width * image.height and sum(shades[:_LIGHT]) < _FEW * sum(shades)


def smaller(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """L, RGB or RGBA made smaller, to (width, height)."""
    if image.mode != "RGBA":
        return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    ratio = image.height / size[1]
    margin = math.ceil(2 * ratio)  # what a row is made of beyond its own place
    result = Image.new("RGBA", size)
    rows = max(1, int(_SHRUNK_PIXELS / ratio / image.width))
    for top in range(0, size[1], rows):  # in bands: Pillow multiplies colours by opacity in a copy of all it is given
        bottom = min(top + rows, size[1])
        first, last = max(0, math.floor(top * ratio) - margin), min(image.height, math.ceil(bottom * ratio) + margin)
        place = (0.0, top * ratio - first, float(image.width), min(bottom * ratio - first, float(last - first)))
        band = image.crop((0, first, image.width, last))
        result.paste(band.resize((size[0], bottom - top), Image.Resampling.BICUBIC, place), (0, top))
    return result


def _deep_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    low, high = _range(values)
    if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # Pillow turns around 8 bits only
        low, high = high, low
    clear = image.info.get("transparency")
    grey = np.empty(values.shape, np.uint8)
    rows = max(1, _BAND_PIXELS // max(1, values.shape[1]))
    for top in range(0, len(values), rows):
        band = values[top : top + rows]
        shade = (np.nan_to_num(band.astype(np.float64), posinf=high, neginf=low) - low) * (255.0 / (high - low))
        if isinstance(clear, int):
            shade[band == clear] = 255.0
        grey[top : top + rows] = np.clip(shade, 0.0, 255.0)
    return Image.fromarray(grey)


def _range(values: NDArray[Any]) -> tuple[float, float]:
    """The values of black and white.

    Whole numbers are as deep as their largest needs (10, 12 or 14 bits are often kept in 16, as scanners and cameras
    measure them); all others say nothing of their range, which is then what they span.
    """
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    else:
        low, high = float(values.min()), float(values.max())
        if low >= 0:
            low, high = 0.0, float(2 ** max(8, int(high).bit_length()) - 1)
    return (low, high) if high > low else (high - max(1.0, abs(high)), high)  # one shade all over is blank paper
