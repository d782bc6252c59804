"""The picture of a comparison: word F1 against processor seconds a page, as SVG by hand (a plot library for one plot?)."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.ocr.reading import Row

__all__ = ["svg"]

_WIDTH, _HEIGHT = 760, 430
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 190, 44, 52  # margins; the legend stands on the right
_COLOURS = {"paddle": "#0072b2", "rapidocr": "#d55e00", "tesseract": "#009e73", "easyocr": "#cc79a7"}  # Okabe and Ito
_OTHER = "#555555"
_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def svg(rows: Sequence[Row]) -> str:
    """Colours are engines, shapes are sets. Up and to the left is better; the time axis is logarithmic."""
    sets = list(dict.fromkeys(row.set_name for row in rows))
    engines = list(dict.fromkeys(row.engine for row in rows))
    scale = _Scale(rows)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#222">'
    )
    parts = [
        head,
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 24, "Word F1 against processor seconds a page: up and left is better", weight="bold", size=14),
        *scale.grid(),
    ]
    parts += [
        f"<g><title>{escape(f'{row.engine}, {row.set_name}: F1 {row.score.words.f1:.3f}, {row.cpu:.2f} s')}</title>"
        f"{_mark(sets.index(row.set_name), scale.x(row.cpu), scale.y(row.score.words.f1), _colour(row.engine))}</g>"
        for row in rows
    ]
    parts += _legend(engines, sets)
    return "\n".join([*parts, "</svg>\n"])


class _Scale:
    """From seconds and F1 to places on the picture."""

    def __init__(self, rows: Sequence[Row]) -> None:
        times = [row.cpu for row in rows]
        self.first = max(tick for tick in _TICKS if tick <= max(_TICKS[0], min(times)))
        self.last = min(tick for tick in _TICKS if tick >= min(_TICKS[-1], max(times)))
        self.lowest = math.floor(min(row.score.words.f1 for row in rows) * 10 - 0.001) / 10

    def x(self, seconds: float) -> float:
        share = math.log(seconds / self.first) / math.log(self.last / self.first)
        return _LEFT + min(1.0, max(0.0, share)) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, f1: float) -> float:
        return _HEIGHT - _BOTTOM - (f1 - self.lowest) / (1 - self.lowest) * (_HEIGHT - _TOP - _BOTTOM)

    def grid(self) -> list[str]:
        """Lines, figures and names of both axes."""
        floor, parts = _HEIGHT - _BOTTOM, []
        for tick in (tick for tick in _TICKS if self.first <= tick <= self.last):
            x = self.x(tick)
            parts += [_line(x, _TOP, x, floor), _text(x, floor + 18, f"{tick:g}", anchor="middle")]
        for tenth in range(round(self.lowest * 10), 11):
            y = self.y(tenth / 10)
            parts += [_line(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 8, y + 4, f"{tenth / 10:.1f}", anchor="end")]
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(_text(middle, _HEIGHT - 12, "processor seconds a page (logarithmic)", anchor="middle"))
        parts.append(
            f'<g transform="rotate(-90 18 {_HEIGHT / 2})">{_text(18, _HEIGHT / 2, "word F1", anchor="middle")}</g>'
        )
        return parts


def _legend(engines: Sequence[str], sets: Sequence[str]) -> list[str]:
    parts, x, y = [], _WIDTH - _RIGHT + 28, _TOP + 12
    for engine in engines:
        parts += [_mark(0, x, y - 4, _colour(engine)), _text(x + 14, y, engine)]
        y += 22
    for index, name in enumerate(sets):
        y += 22
        parts += [_mark(index, x, y - 4, _OTHER), _text(x + 14, y, name)]
    return parts


def _mark(shape: int, x: float, y: float, colour: str) -> str:
    """Circle, square, triangle, diamond, cross; then from the beginning."""
    style = f'fill="{colour}" fill-opacity="0.8" stroke="{colour}"'
    match shape % 5:
        case 0:
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" {style}/>'
        case 1:
            return f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" {style}/>'
        case 2:
            return _path(x, y, [(0, -6.5), (6, 5), (-6, 5)], style)
        case 3:
            return _path(x, y, [(0, -7), (6, 0), (0, 7), (-6, 0)], style)
        case _:
            cross = [
                (-2, -6),
                (2, -6),
                (2, -2),
                (6, -2),
                (6, 2),
                (2, 2),
                (2, 6),
                (-2, 6),
                (-2, 2),
                (-6, 2),
                (-6, -2),
                (-2, -2),
            ]
            return _path(x, y, cross, style)


def _path(x: float, y: float, corners: Sequence[tuple[float, float]], style: str) -> str:
    points = " ".join(f"{x + across:.1f},{y + down:.1f}" for across, down in corners)
    return f'<polygon points="{points}" {style}/>'


def _line(x0: float, y0: float, x1: float, y1: float) -> str:
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", size: int = 12) -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _colour(engine: str) -> str:
    return _COLOURS.get(engine, _OTHER)
