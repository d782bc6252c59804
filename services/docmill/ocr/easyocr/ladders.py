"""Sizes that a network is given: few, so that pages and lines meet equals, and close, so that little is padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

__all__ = ["canvas_of", "in_halves", "pages_that_fit", "strip_width", "together"]

Item = TypeVar("Item")
Rung = TypeVar("Rung")
Result = TypeVar("Result")

_CHANNELS = 64  # of CRAFT's first maps, which are as large as the page and its largest by far
_MAPS = 2.5  # of them at once: a convolution's input and output, and half as much for all the rest


def canvas_of(height: int, width: int, step: int) -> tuple[int, int]:
    """Height and width of the canvas for a page: the next multiples of `step`, whatever else is read with it."""
    return -(-height // step) * step, -(-width // step) * step


def strip_width(width: int) -> int:
    """The width that a line of `width` pixels, 64 high, is padded to: at most a fifth more than 320 needs, or 63 pixels.

    Up to 640 these are EasyOCR's own steps for a line that is read alone.
    """
    step = 64
    while width > 10 * step:
        step *= 2
    return max(64, -(-width // step) * step)


def together(items: Iterable[Item], rung: Callable[[Item], Rung]) -> dict[Rung, list[Item]]:
    """Items by their rung, in order."""
    groups: dict[Rung, list[Item]] = {}
    for item in items:
        groups.setdefault(rung(item), []).append(item)
    return groups


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """`items`, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def pages_that_fit(canvas: tuple[int, int], value_bytes: int, free: int) -> int:
    """How many pages of one canvas CRAFT can take at once in `free` bytes; at least 1, which must be tried."""
    height, width = canvas
    return max(1, int(free / (height * width * _CHANNELS * value_bytes * _MAPS)))


def in_halves(
    read: Callable[[Sequence[Item]], list[Result]],
    items: Sequence[Item],
    *,
    too_much: type[BaseException],
    relieve: Callable[[int], None],
) -> list[Result]:
    """`read(items)`, by halves where it is `too_much` at once.

    `relieve` is called with the number of items that were too many, once nothing holds on to the failed attempt.
    One item that is too much raises what it raised.
    """
    try:
        return read(items)
    except too_much:
        if len(items) < 2:
            raise
    # Here the error is gone, and with its traceback the memory that the attempt had taken.
    relieve(len(items))
    middle = len(items) // 2
    first = in_halves(read, items[:middle], too_much=too_much, relieve=relieve)
    return first + in_halves(read, items[middle:], too_much=too_much, relieve=relieve)
