"""`make bench-ocr ARGS="--engines paddle,rapidocr --pages 10"`: see docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.ocr import data, engines, report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench._figures import Figure
    from tests.bench.ocr.data import Sample
    from tests.bench.ocr.reading import Row

PARTS = ("engines", "text-layer", "system", "memory")
_QUIET = 2.0  # load average above which times say little
_PROFILED = 4  # pages of a set


def main(arguments: list[str]) -> int:
    """Measure, print, and write docs/benchmarks.md if everything was measured or it is asked for."""
    wanted = _parse(arguments)
    load = os.getloadavg()[0]
    if load > _QUIET:
        _warn(f"the load average is {load:.1f}: other programs take part in these times; scores and ratios hold")
    folder = data.data_folder()
    if folder is None:
        _warn("there is no data folder (DOCMILL_BENCH_DATA, default ../shared/data): generated pages only")
    names = [name for name in wanted.engines if _is_here(name)]
    texts: list[str] = []
    rows: list[Row] = []
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="docmill-bench-") as temporary:
        generated = Path(temporary)
        if "engines" in wanted.parts and names:
            from tests.bench.ocr.reading import read_sets

            given = {kind: data.samples(kind, wanted.pages, folder, generated) for kind in wanted.sets}
            sets = {kind: samples for kind, samples in given.items() if samples}
            rows = read_sets(sets, names, wanted.speed_pages)
            texts = [report.engines_table(rows), report.figures_table(report.paired(rows)), _stages(names[0], sets)]
        if "text-layer" in wanted.parts:
            from tests.bench.ocr import text_layer

            paths = data.office_pdfs(folder) if folder else text_layer.generated_pdfs(generated)
            found, differing = text_layer.measure(paths, verbose=wanted.verbose)
            figures += found
            sys.stderr.write(differing)
        if "system" in wanted.parts:
            from tests.bench.ocr import system

            figures += system.measure(generated)
        if "memory" in wanted.parts:
            from tests.bench.ocr import memory

            figures += memory.measure(generated)
    texts += [report.figures_table(figures), report.machine(load)]
    text = "\n\n".join(filter(None, texts))
    sys.stdout.write(f"{text}\n")
    if wanted.write if wanted.write is not None else _is_whole(wanted, folder):
        report.write(text, rows)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-ocr", description=__doc__)
    _add_list(parser, "engines", engines.ENGINES, "the first is compared with each of the others")
    _add_list(parser, "sets", data.SETS, "of pages")
    _add_list(parser, "parts", PARTS, "what to measure; memory takes a while", default=PARTS[:3])
    parser.add_argument("--pages", type=int, default=40, help="of each set at most (%(default)s)")
    parser.add_argument("--speed-pages", type=int, default=16, help="of each set for pages a second (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="say where words differ from pdfplumber's")
    parser.add_argument(
        "--write", action=argparse.BooleanOptionalAction, help="docs/benchmarks.md; a whole run does it by itself"
    )
    return parser.parse_args(arguments)


def _add_list(
    parser: argparse.ArgumentParser, name: str, known: Sequence[str], what: str, default: Sequence[str] = ()
) -> None:
    def chosen(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return names

    chosen.__name__ = name
    parser.add_argument(
        f"--{name}", type=chosen, default=list(default or known), metavar="A,B", help=f"{what}: {', '.join(known)}"
    )


def _is_here(name: str) -> bool:
    why = engines.missing(name)
    if why:
        _warn(f"{name} is left out: {why}")
    return not why


def _is_whole(wanted: argparse.Namespace, folder: Path | None) -> bool:
    """A run whose figures may stand in the documentation."""
    usual = _parse([])
    parts = set(usual.parts) <= set(wanted.parts)
    return folder is not None and parts and all(
        getattr(wanted, name) == getattr(usual, name) for name in ("engines", "sets", "pages", "speed_pages")
    )  # fmt: skip


def _stages(name: str, sets: dict[str, list[Sample]]) -> str:
    from tests.bench.ocr.profiling import shares

    return report.stages_table({kind: shares(name, samples[:_PROFILED]) for kind, samples in sets.items()})


def _warn(line: str) -> None:
    sys.stderr.write(f"bench-ocr: {line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
