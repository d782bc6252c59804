"""Blocks: cells that stand right under each other, such as an address or a letterhead."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from docmill.domain.pages import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from docmill.extract.tokens import Row, Span

__all__ = ["Block", "blocks_of"]

_LEADING = 1.1  # heights between the lines of one block


@dataclass(frozen=True, eq=False)
class Block:
    """Cells of one column of text, top to bottom."""

    cells: Sequence[Span]

    @cached_property
    def box(self) -> Box:
        """Around all cells."""
        return Box.around([cell.box for cell in self.cells])

    @property
    def page(self) -> int:
        """1-based."""
        return self.cells[0].row.page


def blocks_of(rows: Iterable[Row], cells_of: Callable[[Row], Sequence[Span]] = lambda row: row.cells) -> list[Block]:
    """The blocks of the rows, by their first cell. `cells_of` may join cells that gaps only seem to part."""
    blocks: list[list[Span]] = []
    open_blocks: list[list[Span]] = []
    for row in rows:
        still_open: list[list[Span]] = []
        for cell in cells_of(row):
            home = next((block for block in open_blocks if _continues(block[-1], cell)), None)
            if home is None:
                home = []
                blocks.append(home)
            home.append(cell)
            if not any(block is home for block in still_open):
                still_open.append(home)
        still_open.extend(
            block for block in open_blocks if not any(b is block for b in still_open) and _near(block[-1], row)
        )
        open_blocks = still_open
    return [Block(tuple(block)) for block in blocks]


def _near(cell: Span, row: Row) -> bool:
    """Whether a later row may still continue a block that ends in `cell`."""
    return cell.row.page == row.page and row.box.y - cell.box.bottom < _LEADING * cell.row.height


def _continues(above: Span, cell: Span) -> bool:
    """Right under it, about as high, and aligned left, right or centred."""
    if above.row.page != cell.row.page or above.row is cell.row:
        return False
    height = max(above.row.height, cell.row.height)
    gap = cell.box.y - above.box.bottom
    if not -0.6 * height <= gap <= _LEADING * height or _height(above) > 1.6 * _height(cell):
        return False
    edges = (
        abs(above.box.x - cell.box.x),
        abs(above.box.right - cell.box.right),
        abs(above.box.center[0] - cell.box.center[0]),
    )
    return min(edges) < 1.2 * height


def _height(cell: Span) -> float:
    return max(token.box.h for token in cell.tokens) or 1.0
