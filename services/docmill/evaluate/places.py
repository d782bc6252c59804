"""Where values stand: overlap of boxes, and finding a labelled value among the labelled words of its document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docmill.domain.pages import Box
from docmill.evaluate.values import Kind, letters, normal, parse_number

__all__ = ["LabelledWord", "Place", "best_overlap", "locate", "overlap", "split_lines"]

_NUMBER_WORDS = 3
"""A number is printed in at most so many words: `1 234 567,00`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A box on a page."""

    page: int
    """From 1."""
    box: Box


@dataclass(frozen=True, slots=True)
class LabelledWord:
    """A word of the ground truth."""

    text: str
    place: Place


def overlap(one: Place, other: Place) -> float:
    """Intersection over union, 0 to 1; 0 on different pages and for boxes without an area."""
    if one.page != other.page:
        return 0.0
    a, b = one.box, other.box
    w, h = min(a.right, b.right) - max(a.x, b.x), min(a.bottom, b.bottom) - max(a.y, b.y)
    shared = max(0.0, w) * max(0.0, h)
    union = a.w * a.h + b.w * b.h - shared
    return shared / union if union > 0 else 0.0


def best_overlap(found: Sequence[Place], labelled: Sequence[Place]) -> float | None:
    """The best overlap of any two; None where one side has no place."""
    return max((overlap(one, other) for one in found for other in labelled), default=None)


def split_lines(words: Sequence[LabelledWord]) -> list[LabelledWord]:
    """Lines as words: a line's box is divided among its words in proportion to characters."""
    parts: list[LabelledWord] = []
    for word in words:
        box, at = word.place.box, 0
        for part in word.text.split(" "):
            if part:
                left, width = box.x + box.w * at / len(word.text), box.w * len(part) / len(word.text)
                parts.append(LabelledWord(part, Place(word.place.page, Box(left, box.y, width, box.h))))
            at += len(part) + 1
    return parts


def locate(words: Sequence[LabelledWord], kind: Kind, labels: Sequence[Any]) -> list[Place]:
    """Every place where one of the labelled values is printed as it is labelled, in words that follow each other."""
    places = []
    for label in labels:
        found = _numbers(words, label) if kind is Kind.NUMBER else _texts(words, letters(str(label)))
        places += [_around(span) for span in found]
    return list(dict.fromkeys(places))


def _numbers(words: Sequence[LabelledWord], label: Any) -> Iterator[Sequence[LabelledWord]]:
    """The shortest spans that say the number."""
    if parse_number(label) is None:
        return
    wanted = normal(Kind.NUMBER, label)
    for size in range(1, _NUMBER_WORDS + 1):
        spans = [words[start : start + size] for start in range(len(words) - size + 1)]
        found = [span for span in spans if _says(span, wanted)]
        if found:
            yield from found
            return


def _says(span: Sequence[LabelledWord], wanted: str) -> bool:
    if not all(any(char.isdigit() for char in word.text) for word in span) or not _on_one_page(span):
        return False
    return normal(Kind.NUMBER, " ".join(word.text for word in span)) == wanted


def _texts(words: Sequence[LabelledWord], wanted: str) -> Iterator[Sequence[LabelledWord]]:
    if not wanted:
        return
    plain = [letters(word.text) for word in words]
    for start in range(len(words)):
        left, end = wanted, start
        while end < len(words) and left and left.startswith(plain[end]) and (plain[end] or end > start):
            left = left[len(plain[end]) :]
            end += 1
        if not left and _on_one_page(words[start:end]):
            yield words[start:end]


def _on_one_page(span: Sequence[LabelledWord]) -> bool:
    return len({word.place.page for word in span}) == 1


def _around(span: Sequence[LabelledWord]) -> Place:
    return Place(span[0].place.page, Box.around([word.place.box for word in span]))
