"""A set of documents: precision, recall and F1 by field, calibration, evidence and time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docmill.evaluate.calibration import Judged, coverage, expected_calibration_error
from docmill.evaluate.fields import identity_of
from docmill.evaluate.scoring import DocumentScore, FieldScore, Outcome
from docmill.evaluate.values import letters

__all__ = ["Rates", "SetSummary", "Spread", "summarize"]

OVERLAPS = 0.5
"""IoU from which evidence counts as standing where the label does."""


@dataclass(slots=True)
class Rates:
    """Counts of right values, false alarms and misses; fractions where variants of one document share its weight."""

    right: float = 0.0
    false_alarms: float = 0.0
    misses: float = 0.0

    @property
    def precision(self) -> float | None:
        """Share of the returned values that are right."""
        return _share(self.right, self.right + self.false_alarms)

    @property
    def recall(self) -> float | None:
        """Share of the labelled values that were returned right."""
        return _share(self.right, self.right + self.misses)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the two."""
        return _share(2 * self.right, 2 * self.right + self.false_alarms + self.misses)

    @property
    def labelled(self) -> float:
        """Values that should have come."""
        return self.right + self.misses

    def add(self, one: FieldScore, weight: float) -> None:
        """Count a value."""
        self.right += weight * (one.outcome is Outcome.RIGHT)
        self.false_alarms += weight * (one.outcome in {Outcome.WRONG, Outcome.INVENTED})
        self.misses += weight * (one.outcome in {Outcome.WRONG, Outcome.MISSING})

    def to_json(self) -> dict[str, float | None]:
        """For programs."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1, "labelled": self.labelled}


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 95th percentile (nearest rank)."""

    median: float
    p95: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """None where there is nothing to measure."""
        ordered = sorted(value for value in values if value is not None)
        if not ordered:
            return None
        return cls(*(ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95)))

    def to_json(self) -> dict[str, float]:
        """For programs."""
        return {"median": self.median, "p95": self.p95}


@dataclass(slots=True, kw_only=True)
class SetSummary:
    """What was found about the documents of one set."""

    name: str
    documents: int = 0
    failed: int = 0
    """Documents whose run gave no output; all of their values count as missed."""
    invoices: float = 0.0
    """Documents without their variants."""
    fields: dict[str, Rates] = field(default_factory=dict)
    """By path, in the order of the flow's schema."""
    all: Rates = field(default_factory=Rates)
    """All fields together (micro average)."""
    items: Rates | None = None
    exact: float | None = None
    """Share of the documents in which everything is right."""
    calibration_error: float | None = None
    coverage: float | None = None
    """Share of the labelled values that can be let through at 99 % precision by their confidence alone."""
    overlap: float | None = None
    """Mean IoU of right values with their labels, where boxes are known."""
    overlapping: float | None = None
    """Share of them with an IoU of at least 0.5."""
    located: int = 0
    """How many these are."""
    values: int = 0
    """Values that came with evidence, line items and unlabelled ones included."""
    grounded: int = 0
    """Those that a page shows."""
    run_ms: Spread | None = None
    reading_ms: Spread | None = None
    extraction_ms: Spread | None = None
    unscored: Counter[str] = field(default_factory=Counter)
    """Labels that the flow has no field for, and in how many documents."""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "documents": self.documents,
            "failed": self.failed,
            "invoices": self.invoices,
            "fields": {name: rates.to_json() for name, rates in self.fields.items()},
            "all": self.all.to_json(),
            "lineItems": self.items and self.items.to_json(),
            "exact": self.exact,
            "calibration": {"ece": self.calibration_error, "coverageAt99": self.coverage},
            "evidence": {"meanIou": self.overlap, "iou50": self.overlapping, "values": self.located},
            "grounded": {"share": _share(self.grounded, self.values), "values": self.values},
            "timeMs": {
                "run": self.run_ms and self.run_ms.to_json(),
                "reading": self.reading_ms and self.reading_ms.to_json(),
                "extraction": self.extraction_ms and self.extraction_ms.to_json(),
            },
            "unscored": dict(self.unscored),
        }


def summarize(scores: Sequence[DocumentScore]) -> list[SetSummary]:
    """One summary a set, in the order in which the sets come."""
    sets: dict[str, list[DocumentScore]] = {}
    for one in scores:
        sets.setdefault(one.document.set, []).append(one)
    return [_summary(name, members) for name, members in sets.items()]


def _summary(name: str, scores: Sequence[DocumentScore]) -> SetSummary:
    found = SetSummary(name=name, documents=len(scores), failed=sum(bool(one.error) for one in scores))
    weights = _weights(name, scores)
    found.invoices = sum(weights)
    judged: list[Judged] = []
    overlaps: list[tuple[float, float]] = []
    for one, weight in zip(scores, weights, strict=True):
        for value in one.fields:
            found.fields.setdefault(value.name, Rates()).add(value, weight)
            found.all.add(value, weight)
            if value.confidence is not None:
                judged.append(Judged(value.confidence, value.outcome is Outcome.RIGHT, weight))
            if value.outcome is Outcome.RIGHT and value.overlap is not None:
                overlaps.append((value.overlap, weight))
        if one.items is not None:
            found.items = found.items or Rates()
            found.items.right += weight * one.items.right
            found.items.misses += weight * (one.items.labelled - one.items.right)
            found.items.false_alarms += weight * (one.items.found - one.items.right)
        found.unscored.update(one.unscored)
        found.values += one.values
        found.grounded += one.grounded
    found.exact = _mean(
        (float(one.is_exact), w) for one, w in zip(scores, weights, strict=True) if one.is_exact is not None
    )
    found.calibration_error = expected_calibration_error(judged)
    found.coverage = coverage(judged, found.all.labelled)
    found.overlap, found.located = _mean(overlaps), len(overlaps)
    found.overlapping = _mean((float(overlap >= OVERLAPS), weight) for overlap, weight in overlaps)
    times = [one.times for one in scores if one.times is not None]
    found.run_ms = Spread.of(one.run for one in times)
    found.reading_ms = Spread.of(one.reading for one in times)
    found.extraction_ms = Spread.of(one.extraction for one in times)
    return found


def _weights(name: str, scores: Sequence[DocumentScore]) -> list[float]:
    """One for each document; variants of the same one share it."""
    labels = identity_of(name)
    keys = [_identity(one, labels) for one in scores]
    counts = Counter(keys)
    return [1 / counts[key] for key in keys]


def _identity(one: DocumentScore, labels: Sequence[str]) -> tuple[str, ...]:
    document: Mapping[str, Any] = one.document.fields
    if labels and all(label in document for label in labels):
        return tuple(letters(str(document[label])) for label in labels)
    return (one.document.id, str(one.document.path))


def _mean(values: Iterable[tuple[float, float]]) -> float | None:
    """Weighted; None of nothing."""
    pairs = list(values)
    return _share(sum(value * weight for value, weight in pairs), sum(weight for _, weight in pairs))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
