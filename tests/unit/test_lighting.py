"""Pictures are touched only where the light or the print is bad, and the print is what comes out."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from docmill.ocr.lighting import evenly_lit, is_faint, stretched
from tests.data.receipts import generate_receipt
from tests.fixtures import documents

if TYPE_CHECKING:
    from numpy.typing import NDArray


def page() -> NDArray[np.uint8]:
    """Black print on white, 1000 x 600 pixels."""
    return np.asarray(documents.draw_page()[0], dtype=np.uint8)


def receipt() -> NDArray[np.uint8]:
    """A photographed one, with a little shade."""
    return np.asarray(Image.open(io.BytesIO(generate_receipt(3).png)).convert("RGB"), dtype=np.uint8)


def in_shadow(image: NDArray[np.uint8], brightness: float) -> NDArray[np.uint8]:
    """The right half at a share of its light, with a soft edge."""
    across = np.linspace(-12, 12, image.shape[1])[None, :, None]
    light = 1 - (1 - brightness) / (1 + np.exp(-across))
    return (image * light).astype(np.uint8)


def faded(image: NDArray[np.uint8], contrast: float) -> NDArray[np.uint8]:
    """`image` at a share of its contrast, on paper of 200."""
    return (200 - (255.0 - image) * contrast).astype(np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        page(),
        receipt(),
        255 - page(),
        in_shadow(page(), 0.5),
        faded(page(), 0.1),
        np.full((50, 40, 3), 255, np.uint8),
        np.zeros((50, 40, 3), np.uint8),
        np.full((1, 1, 3), 128, np.uint8),
        np.full((3, 900, 3), 200, np.uint8),
    ],
)
def test_even_light_is_left_alone(image: NDArray[np.uint8]) -> None:
    """Scans, photos with a usual shadow, white on black, blank pages and slivers pass through, not even copied."""
    assert evenly_lit(image) is image


def test_deep_shadow_is_evened_out() -> None:
    """Paper is as bright in the shadow as beside it, and print as dark."""
    dark = in_shadow(page(), 0.17)
    lit = evenly_lit(dark)
    assert lit.shape == dark.shape
    half = dark.shape[1] // 2
    left, right = lit[:, : half - 100], lit[:, half + 100 :]
    assert np.median(dark[:, half + 100 :]) < 60
    assert abs(float(np.median(left)) - float(np.median(right))) < 12
    assert right.min() < 60


@pytest.mark.parametrize(("contrast", "faint"), [(1.0, False), (0.2, False), (0.05, True), (0.03, True), (0.0, False)])
def test_faint_print_is_known(contrast: float, *, faint: bool) -> None:
    """Engines read print of 15 grey levels by themselves; a blank page has none to stretch."""
    assert is_faint(faded(page(), contrast)) is faint


def test_grain_on_a_blank_page_is_no_print() -> None:
    """Stretched, it would read as letters."""
    grain = np.random.default_rng(1).normal(240, 1.5, (1700, 1200, 1)).clip(0, 255).astype(np.uint8)
    assert not is_faint(np.repeat(grain, 3, axis=2))


def test_stretched_print_is_black_on_white() -> None:
    """All shades that there are, spread."""
    image = stretched(faded(page(), 0.05))
    assert image.min() < 30
    assert np.median(image) > 230
