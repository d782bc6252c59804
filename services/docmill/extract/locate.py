"""Where the pages show values that came without a place, as those of a language model do.

A value is looked for in any way of writing it. Where it stands several times, the place by one of its field's labels counts;
in a list, the place in the rows of its own item; without either, the first place of a text and the last of an amount.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from docmill.domain.pages import Box
from docmill.extract import Evidence
from docmill.extract.countries import names_of
from docmill.extract.fields import LeafField, leaf_at
from docmill.extract.generic import NO, YES
from docmill.extract.labels import find_labels, label_phrases
from docmill.extract.places import Place, Shown, nearest
from docmill.extract.tokens import rows_of

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Page

__all__ = ["Leaf", "leaves_of", "locate"]

_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:$|[T ])")
_MOST = 64  # places of one value that are weighed
_ASIDE = 0.25  # how much a step to the side counts beside one down: labels stand left of their values, or above


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar of some data."""

    path: tuple[str, ...]
    value: Any

    @property
    def pointer(self) -> str:
        """JSON pointer (RFC 6901)."""
        return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in self.path)

    @property
    def item(self) -> tuple[str, ...]:
        """Path of the innermost item of a list that it is in; empty for none."""
        ends = [end for end in range(len(self.path), 0, -1) if self.path[end - 1].isdecimal()]
        return self.path[: ends[0]] if ends else ()


def leaves_of(data: Any, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every scalar but null, in the order of the data."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from leaves_of(value, (*path, name))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from leaves_of(value, (*path, str(index)))
    elif data is not None:
        yield Leaf(path, data)


def locate(data: Any, schema: JsonObject, pages: Sequence[Page]) -> tuple[Evidence, ...]:
    """Evidence for each scalar of `data`, with confidence 1.0 and not yet `grounded`; page 0 for one that no page shows."""
    search = _Search(pages, schema)
    leaves = list(leaves_of(data))
    places = {leaf.path: search.places(leaf) for leaf in leaves}
    anchors = _anchors(leaves, places)
    return tuple(_evidence(leaf, search.best(leaf, places[leaf.path], anchors.get(leaf.item))) for leaf in leaves)


class _Search:
    """The pages, looked through once."""

    def __init__(self, pages: Sequence[Page], schema: JsonObject) -> None:
        self._shown = Shown(pages)
        self._rows = rows_of(pages)
        self._schema = schema
        self._labels: dict[tuple[str, ...], Sequence[Place]] = {}
        self._taken: set[tuple[tuple[str, ...], Place]] = set()

    def places(self, leaf: Leaf) -> Sequence[Place]:
        """Every place that shows the value, in reading order."""
        match leaf.value:
            case bool():
                return [place for word in sorted(YES if leaf.value else NO) for place in self._shown.words(word)]
            case int() | float():
                return self._number(Decimal(str(leaf.value)))
            case str():
                return self._text(leaf.value)
            case _:
                return ()

    def best(self, leaf: Leaf, places: Sequence[Place], anchor: Place | None) -> Place | None:
        """The one of `places` that is this field's."""
        if not places:
            return None
        if anchor is not None:
            return anchor if anchor in places else self._beside(leaf, places, anchor)
        few = places[:_MOST] if len(places) <= _MOST else [*places[: _MOST // 2], *places[-_MOST // 2 :]]
        labels = self._labels_of(leaf)
        if labels and len(few) > 1:
            near = [(min(_distance(label, place) for label in labels), place) for place in few]
            closest = min(near, key=lambda pair: pair[0])
            if closest[0] < float("inf"):
                return closest[1]
        number = isinstance(leaf.value, int | float) and not isinstance(leaf.value, bool)
        return few[-1] if number else few[0]  # totals stand below what they sum up

    def _beside(self, leaf: Leaf, places: Sequence[Place], anchor: Place) -> Place:
        """Nearest to what tells the item; a price and a sum that are equal take two places of one row, left to right."""
        first = nearest(places, anchor)
        level = [
            p for p in places if p.page == first.page and abs(p.box.center[1] - first.box.center[1]) < first.box.h / 2
        ]
        free = [place for place in level if (leaf.item, place) not in self._taken]
        chosen = nearest(free, anchor) if free else first
        self._taken.add((leaf.item, chosen))
        return chosen

    def _number(self, value: Decimal) -> Sequence[Place]:
        share = value * 100 if -1 < value < 1 else None
        return self._shown.find(value) or self._shown.rate(value) or (self._shown.rate(share) if share else [])

    def _text(self, text: str) -> Sequence[Place]:
        if day := _DAY.match(text):
            try:
                return self._shown.find(date.fromisoformat(day[1]))
            except ValueError:
                return []
        found = self._shown.words(text) or self._shown.time(text) or self._shown.currency(text)
        return found or [place for name in names_of(text) for place in self._shown.words(name)]

    def _labels_of(self, leaf: Leaf) -> Sequence[Place]:
        """Places of the words that may label the field, by its meaning or its name."""
        if leaf.path not in self._labels:
            field = leaf_at(self._schema, leaf.path) or LeafField(leaf.path, {}, "")
            known = {phrase: meanings for phrase, meanings in label_phrases().items() if field.meaning in meanings}
            own = {phrase: frozenset({"own"}) for phrase in field.phrases if len(phrase) > 1}
            found = find_labels(self._rows, {**known, **own})
            self._labels[leaf.path] = [Place(each.span.row.page, each.span.source, ()) for each in found]
        return self._labels[leaf.path]


def _anchors(
    leaves: Sequence[Leaf], places: Mapping[tuple[str, ...], Sequence[Place]]
) -> Mapping[tuple[str, ...], Place]:
    """For each item of a list the place that tells it from the others: of the value that stands least often.

    Items come in the order of the page, so an item whose value stands several times takes the first that is left.
    """
    values: dict[tuple[str, ...], list[Sequence[Place]]] = {}
    for leaf in leaves:
        if leaf.item and places[leaf.path]:
            values.setdefault(leaf.item, []).append(places[leaf.path])
    anchors: dict[tuple[str, ...], Place] = {}
    taken: set[tuple[tuple[str, ...], Place]] = set()
    for item, candidates in values.items():
        rarest = min(candidates, key=lambda each: (len(each), -len("".join(each[0].words))))
        siblings = item[:-1]
        anchor = next((place for place in rarest if (siblings, place) not in taken), rarest[0])
        taken.add((siblings, anchor))
        anchors[item] = anchor
    return anchors


def _distance(label: Place, place: Place) -> float:
    """From a label to a value right of it or below it, in the pages' unit; infinite on another page, or before the label."""
    if label.page != place.page or place.box.bottom < label.box.y or label.box == place.box:
        return float("inf")
    down = abs(place.box.center[1] - label.box.center[1])
    aside = max(0.0, place.box.x - label.box.right, label.box.x - place.box.x)
    before = place.box.right <= label.box.x + label.box.w / 2 and down < label.box.h
    return float("inf") if before else down + _ASIDE * aside


def _evidence(leaf: Leaf, place: Place | None) -> Evidence:
    nowhere = Evidence(path=leaf.pointer, page=0, box=Box(0.0, 0.0, 0.0, 0.0), words=(), confidence=1.0, grounded=False)
    if place is None:
        return nowhere
    box = Box(round(place.box.x, 2), round(place.box.y, 2), round(place.box.w, 2), round(place.box.h, 2))
    return replace(nowhere, page=place.page, box=box, words=place.words)
