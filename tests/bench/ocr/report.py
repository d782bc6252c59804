"""What was measured as Markdown, on standard output and between two marks of docs/benchmarks.md, with its picture."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench._figures import Figure, table
from tests.bench.ocr.plot import svg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.ocr.reading import Row

__all__ = ["engines_table", "figures_table", "machine", "paired", "stages_table", "write"]

_DOCS = Path(__file__).parents[3] / "docs"
_PICTURE = "bench-ocr.svg"
_BEGIN, _END = "<!-- bench-ocr: begin -->", "<!-- bench-ocr: end -->"


def engines_table(rows: Sequence[Row]) -> str:
    """A line for every set and engine."""
    lines = [
        "| Pages | Engine | Word F1 | Token F1 | Box F1 | CER | CPU s a page | s a page, all cores | pages/s, 2 x 1 thread | MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        found = row.score
        lines.append(
            f"| {len(row.walls)} {row.set_name} | {row.engine} | {found.words.f1:.3f} | {found.tokens.f1:.3f} "
            f"| {found.boxes.f1:.3f} | {found.cer:.3f} | {row.cpu:.2f} | {row.wall:.2f} | {row.pages_per_second:.2f} "
            f"| {row.memory_mb:.0f} |"
        )
    return "\n".join(lines)


def paired(rows: Sequence[Row]) -> list[Figure]:
    """The first engine against each other one, on the pages that both read."""
    first = rows[0].engine
    ours = {row.set_name: row for row in rows if row.engine == first}
    figures = []
    for row in (row for row in rows if row.engine != first):
        own = ours[row.set_name]
        mine, theirs = own.paired(row)
        count = min(len(own.walls), len(row.walls))
        wall, cpu = (
            sum(of_other[:count]) / sum(of_own[:count])
            for of_own, of_other in ((own.walls, row.walls), (own.cpus, row.cpus))
        )
        figures.append(
            Figure(
                what=f"{first} against {row.engine}, {row.set_name} ({count} pages)",
                measured=f"word F1 {mine.words.f1 - theirs.words.f1:+.3f}, box F1 {mine.boxes.f1 - theirs.boxes.f1:+.3f}, "
                f"x{wall:.1f} as fast on all cores, x{cpu:.1f} by processor time, "
                f"x{own.pages_per_second / row.pages_per_second:.1f} with 2 processes",
            )
        )
    return figures


def stages_table(stages: Mapping[str, Mapping[str, float]]) -> str:
    """Milliseconds a page by set and stage; empty where the engine shows none."""
    names = list(dict.fromkeys(stage for found in stages.values() for stage in found))
    if not names:
        return ""
    lines = ["| CPU ms a page, 1 thread | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for kind, found in stages.items():
        lines.append(f"| {kind} | " + " | ".join(f"{found.get(name, 0) * 1000:.0f}" for name in names) + " |")
    return "\n".join(lines)


def machine(load: float) -> str:
    """Where and when; `load` is the load average before the first page."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}; "
        f"{time.strftime('%Y-%m-%d')}, load average at the start {load:.1f}."
    )


def write(text: str, rows: Sequence[Row]) -> None:
    """Replace what stands between the marks, and the picture."""
    page = _DOCS / "benchmarks.md"
    head, mark, rest = page.read_text("utf-8").partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    assert mark, f"{page} has no line {_BEGIN}"
    assert end, f"{page} has no line {_END}"
    picture = f"\n![Word F1 against processor seconds a page]({_PICTURE})\n" if rows else ""
    page.write_text(f"{head}{_BEGIN}\n{picture}\n{text}\n\n{_END}{tail}", "utf-8")
    if rows:
        (_DOCS / _PICTURE).write_text(svg(rows), "utf-8")


def figures_table(figures: Sequence[Figure]) -> str:
    """Empty for none."""
    return table(figures) if figures else ""
