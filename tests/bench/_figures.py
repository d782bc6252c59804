"""What a bench found, and the table it is printed in."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Figure", "percentile", "rates", "spread", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured fact."""

    what: str
    measured: str
    bar: str = ""
    """What it should be; empty where nobody asks for more."""
    met: bool | None = None

    def row(self) -> str:
        """A line of the table."""
        verdict = {True: "met", False: "**missed**", None: ""}[self.met]
        return f"| {self.what} | {self.bar} | {self.measured} | {verdict} |"


def table(figures: Sequence[Figure]) -> str:
    """Markdown."""
    head = ["| What | Bar | Measured | Verdict |", "|---|---|---|---|"]
    return "\n".join([*head, *(figure.row() for figure in figures)])


def percentile(values: Sequence[float], percent: int) -> float:
    """E.g. 99: the value that 99 % of `values` do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def spread(milliseconds: Sequence[float]) -> str:
    """Median and tail; the worst one where there are too few for a 99th percentile."""
    tail = f"p99 {percentile(milliseconds, 99):.1f}" if len(milliseconds) >= 100 else f"worst {max(milliseconds):.1f}"
    return f"p50 {statistics.median(milliseconds):.1f} ms, {tail} ms"


def rates(values: Sequence[float], unit: str) -> str:
    """Repeated measurements of a rate."""
    return f"median {statistics.median(values):,.0f}, best {max(values):,.0f} {unit}"
