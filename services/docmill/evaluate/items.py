"""Line items: matched greedily by description and amount, right if quantity, unit price and amount are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docmill.evaluate.fields import COLUMNS, column_names
from docmill.evaluate.values import Kind, is_nothing, letters, same

__all__ = ["ItemScore", "ItemsScore", "score_items", "similarity"]

_NUMBERS = COLUMNS[1:]
_ENOUGH = 0.4
"""Similarity from which two items without a common amount may be meant to be the same."""


@dataclass(frozen=True, slots=True)
class ItemScore:
    """A labelled item, the one that was found for it, or one without the other; by column."""

    labelled: Mapping[str, Any] | None
    found: Mapping[str, Any] | None
    right: bool


@dataclass(frozen=True, slots=True)
class ItemsScore:
    """The items of a document."""

    items: tuple[ItemScore, ...]

    @property
    def right(self) -> int:
        """Labelled items that were found and are right."""
        return sum(item.right for item in self.items)

    @property
    def labelled(self) -> int:
        """How many there are."""
        return sum(item.labelled is not None for item in self.items)

    @property
    def found(self) -> int:
        """How many were returned."""
        return sum(item.found is not None for item in self.items)


def score_items(found: Sequence[Any], labelled: Sequence[Mapping[str, Any]]) -> ItemsScore:
    """Compare the items of an output with the labelled ones. Labelled items without any number are notes, no items."""
    wanted = [item for item in (_columns(raw, 1) for raw in labelled) if any(name in item for name in _NUMBERS)]
    returned = [_columns(raw, 0) for raw in found if isinstance(raw, Mapping)]
    pairs = sorted(
        ((_likeness(one, other), w, f) for w, one in enumerate(wanted) for f, other in enumerate(returned)),
        key=lambda pair: (-pair[0], abs(pair[1] - pair[2]), pair[1]),
    )
    matched: dict[int, int] = {}
    for likeness, w, f in pairs:
        if likeness >= _ENOUGH and w not in matched and f not in matched.values():
            matched[w] = f
    scores = [
        ItemScore(item, returned[matched[w]], _is_right(returned[matched[w]], item))
        if w in matched
        else ItemScore(item, None, right=False)
        for w, item in enumerate(wanted)
    ]
    alone = [ItemScore(None, item, right=False) for f, item in enumerate(returned) if f not in matched.values()]
    return ItemsScore((*scores, *alone))


def similarity(one: str, other: str) -> float:
    """Dice coefficient of the pairs of neighbouring letters and digits, 0 to 1."""
    a, b = _pairs(one), _pairs(other)
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0


def _pairs(text: str) -> Counter[str]:
    plain = f" {letters(text)} "
    return Counter(plain[at : at + 2] for at in range(len(plain) - 1)) if plain.strip() else Counter()


def _columns(raw: Mapping[str, Any], side: int) -> dict[str, Any]:
    """An item by column, whatever its names are; `side` 0 for outputs, 1 for labels."""
    item = {}
    for column in COLUMNS:
        value = next((raw[name] for name in column_names(column)[side] if not is_nothing(raw.get(name))), None)
        if value is not None:
            item[column] = value
    return item


def _likeness(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    """How much two items are alike: by description, and by the amount where it is equal, or else the price."""
    like = similarity(str(wanted.get("description", "")), str(found.get("description", "")))
    for column, weight in (("amount", 1.0), ("unit price", 0.5)):
        if column in wanted and column in found and same(Kind.NUMBER, found[column], wanted[column]):
            return like + weight
    return like


def _is_right(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(
        column in found and same(Kind.NUMBER, found[column], wanted[column]) for column in _NUMBERS if column in wanted
    )
