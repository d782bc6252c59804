"""`python -m tests.bench.einvoices FOLDER`: labelled e-invoice PDFs, how right the data are and how long reading takes.

The labels' format and the way of scoring are those of the data sets: files of one invoice count as one together.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections import defaultdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from docmill.extract.pipeline import run_document
from docmill.ocr.documents import open_document
from docmill.ocr.reader import PageReader

TEXT, NUMBER = {"type": "string"}, {"type": "number"}
_AMOUNTS = ("line_total", "net_total", "tax_total", "grand_total", "prepaid", "due_amount")
_ITEM = {
    "description": TEXT,
    "quantity": NUMBER,
    "unit": TEXT,
    "unit_price": NUMBER,
    "vat_rate": NUMBER,
    "amount": NUMBER,
}
_FIELDS = {
    **dict.fromkeys(
        ("invoice_number", "document_type_code", "issue_date", "seller_name", "seller_address", "seller_tax_number",
         "seller_vat_id", "buyer_name", "buyer_address", "buyer_tax_number", "buyer_vat_id", "order_reference", "currency",
         "due_date", "iban"),
        TEXT,
    ),
    **dict.fromkeys(_AMOUNTS, NUMBER),
    "line_items": {"type": "array", "items": {"type": "object", "properties": _ITEM}},
}  # fmt: skip
SCHEMA = {"type": "object", "properties": _FIELDS}
FLOW = {"steps": [{"id": "fields", "nodeType": "extract", "config": {"schema": SCHEMA}}]}


def main(folder: Path) -> None:
    """Prints a line for each document and the averages for each invoice."""
    reader = PageReader()
    by_invoice: dict[str, list[tuple[float, float]]] = defaultdict(list)
    times: list[float] = []
    for path in sorted(folder.glob("*.pdf")):
        labels = json.loads(path.with_suffix(".json").read_text("utf-8"))
        with open_document(path, "application/pdf") as document:
            pages = [reader.read(document, n + 1, {"mode": "text-layer"}).page for n in range(document.page_count)]
            for _ in range(2):  # the second time everything is loaded
                started = time.process_time()
                outcome = run_document(FLOW, pages, {}, SCHEMA, files=document.xml_files())
                spent = (time.process_time() - started) * 1000
        times.append(spent)
        truth = {**labels.get("fields", {}), **labels.get("fields_norm", {})}
        items = truth.pop("line_items", [])
        fields = {name: _same(name, outcome.output.get(name), value) for name, value in truth.items()}
        lines = [_item_is_right(line, outcome.output.get("line_items", [])) for line in items]
        wrong = [
            f"{name}: {outcome.output.get(name)!r}, not {truth[name]!r}" for name, right in fields.items() if not right
        ]
        if truth:
            scores = statistics.mean(fields.values()), statistics.mean(lines) if lines else 1.0
            by_invoice[str(truth["invoice_number"])].append(scores)
        grounded = [evidence.grounded for evidence in outcome.evidence]
        print(f"{path.name}: {sum(fields.values())}/{len(fields)} fields, {sum(lines)}/{len(lines)} lines, {spent:.1f} ms,"
              f" {sum(grounded)}/{len(grounded)} grounded")  # fmt: skip
        missed = [f"line: {line}" for line, right in zip(items, lines, strict=True) if not right]
        for line in (*wrong, *missed, *outcome.warnings):
            print(f"    {line}")
    if by_invoice:
        print(f"{len(by_invoice)} invoices: fields {_average(by_invoice, 0):.4f}, lines {_average(by_invoice, 1):.4f}")
    print(f"{len(times)} documents: median {statistics.median(times):.1f} ms, slowest {max(times):.1f} ms of CPU")


def _average(scores: dict[str, list[tuple[float, float]]], which: int) -> float:
    return statistics.mean(statistics.mean(each[which] for each in files) for files in scores.values())


def _same(name: str, found: Any, truth: Any) -> bool:
    if isinstance(truth, list):
        return any(_same(name, found, one) for one in truth)
    if name in _AMOUNTS or name in {"quantity", "unit_price", "amount", "vat_rate"}:
        return found is not None and _decimal(found) == _decimal(truth)
    return _letters(found) == _letters(truth)


def _item_is_right(truth: dict[str, Any], found: list[dict[str, Any]]) -> bool:
    labelled = [name for name in ("description", "quantity", "unit_price", "amount") if name in truth]
    return any(all(_same(name, item.get(name), truth[name]) for name in labelled) for item in found)


def _decimal(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _letters(value: Any) -> str:
    return re.sub(r"[\W_]", "", str(value or "")).upper()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
