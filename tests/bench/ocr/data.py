"""The pages: of a data folder where there is one, and documents that the project generates.

A data folder has a `manifest.jsonl`, one document a line (`path`, `gt`, `id`, `set`, `words_source`, ...), and a label
file for each (`words`: text and box in `unit`, `page`). Words that a machine read are no truth and are left out.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from docmill.ocr.documents import open_document
from docmill.ocr.limits import MediaLimits
from docmill.ocr.sniff import PDF
from tests.bench.ocr.scoring import Piece
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.locales import LOCALES
from tests.data.receipts import generate_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from docmill.domain.pages import Page

__all__ = ["SETS", "Sample", "data_folder", "load", "office_pdfs", "samples"]

SETS = ("sroie", "funsd", "born-digital", "generated-invoices", "generated-receipts")
"""Receipts and forms that people labelled; rendered PDFs, labelled by their text layers; and our own pages."""

_REPOSITORY = Path(__file__).parents[3]
_TYPES = {".pdf": PDF, ".png": "image/png", ".jpg": "image/jpeg"}
_LIMITS = MediaLimits(render_dpi=200)
_BROKEN = "hostile"
_TEXT_LAYER = "pdf-text-layer"
_FEW_WORDS = 40  # a title page says little about reading
_UNDECODED = "\ufffd"
_LATIN_END = "\u024f"  # of Latin Extended-B
_LEGIBLE = 4.0  # points; smaller text is a layer hidden behind a picture
_FEW_FOREIGN = 0.02  # a Greek letter in a paper makes no Greek page


@dataclass(frozen=True, slots=True)
class Sample:
    """One page and what is written on it; boxes in pixels of the image, or points of the PDF page."""

    id: str
    path: Path
    truth: tuple[Piece, ...]
    page: int = 1


def load(sample: Sample) -> tuple[NDArray[np.uint8], float]:
    """The picture as RGB (height, width, 3), and its pixels per unit of the truth's boxes."""
    with open_document(sample.path, _TYPES[sample.path.suffix], _LIMITS) as document:
        rendered = document.render(sample.page)
    return rendered.image, rendered.scale


def data_folder() -> Path | None:
    """`DOCMILL_BENCH_DATA`, or `../shared/data` beside the repository; None where it has no manifest."""
    folder = Path(os.environ.get("DOCMILL_BENCH_DATA") or _REPOSITORY.parent / "shared" / "data")
    return folder if (folder / "manifest.jsonl").is_file() else None


def samples(name: str, count: int, folder: Path | None, generated: Path) -> list[Sample]:
    """At most `count` pages of a set, the same ones at every start; none where the set needs a folder and none is there.

    Generated documents are written to `generated`.
    """
    if name == "generated-invoices":
        return _invoices(count, generated)
    if name == "generated-receipts":
        return _receipts(count, generated)
    if folder is None:
        return []
    if name == "born-digital":
        return _born_digital(count, folder)
    labelled = [row for row in _manifest(folder) if row["set"] == name and row["has_words"]]
    return [_sample(folder, row, _labels(folder, row)) for row in _every_second(labelled, count)]


def office_pdfs(folder: Path) -> list[Path]:
    """All PDFs that are not made to be broken; which of their pages are read from a text layer is seen when they are."""
    rows = (row for row in _manifest(folder) if row["set"] != _BROKEN)
    return [folder / row["path"] for row in rows if row["path"].endswith(".pdf")]


def _manifest(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
    return sorted(map(json.loads, lines), key=lambda row: (row["set"], row["id"]))


def _labels(folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    labels: dict[str, Any] = json.loads((folder / row["gt"]).read_text("utf-8"))
    return labels


def _every_second(rows: Sequence[Any], count: int) -> list[Any]:
    """Where there are enough of them, so that settings may be chosen on the others."""
    return [*(rows[1::2] if len(rows) >= 2 * count else rows)][:count]


def _sample(folder: Path, row: dict[str, Any], labels: dict[str, Any]) -> Sample:
    first = (word for word in labels["words"] if word.get("page", 0) == 0 and word["text"].strip())
    truth = tuple(Piece(word["text"], tuple(map(float, word["box"]))) for word in first)
    return Sample(id=f"{row['set']}/{row['id']}", path=folder / row["path"], truth=truth)


def _born_digital(count: int, folder: Path) -> list[Sample]:
    """First pages, from all sets in turn: one publisher's pages look alike. Lines are no truth for boxes of words."""
    rows = [
        row for row in _manifest(folder) if row["words_source"] == _TEXT_LAYER and row["word_granularity"] == "word"
    ]
    usable = [sample for sample in (_sample(folder, row, _labels(folder, row)) for row in rows) if _is_usable(sample)]
    by_set: dict[str, list[Sample]] = {}
    for sample in usable:
        by_set.setdefault(sample.id.partition("/")[0], []).append(sample)
    turns = [members[turn] for turn in range(len(usable)) for members in by_set.values() if turn < len(members)]
    return turns[:count]


def _is_usable(sample: Sample) -> bool:
    """A page of legible text in Latin script (what all engines read by default) that could be decoded."""
    text = " ".join(piece.text for piece in sample.truth)
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(letter > _LATIN_END for letter in letters)
    heights = [piece.box[3] - piece.box[1] for piece in sample.truth]
    if len(heights) < _FEW_WORDS or median(heights) < _LEGIBLE:
        return False
    return foreign < _FEW_FOREIGN * len(letters) and _UNDECODED not in text


def _invoices(count: int, folder: Path) -> list[Sample]:
    """Every layout in every language, rendered."""
    found = []
    for seed, layout, language in list(product(range(count), LAYOUTS, LOCALES))[:count]:
        invoice = generate_invoice(seed, language, layout)
        path = folder / f"invoice-{layout}-{language}-{seed}.pdf"
        path.write_bytes(invoice.pdf)
        found.append(Sample(id=path.stem, path=path, truth=_pieces(invoice.pages[0])))
    return found


def _receipts(count: int, folder: Path) -> list[Sample]:
    """Pictures with a little shade, blur and grain."""
    found = []
    for seed in range(count):
        receipt = generate_receipt(seed)
        path = folder / f"receipt-{seed}.png"
        path.write_bytes(receipt.png)
        found.append(Sample(id=path.stem, path=path, truth=_pieces(receipt.page)))
    return found


def _pieces(page: Page) -> tuple[Piece, ...]:
    return tuple(Piece(word.text, (word.box.x, word.box.y, word.box.right, word.box.bottom)) for word in page.words)
