"""What a score is worth: the share of values with such a score that were right on documents with known data.

Finders score by label, place and form; such scores rank values but are no probabilities. `confidence.json` holds for each
kind of field scores, ascending, and how many values in a hundred were right there (isotonic regression, fitted by
`python -m tests.bench.calibrate`).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

__all__ = ["OTHERS", "confidence", "on_curve"]

OTHERS = "*"
"""The curve of kinds of fields that have none of their own."""

_HIGHEST = 0.99


def confidence(meaning: str, score: float) -> float:
    """0 to 0.99: how likely a value of this kind (`total`, `issuer_name`) with this score is right."""
    curves = _curves()
    scores, right = curves.get(meaning) or curves[OTHERS]
    return on_curve(scores, right, score)


def on_curve(scores: Sequence[float], right: Sequence[float], score: float) -> float:
    """On the line between neighbours; flat above the highest, towards 0 below the lowest."""
    return round(max(0.0, min(_HIGHEST, _between(scores, right, score))), 4)


def _between(scores: Sequence[float], right: Sequence[float], score: float) -> float:
    after = bisect_right(scores, score)
    if after == 0:
        return right[0] * score / scores[0] if scores[0] else right[0]
    if after == len(scores):
        return right[-1]
    share = (score - scores[after - 1]) / (scores[after] - scores[after - 1])
    return right[after - 1] + share * (right[after] - right[after - 1])


@cache
def _curves() -> Mapping[str, tuple[Sequence[float], Sequence[float]]]:
    text = resources.files("docmill.extract").joinpath("confidence.json").read_text("utf-8")
    return {kind: (curve["score"], curve["right"]) for kind, curve in json.loads(text).items()}
