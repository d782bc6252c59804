"""One document: what its flow returned beside what is labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from docmill.evaluate.dataset import Labelled
from docmill.evaluate.fields import Field, Fields, leaf
from docmill.evaluate.items import ItemsScore, score_items
from docmill.evaluate.places import Place, best_overlap, locate
from docmill.evaluate.values import is_nothing, same

__all__ = ["DocumentScore", "FieldScore", "Outcome", "Produced", "Proof", "Times", "score"]


@dataclass(frozen=True, slots=True)
class Proof:
    """Where a value of an output was read, and how sure its reader is of it."""

    place: Place
    confidence: float
    """0 to 1."""
    grounded: bool = True
    """Whether a page shows the value there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What a document took, in milliseconds."""

    run: float
    """From its acceptance to its end: with its waiting."""
    reading: float
    """Inside reading engines, summed over pages."""
    extraction: float | None = None
    """In the flow's extract steps; None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """What came out of a run."""

    output: Any = None
    proofs: Mapping[str, Sequence[Proof]] = field(default_factory=dict)
    """By JSON pointer into the output."""
    error: str = ""
    """Why there is no output."""
    times: Times | None = None


class Outcome(StrEnum):
    """What became of a labelled value."""

    RIGHT = "right"
    WRONG = "wrong"
    """Another value was returned: a miss and a false alarm."""
    MISSING = "missing"
    """Nothing was returned."""
    INVENTED = "invented"
    """Something was returned where the document is known to have nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldScore:
    """One value."""

    name: str
    """Path in the output."""
    label: str
    labelled: Any
    found: Any
    outcome: Outcome
    confidence: float | None
    found_at: tuple[Place, ...]
    labelled_at: tuple[Place, ...]
    overlap: float | None
    """Of the two places (IoU); None where one is not known."""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "label": self.label,
            "outcome": self.outcome.value,
            "labelled": self.labelled,
            "found": self.found,
            "confidence": self.confidence,
            "iou": self.overlap,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentScore:
    """One document."""

    document: Labelled
    error: str
    fields: tuple[FieldScore, ...]
    items: ItemsScore | None
    """None where no items are labelled, or the flow has none."""
    unscored: frozenset[str]
    """Labels that the flow has no field for."""
    times: Times | None
    values: int = 0
    """Values that came with evidence, labelled or not."""
    grounded: int = 0
    """Those that a page shows."""

    @property
    def is_exact(self) -> bool | None:
        """Everything is right; None where nothing was compared."""
        if not self.fields and self.items is None:
            return None
        items = self.items is None or all(item.right for item in self.items.items)
        return items and all(one.outcome is Outcome.RIGHT for one in self.fields)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        items, times = self.items, self.times
        return {
            "id": self.document.id,
            "set": self.document.set,
            "path": str(self.document.path),
            "error": self.error or None,
            "exact": self.is_exact,
            "fields": [one.to_json() for one in self.fields],
            "lineItems": items and {"labelled": items.labelled, "found": items.found, "right": items.right},
            "timeMs": times and {"run": times.run, "reading": times.reading, "extraction": times.extraction},
        }


def score(document: Labelled, fields: Fields, produced: Produced, *, visible_only: bool = False) -> DocumentScore:
    """Compare what a run produced with the labels; those the page does not show are left out with `visible_only`."""
    hidden: frozenset[str] = frozenset()
    if visible_only and document.visible is not None:
        hidden = document.labels() - document.visible - {label for table in fields.tables for label in table.labels}
    scores = [_field(document, one, produced, hidden) for one in fields.fields]
    proofs = [proof for of_value in produced.proofs.values() for proof in of_value]
    return DocumentScore(
        document=document,
        error=produced.error,
        fields=tuple(one for one in scores if one is not None),
        items=_items(document, fields, produced.output),
        unscored=document.labels() - fields.labels(),
        times=produced.times,
        values=len(proofs),
        grounded=sum(proof.grounded for proof in proofs),
    )


def _field(document: Labelled, one: Field, produced: Produced, hidden: frozenset[str]) -> FieldScore | None:
    """The score of a value; None where nothing is labelled, or nothing is there and nothing was returned."""
    name = next((label for label in one.labels if label in document.labels()), None)
    if name is None or name in hidden:
        return None
    labelled, found = document.label(name), leaf(produced.output, one.path)
    outcome = _outcome(one, found, labelled)
    if outcome is None:
        return None
    proofs = [] if is_nothing(found) else produced.proofs.get(one.pointer, ())
    found_at = tuple(proof.place for proof in proofs)
    labelled_at = _labelled_at(document, one, name, labelled)
    return FieldScore(
        name=one.name,
        label=name,
        labelled=labelled,
        found=found,
        outcome=outcome,
        confidence=min((proof.confidence for proof in proofs), default=None),
        found_at=found_at,
        labelled_at=labelled_at,
        overlap=best_overlap(found_at, labelled_at),
    )


def _outcome(one: Field, found: Any, labelled: Any) -> Outcome | None:
    if labelled is None:
        return None if is_nothing(found) else Outcome.INVENTED
    if is_nothing(labelled):
        return None
    if is_nothing(found):
        return Outcome.MISSING
    return Outcome.RIGHT if same(one.kind, found, labelled) else Outcome.WRONG


def _labelled_at(document: Labelled, one: Field, name: str, labelled: Any) -> tuple[Place, ...]:
    if name in document.places:
        return document.places[name]
    if is_nothing(labelled):
        return ()
    values = [
        value for raw in (document.fields.get(name), labelled) for value in (raw if isinstance(raw, list) else [raw])
    ]
    return tuple(locate(document.words, one.kind, list(dict.fromkeys(str(v) for v in values if not is_nothing(v)))))


def _items(document: Labelled, fields: Fields, output: Any) -> ItemsScore | None:
    for table in fields.tables:
        name = next((label for label in table.labels if isinstance(document.fields.get(label), list)), None)
        if name is not None:
            found = leaf(output, table.path)
            labelled = [item for item in document.fields[name] if isinstance(item, Mapping)]
            scored = score_items(found if isinstance(found, list) else [], labelled)
            return scored if scored.labelled else None
    return None
