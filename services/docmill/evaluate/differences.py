"""Two values side by side as HTML, with the characters marked that the one has and the other has not."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from html import escape
from typing import Any

__all__ = ["shown"]

_LONGEST = 2000  # characters: beyond them the comparison, whose time grows with the square, helps nobody
_ALIKE = 0.5  # below this likeness nearly everything would be marked


def shown(labelled: Any, found: Any) -> tuple[str, str]:
    """Both values for a cell of a table. Nothing is marked where one is missing, or where they have little in common.

    What the score does not see is not marked either: the case of letters, and the signs between words of a text.
    """
    if labelled is None or found is None:
        return _plain(labelled), _plain(found)
    ours, theirs = _text(labelled), _text(found)
    if max(len(ours), len(theirs)) > _LONGEST:
        return _escaped(ours), _escaped(theirs)
    matcher = SequenceMatcher(None, _upper(ours), _upper(theirs), autojunk=False)
    signs = not (isinstance(labelled, str) and isinstance(found, str))  # the point of a number counts
    if matcher.ratio() < _ALIKE:
        return _escaped(ours), _escaped(theirs)
    left, right = "", ""
    for what, start, end, begin, stop in matcher.get_opcodes():
        left += _marked(ours[start:end], differs=what != "equal", signs=signs)
        right += _marked(theirs[begin:stop], differs=what != "equal", signs=signs)
    return left, right


def _plain(value: Any) -> str:
    return '<span class="soft">nothing</span>' if value is None else _escaped(_text(value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _upper(text: str) -> str:
    """As long as `text`."""
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in text)


def _marked(text: str, *, differs: bool, signs: bool) -> str:
    counts = bool(text) and (signs or any(letter.isalnum() for letter in text))
    return f"<mark>{_escaped(text)}</mark>" if differs and counts else _escaped(text)


def _escaped(text: str) -> str:
    return escape(text).replace("\n", "<br>")
