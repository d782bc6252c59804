"""Whether a confidence means something: expected calibration error, and what can be let through unseen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Judged", "coverage", "expected_calibration_error"]

BINS = 10
"""Of equal width (Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A value that was returned, how sure its reader was, and whether it was right."""

    confidence: float
    """0 to 1."""
    right: bool
    weight: float = 1.0


def expected_calibration_error(judged: Iterable[Judged]) -> float | None:
    """Mean distance of confidence and share of right values, over bins weighted by their size; None without values."""
    bins: list[list[Judged]] = [[] for _ in range(BINS)]
    for one in judged:
        bins[min(BINS - 1, int(one.confidence * BINS))].append(one)
    total = sum(one.weight for bin_ in bins for one in bin_)
    if not total:
        return None
    return sum(abs(sum(one.weight * (one.confidence - one.right) for one in bin_)) for bin_ in bins) / total


def coverage(judged: Sequence[Judged], labelled: float, precision: float = 0.99) -> float | None:
    """The largest share of the labelled values that a bound on the confidence lets through at `precision`.

    None where nothing is labelled. Values of the same confidence go together.
    """
    if not labelled:
        return None
    passed = right = best = 0.0
    ordered = sorted(judged, key=lambda one: -one.confidence)
    for index, one in enumerate(ordered):
        passed += one.weight
        right += one.weight * one.right
        last_of_its_kind = index + 1 == len(ordered) or ordered[index + 1].confidence < one.confidence
        if last_of_its_kind and right >= precision * passed * (1 - 1e-12):
            best = passed
    return best / labelled
