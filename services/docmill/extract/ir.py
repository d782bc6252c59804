"""DocumentIR: the documented JSON form of read pages, the output of a flow that ends with reading."""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.pages import Box, Line, Page

__all__ = ["document_ir", "heading_level", "page_markdown", "runs_on"]

_HEADING = 1.35  # heights of the page's usual line
_TITLE = 1.8
_LONGEST_HEADING = 120  # characters
_PARAGRAPH_GAP = 0.9
_BLOCK_MARK = re.compile(r"^(\s*)(?:([#>+*=-])|(\d{1,9})([.)])(?=\s|$))")


def document_ir(pages: Sequence[Page]) -> dict[str, Any]:
    """`{pages: [{pageNumber, width, height, lines, markdown}]}`, coordinates to a hundredth of the page's unit."""
    return {"pages": [_page(page) for page in pages]}


def _page(page: Page) -> dict[str, Any]:
    return {
        "pageNumber": page.number,
        "width": _round(page.width),
        "height": _round(page.height),
        "lines": [_line(line) for line in page.lines],
        "markdown": page_markdown(page),
    }


def _line(line: Line) -> dict[str, Any]:
    words = [
        {"text": word.text, "bbox": _bbox(word.box), "confidence": round(word.confidence, 4)} for word in line.words
    ]
    return {"text": line.text, "bbox": _bbox(line.box), "words": words}


def _bbox(box: Box) -> dict[str, float]:
    return {"x": _round(box.x), "y": _round(box.y), "w": _round(box.w), "h": _round(box.h)}


def _round(number: float) -> float:
    rounded = round(number, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def page_markdown(page: Page) -> str:
    """Lines as paragraphs; clearly taller ones as headings. No lists, tables or emphasis are made up."""
    if not page.lines:
        return ""
    usual = median(line.box.h for line in page.lines for _ in line.words) or 1.0
    parts: list[str] = []
    before: Line | None = None
    for line in page.lines:
        text = _escaped(line.text)
        level = heading_level(line, usual) if len(text) <= _LONGEST_HEADING else 0
        if level:
            parts.append(f"\n\n{'#' * level} {text}\n\n")
        else:
            parts.append(("\n" if runs_on(before, line, usual) else "\n\n") + text)
        before = line
    return re.sub(r"\n{3,}", "\n\n", "".join(parts)).strip()


def heading_level(line: Line, usual: float) -> int:
    """1 or 2 for a heading on a page whose lines are `usual` high; 0 for other lines."""
    if len(line.text) > _LONGEST_HEADING:
        return 0
    height = median(word.box.h for word in line.words)
    return 1 if height >= _TITLE * usual else 2 if height >= _HEADING * usual else 0


def runs_on(before: Line | None, line: Line, usual: float) -> bool:
    """Whether a line stands close under the one before it (or beside it)."""
    return before is not None and abs(line.box.y - before.box.bottom) < _PARAGRAPH_GAP * usual


def _escaped(text: str) -> str:
    """Text that Markdown would take for structure (CommonMark 2.4) stays text."""
    text = text.replace("\\", "\\\\").replace("<", "\\<").replace("*", "\\*").replace("`", "\\`")
    mark = _BLOCK_MARK.match(text)
    if mark is None:
        return text
    at = mark.end(3) if mark[3] else mark.start(2)
    return f"{text[:at]}\\{text[at:]}"
