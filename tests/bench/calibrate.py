"""`python -m tests.bench.calibrate FOLDER`: fit `confidence.json` to documents whose data is known.

FOLDER has a `manifest.jsonl` and label files as `tests.bench.ocr.data` describes, and `labels/manifest.jsonl` with files
that have words and no picture. Pages are read with the real reader. Receipts and invoices are fitted; sets that may only
be measured with (FUNSD, WildReceipt) are never opened. The error printed is that of a cross-validation by document.
"""

from __future__ import annotations

import json
import mimetypes
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.extract import confidence
from docmill.extract.layout import LayoutExtractor
from docmill.ocr.documents import open_document
from docmill.ocr.reader import PageReader

SEED = 20
FOLDS = 5
_PICTURES = ("sroie", "zugferd", "invoice2data")
_READ_WEIGHT, _TYPED_WEIGHT = 3, 1  # words that people typed are read better than any page
_FEWEST = 40  # values that a kind needs for a curve of its own
_STEP = 12  # values that a step of a curve stands for, at least
_FIELDS = {  # labelled name: property of the schema, meaning
    "merchant_name": ("merchantName", "issuer_name"), "seller_name": ("sellerName", "issuer_name"),
    "merchant_address": ("merchantAddress", "issuer_address"), "seller_vat_id": ("sellerVatId", "issuer_vat_id"),
    "seller_tax_number": ("sellerTaxNumber", "issuer_tax_number"), "buyer_name": ("buyerName", "recipient_name"),
    "invoice_number": ("invoiceNumber", "invoice_number"), "date": ("date", "date"), "issue_date": ("date", "date"),
    "due_date": ("dueDate", "due_date"), "order_reference": ("orderNumber", "order_number"),
    "currency": ("currency", "currency"), "iban": ("iban", "iban"), "line_total": ("lineTotal", "line_sum"),
    "net_total": ("netTotal", "subtotal"), "tax_total": ("tax", "tax"), "grand_total": ("total", "total"),
    "total": ("total", "total"), "prepaid": ("prepaid", "prepaid"), "due_amount": ("amountDue", "amount_due"),
}  # fmt: skip
_SUMS = {"line_total", "net_total", "tax_total", "grand_total", "total", "prepaid", "due_amount"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that the extractor gave, and whether it is right."""

    document: str
    kind: str
    score: float
    right: bool
    weight: int
    """How often it counts."""


def main(folder: Path) -> int:
    """Fit, print the error, write the curves."""
    seen = [
        value for name, fields, pages, weight in _documents(folder) for value in _values(name, fields, pages, weight)
    ]
    folds = sorted({value.document for value in seen})
    random.Random(SEED).shuffle(folds)  # the split of a cross-validation is no secret
    guessed: list[tuple[float, bool]] = []
    for number in range(FOLDS):
        held = set(folds[number::FOLDS])
        curves = _curves([value for value in seen if value.document not in held])
        guessed += [
            (_read_off(curves, value), value.right)
            for value in seen
            if value.document in held and value.document.startswith("sroie/")
        ]
    sys.stdout.write(f"{len(seen)} values; calibration error on receipts held out: {_error(guessed):.3f}\n")
    target = Path(confidence.__file__).with_suffix(".json")
    lines = (f"  {json.dumps(kind)}: {json.dumps(curve)}" for kind, curve in sorted(_curves(seen).items()))
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return 0


def _documents(folder: Path) -> Iterator[tuple[str, dict[str, Any], Sequence[Page], int]]:
    """Name, label file, pages and weight."""
    reader = PageReader()
    for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["set"] in _PICTURES:
            labels = json.loads((folder / row["gt"]).read_text("utf-8"))
            path = folder / row["path"]
            with open_document(path, mimetypes.guess_type(path)[0] or "") as document:
                pages = [reader.read(document, number, {}).page for number in range(1, document.page_count + 1)]
            yield f"{row['set']}/{row['id']}", labels, pages, _READ_WEIGHT
    for path in sorted((folder / "labels" / "sroie").glob("*.json")):
        labels = json.loads(path.read_text("utf-8"))
        yield f"labels/{path.stem}", labels, [_page(labels)], _TYPED_WEIGHT


def _page(labels: Mapping[str, Any]) -> Page:
    """Labelled lines as a page; a word's box is its share of the line's."""
    lines = []
    for item in labels["words"]:
        x, top, right, bottom = item["box"]
        unit, words = (right - x) / max(1, len(item["text"])), []
        for text in item["text"].split():
            words.append(Word(text, Box(x, top, unit * len(text), bottom - top), 0.98))
            x += unit * (len(text) + 1)
        lines += [Line(tuple(words))] if words else []
    width, height = labels["page_sizes"][0]
    return Page(number=1, width=width, height=height, unit=Unit.PIXEL, lines=tuple(lines))


def _values(name: str, labels: Mapping[str, Any], pages: Sequence[Page], weight: int) -> Iterator[Seen]:
    fields, plain = labels.get("fields", {}), labels.get("fields_norm", {})
    asked = {key for key in labels.get("fields_visible", fields) if key in _FIELDS and fields.get(key) is not None}
    if name.startswith("zugferd") and "fields_visible" not in labels:
        return
    schema = {
        "type": "object",
        "properties": {_FIELDS[key][0]: {"type": "number" if key in _SUMS else "string"} for key in asked},
    }
    made = LayoutExtractor(confidence=lambda _, score: score).extract(pages, schema, {})
    scores = {evidence.path[1:]: evidence.confidence for evidence in made.evidence}
    for key in asked:
        prop, kind = _FIELDS[key]
        if prop in made.data:
            right = _equal(key, plain.get(key, fields[key]), made.data[prop])
            yield Seen(name, kind, scores[prop], right, weight)


def _equal(key: str, wanted: Any, got: Any) -> bool:
    if isinstance(wanted, list):
        return any(_equal(key, one, got) for one in wanted)
    if key in _SUMS:
        try:
            return abs(Decimal(str(wanted)) - Decimal(str(got))) < Decimal("0.005")
        except InvalidOperation:
            return False
    one, other = (
        "".join(character for character in str(text).upper() if character.isalnum()) for text in (wanted, got)
    )
    return one == other


def _curves(seen: Sequence[Seen]) -> dict[str, dict[str, list[float]]]:
    """A curve for each kind with values enough, and one for all others."""
    kinds: dict[str, list[Seen]] = defaultdict(list)
    for value in seen:
        kinds[value.kind].append(value)
        kinds[confidence.OTHERS].append(value)
    return {kind: _isotonic(values) for kind, values in kinds.items() if len(values) >= _FEWEST}


def _isotonic(values: Sequence[Seen]) -> dict[str, list[float]]:
    """Pool adjacent violators on steps of a few values, each drawn a little towards the mean of all."""
    ordered = sorted(values, key=lambda value: value.score)
    mean = sum(v.right * v.weight for v in ordered) / sum(v.weight for v in ordered)
    blocks: list[list[float]] = []  # weight, sum of scores, sum of rights
    for start in range(0, len(ordered), _STEP):
        step = ordered[start : start + _STEP]
        weight = sum(v.weight for v in step)
        block = [
            float(weight),
            sum(v.score * v.weight for v in step),
            sum(v.right * v.weight for v in step) * weight / (weight + 2) + mean * 2 * weight / (weight + 2),
        ]
        blocks.append(block)
        while len(blocks) > 1 and blocks[-2][2] / blocks[-2][0] >= blocks[-1][2] / blocks[-1][0]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
    return {
        "score": [round(scores / weight, 3) for weight, scores, _ in blocks],
        "right": [round(right / weight, 3) for weight, _, right in blocks],
    }


def _read_off(curves: Mapping[str, Mapping[str, Sequence[float]]], value: Seen) -> float:
    curve = curves.get(value.kind) or curves[confidence.OTHERS]
    return confidence.on_curve(curve["score"], curve["right"], value.score)


def _error(guessed: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error, ten bins."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for sure, right in guessed:
        bins[min(9, int(sure * 10))].append((sure, right))
    return sum(abs(sum(s for s, _ in pairs) - sum(r for _, r in pairs)) for pairs in bins.values()) / len(guessed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
