"""Pages whose print has nearly gone (bleached thermal paper, a worn ribbon): looked at again with their few shades stretched.

Engines see nothing there, or a part of it and are sure of that, so the picture says whether to look again. What shines
through a sheet from its back is as faint, and comes out mirrored: of that engines are not sure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.ocr import lighting
from docmill.ocr.turning import confidence, read_upright, score

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from docmill.ocr import OcrEngine, Transcript

__all__ = ["read_faint"]

_SURE = 0.85  # mean confidence: mirrored print and grain were read with at most 0.78, faint print above 0.9
_BETTER = 1.1  # times what was read at first, in letters by confidence


def read_faint(engine: OcrEngine, images: Sequence[NDArray[np.uint8]], read: Sequence[Transcript]) -> list[Transcript]:
    """What was `read` of `images` (RGB), with the faint ones read again; boxes are in the image's pixels."""
    best = list(read)
    faint = [index for index, image in enumerate(images) if lighting.is_faint(image)]
    if not faint:
        return best
    again = read_upright(engine, [lighting.stretched(images[index]) for index in faint])
    for index, stretched in zip(faint, again, strict=True):
        if confidence(stretched.lines) >= _SURE and score(stretched.lines) > _BETTER * score(best[index].lines):
            best[index] = stretched
    return best
