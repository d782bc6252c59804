"""Headers on several rows: words that stand over each other in one column are one name (`Unit` over `price`).

On a page that is askew, the far ends of one line may have become rows of their own: they are one header too.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from docmill.extract.labels import Label, Phrases, find_labels
from docmill.extract.tokens import Row, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docmill.extract.candidates import Sheet

__all__ = ["header_blocks", "stacked_labels"]

_MAX_LINES = 3
_CLOSE = 0.9  # heights between two lines of one header
_SHARED = 0.5  # share of the narrower cell that another must stand over
_ASKEW = 0.2  # share of the height that the ends of one line still have in common
_OTHER_WORDS = 2  # in a column's name, besides the known ones


def header_blocks(sheet: Sheet) -> Iterator[Sequence[Row]]:
    """Two or three rows close together, in cells and without digits: what may be one header."""
    plain = [row for row in sheet.rows if not any(character.isdigit() for character in row.text)]
    for start in range(len(plain)):
        for count in range(2, _MAX_LINES + 1):
            block = plain[start : start + count]
            if len(block) == count and all(_close(*pair) for pair in pairwise(block)):
                if any(len(row.cells) > 1 for row in block):
                    yield block
            else:
                break


def stacked_labels(block: Sequence[Row], phrases: Phrases) -> list[Label]:
    """The columns that a block names; none where its rows stand for themselves.

    They do unless a name goes over two of them, or they are parts of one line.
    """
    labels: list[Label] = []
    joined = all(_one_line(*pair) for pair in pairwise(block))
    for stack in _stacks(block):
        across = [label for label in _named(stack, phrases) if _goes_over_rows(label, stack)]
        joined = joined or bool(across)
        alone = (named for cell in stack if (named := _named([cell], phrases)))
        labels += _named(stack, phrases) if across else next(alone, [])
    return labels if joined else []


def _close(above: Row, below: Row) -> bool:
    neighbours = above.page == below.page and below.index == above.index + 1
    return neighbours and below.box.y - above.box.bottom < _CLOSE * min(above.height, below.height)


def _one_line(one: Row, other: Row) -> bool:
    """Whether one begins where the other ends, a little higher or lower."""
    left, right = sorted((one, other), key=lambda row: row.box.x)
    end, start = left.tokens[-1].box, right.tokens[0].box
    shared = min(end.bottom, start.bottom) - max(end.y, start.y)
    return left.box.right < right.box.x and shared >= _ASKEW * min(end.h, start.h)


def _stacks(block: Sequence[Row]) -> list[list[Span]]:
    """The cells by column, top to bottom. Cells that one over or under them would connect stay apart."""
    stacks: list[list[Span]] = []
    for cell in (cell for row in block for cell in row.cells):
        over = [stack for stack in stacks if any(_over(each, cell) for each in stack)]
        stacks = [stack for stack in stacks if stack not in over]
        stacks.append([*(each for stack in over for each in stack), cell])
    return [part for stack in stacks for part in ([stack] if _one_a_row(stack) else [[cell] for cell in stack])]


def _over(one: Span, other: Span) -> bool:
    shared = min(one.box.right, other.box.right) - max(one.box.x, other.box.x)
    return one.row is not other.row and shared >= _SHARED * min(one.box.w, other.box.w)


def _one_a_row(stack: Sequence[Span]) -> bool:
    return len({cell.row.index for cell in stack}) == len(stack)


def _named(stack: Sequence[Span], phrases: Phrases) -> list[Label]:
    """The labels that the cells have, read one after the other; none if they say much else."""
    first = stack[0].row
    row = Row(first.page, first.index, tuple(token for cell in stack for token in cell.tokens))
    labels = find_labels([row], phrases)
    known = {index for label in labels for index in range(label.span.first, label.span.end)}
    return labels if len(row.tokens) - len(known) <= _OTHER_WORDS else []


def _goes_over_rows(label: Label, stack: Sequence[Span]) -> bool:
    end = 0
    for cell in stack[:-1]:
        end += len(cell.tokens)
        if label.span.first < end < label.span.end:
            return True
    return False
