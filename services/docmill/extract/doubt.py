"""Which values of an output a person should look at before they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from docmill.extract import Evidence

__all__ = ["SURE", "doubtful"]

SURE = 0.85
"""Confidence from which a value is taken for right. What that catches and what it costs: docs/extraction.md."""

_EXACT = "einvoice"


def doubtful(evidence: Iterable[Evidence]) -> list[str]:
    """Paths of the values that are less sure than `SURE` or that no words say, the least sure first.

    What an electronic invoice says needs no words on a page.
    """
    found = [one for one in evidence if one.confidence < SURE or not (one.grounded or one.source == _EXACT)]
    return [one.path for one in sorted(found, key=lambda one: one.confidence)]
