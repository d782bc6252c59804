"""Turns words upright. Boxes are in the image as stored, and a phone stores photos lying on their side.

The words of a line say which way is right: their order runs right on an upright page, down on one that was turned
clockwise, left upside down, up when turned the other way.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from docmill.domain.pages import Box, Page

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["quarter_turns", "turned"]

_ENOUGH = 0.7  # share of the steps from word to word that must agree


def quarter_turns(page: Page) -> int:
    """Quarter turns counter-clockwise that put the page upright: 0 to 3."""
    steps: Counter[int] = Counter()
    for line in page.lines:
        for one, other in zip(line.words, line.words[1:], strict=False):
            dx = other.box.center[0] - one.box.center[0]
            dy = other.box.center[1] - one.box.center[1]
            steps[(0 if dx > 0 else 2) if abs(dx) >= abs(dy) else (1 if dy > 0 else 3)] += 1
    if not steps:
        return 0
    turns, count = steps.most_common(1)[0]
    return turns if count >= _ENOUGH * sum(steps.values()) else 0


def turned(page: Page, turns: int) -> Callable[[Box], Box]:
    """The map from stored boxes to upright ones."""
    match turns:
        case 1:
            return lambda box: Box(box.y, page.width - box.right, box.h, box.w)
        case 2:
            return lambda box: Box(page.width - box.right, page.height - box.bottom, box.w, box.h)
        case 3:
            return lambda box: Box(page.height - box.bottom, box.x, box.h, box.w)
        case _:
            return lambda box: box
