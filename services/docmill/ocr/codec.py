"""A page's text as bytes: what a PAGE job stores and a DOCUMENT job reads.

Compact JSON: `{"v": 1, "n": number, "s": [width, height], "u": unit, "r": rotation, "e": engine,
"l": [[[text, x, y, w, h, confidence], ...], ...], "q": quality}`; "q" may be absent.
"""

from __future__ import annotations

from typing import Any

import orjson

from docmill.domain import quality
from docmill.domain.pages import Box, Line, Page, Unit, Word

_VERSION = 1


def page_to_json(page: Page) -> bytes:
    """The bytes of `page`; numbers keep their full precision."""
    value: dict[str, Any] = {
        "v": _VERSION,
        "n": page.number,
        "s": [page.width, page.height],
        "u": page.unit,
        "r": page.rotation,
        "e": page.engine,
        "l": [[_word_to_json(word) for word in line.words] for line in page.lines],
    }
    if page.quality is not None:
        value["q"] = quality.to_json(page.quality)
    return orjson.dumps(value)


def page_from_json(data: bytes) -> Page:
    """The page that `page_to_json` wrote. Raises `ValueError` for anything else."""
    try:
        value = orjson.loads(data)
        if value["v"] != _VERSION:
            raise ValueError(f"unknown page format {value['v']!r}")
        width, height = value["s"]
        return Page(
            number=value["n"],
            width=width,
            height=height,
            unit=Unit(value["u"]),
            rotation=value["r"],
            engine=value["e"],
            lines=tuple(Line(tuple(_word_from_json(word) for word in line)) for line in value["l"]),
            quality=quality.from_json(value["q"]) if "q" in value else None,
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not the text of a page") from error


def summary(page: Page) -> dict[str, Any]:
    """What is said of a page beside its text: `engine`, `confidence`, `words` (how many) and `quality`, if measured."""
    measured = None if page.quality is None else quality.to_json(page.quality)
    return {"engine": page.engine, "confidence": page.confidence, "words": len(page.words), "quality": measured}


def _word_to_json(word: Word) -> list[Any]:
    box = word.box
    return [word.text, box.x, box.y, box.w, box.h, word.confidence]


def _word_from_json(value: list[Any]) -> Word:
    text, x, y, w, h, confidence = value
    return Word(text, Box(x, y, w, h), confidence)
