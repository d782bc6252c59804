"""`python -m tests.bench.stacks FOLDER`: labelled documents put together to stacks, and how right a split step takes them apart.

FOLDER has a `manifest.jsonl` and label files as `tests.bench.ocr.data` describes. Words are those of the labels, so that
reading costs nothing; without FOLDER the stacks are generated ones. No document is in a stack twice.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from docmill.domain.flows import Category
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.extract.segments import segments
from tests.data.stacks import generate_stack

SEED, STACKS, DOCUMENTS = 5, 200, 6
KINDS = ("invoice", "receipt", "contract", "letter")
_OTHERS = frozenset({"order_form", "report", "paper", "form", "legal", "manual", "patent", "table", "bank_statement"})

Paper = tuple[str, list[Page]]
"""A kind and the pages of a document."""


def main(folder: Path | None) -> Iterator[str]:
    """What was found, line by line."""
    stacks = list(_labelled(folder) if folder else _generated())
    categories = tuple(Category(name=kind) for kind in (KINDS if folder else KINDS[:2]))
    counts: Counter[str] = Counter()
    started = time.process_time()
    for papers in stacks:
        _score(papers, categories, counts)
    spent = time.process_time() - started
    yield f"{len(stacks)} stacks, {counts['documents']} documents, {counts['pages']} pages"
    yield f"documents that begin where they do   {_share(counts, 'begins', 'joins')}"
    yield f"pages cut off their document         {_share(counts, 'cuts', 'inner')}"
    yield f"documents with exactly their pages   {_share(counts, 'whole', 'documents')}"
    for kind in (*KINDS, "other"):
        if counts[f"all {kind}"]:
            yield f"  of them and taken for {kind:<12}  {_share(counts, f'right {kind}', f'all {kind}')}"
    yield f"CPU time                             {1000 * spent / counts['pages']:.1f} ms a page"


def _score(papers: Sequence[Paper], categories: Sequence[Category], counts: Counter[str]) -> None:
    pages = [page for _, document in papers for page in document]
    numbered = [replace(page, number=number) for number, page in enumerate(pages, start=1)]
    found = segments(numbered, categories, include_other=True)
    begins, types = {each.pages[0] for each in found}, {each.pages: each.type for each in found}
    at = 1
    for kind, document in papers:
        numbers = tuple(range(at, at + len(document)))
        counts.update({"documents": 1, "pages": len(document), "joins": at > 1, "begins": at > 1 and at in begins})
        counts.update({"inner": len(numbers) - 1, "cuts": sum(number in begins for number in numbers[1:])})
        counts.update({"whole": numbers in types, f"all {kind}": 1, f"right {kind}": types.get(numbers) == kind})
        at += len(document)


def _share(counts: Mapping[str, int], some: str, of: str) -> str:
    return f"{counts[some]:5} of {counts[of]:5}  {100 * counts[some] / max(counts[of], 1):5.1f} %"


def _generated() -> Iterator[list[Paper]]:
    for seed in range(STACKS):
        parts = generate_stack(seed + 1000).parts
        yield [(part.kind, [sheet.page(1) for sheet in part.sheets]) for part in parts]


def _labelled(folder: Path) -> Iterator[list[Paper]]:
    by_kind: defaultdict[str, list[Paper]] = defaultdict(list)
    for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        kind = "other" if entry["kind"] in _OTHERS else entry["kind"]
        if entry["has_words"] and kind in (*KINDS, "other"):
            by_kind[kind].append((kind, _pages(json.loads((folder / entry["gt"]).read_text("utf-8")))))
    rng = random.Random(SEED)
    kinds = sorted(by_kind)
    for _ in range(STACKS):
        left = {kind: rng.sample(papers, len(papers)) for kind, papers in by_kind.items()}
        yield [left[kind].pop() for kind in rng.choices(kinds, k=DOCUMENTS) if left[kind]]


def _pages(labels: Mapping[str, Any]) -> list[Page]:
    lines: defaultdict[int, list[Line]] = defaultdict(list)
    for word in labels["words"]:
        if line := _line(word["text"].split(), *word["box"]):
            lines[word.get("page", 0)].append(line)
    return [
        Page(number=1, width=width, height=height, unit=Unit.POINT, lines=tuple(sorted(lines[index], key=_place)))
        for index, (width, height) in enumerate(labels["page_sizes"])
    ]


def _line(texts: Sequence[str], left: float, top: float, right: float, bottom: float) -> Line | None:
    """A box of the labels, shared out among its words by their letters."""
    letters = sum(map(len, texts)) + len(texts) - 1
    if letters < 1 or right <= left or bottom <= top:
        return None
    width, words = (right - left) / letters, []
    for text in texts:
        words.append(Word(text, Box(left, top, width * len(text), bottom - top), 1.0))
        left += width * (len(text) + 1)
    return Line(tuple(words))


def _place(line: Line) -> tuple[float, float]:
    return line.box.y, line.box.x


if __name__ == "__main__":
    for text in main(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        sys.stdout.write(f"{text}\n")
