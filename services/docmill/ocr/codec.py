"""A page's text as bytes: what a PAGE job stores and a DOCUMENT job reads.

Compact JSON: `{"v": 1, "n": number, "s": [width, height], "u": unit, "r": rotation, "e": engine,
"l": [[[text, x, y, w, h, confidence], ...], ...]}`.
"""

from __future__ import annotations

from typing import Any

import orjson

from docmill.domain.pages import Box, Line, Page, Unit, Word

_VERSION = 1


def page_to_json(page: Page) -> bytes:
    """The bytes of `page`; numbers keep their full precision."""
    return orjson.dumps(
        {
            "v": _VERSION,
            "n": page.number,
            "s": [page.width, page.height],
            "u": page.unit,
            "r": page.rotation,
            "e": page.engine,
            "l": [[_word_to_json(word) for word in line.words] for line in page.lines],
        }
    )


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
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not the text of a page") from error


def _word_to_json(word: Word) -> list[Any]:
    box = word.box
    return [word.text, box.x, box.y, box.w, box.h, word.confidence]


def _word_from_json(value: list[Any]) -> Word:
    text, x, y, w, h, confidence = value
    return Word(text, Box(x, y, w, h), confidence)
