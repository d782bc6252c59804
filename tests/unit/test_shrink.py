"""Small pictures keep the shades and the proportions of the large ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from docmill.ocr.shrink import shrunk


@given(height=st.integers(1, 700), width=st.integers(1, 700), side=st.integers(1, 300))
def test_a_picture_fits_and_keeps_its_proportions(height: int, width: int, side: int) -> None:
    """Any size, also slivers; a small picture is not touched."""
    grey = np.full((height, width), 77, np.uint8)
    small = shrunk(grey, side)
    if max(height, width) <= side:
        assert small is grey
        return
    assert max(small.shape) == side
    assert abs(small.shape[0] * width - small.shape[1] * height) <= max(height, width)
    assert (small == 77).all()


@given(side=st.integers(20, 180))
def test_shades_stay_where_they_are(side: int) -> None:
    """A dark quarter is a dark quarter at every size."""
    grey = np.full((400, 300), 250, np.uint8)
    grey[:200, :150] = 10
    small = shrunk(grey, side)
    rows, columns = small.shape[0] // 2, small.shape[1] // 2
    assert small[: rows - 2, : columns - 2].max() == 10
    assert small[rows + 2 :].min() == 250
    assert small[:, columns + 2 :].min() == 250


def test_noise_is_averaged_away() -> None:
    """Grain must not pass for ink."""
    grain = np.random.default_rng(1).integers(0, 256, (1000, 700)).astype(np.uint8)
    assert shrunk(grain, 250).std() < 0.35 * grain.std()
