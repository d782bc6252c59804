"""`python -m tests.bench.einvoices FOLDER`: labelled e-invoice PDFs, how right the data are and how long reading takes.

The labels' format and the way of scoring are those of the data sets: files of one invoice count as one together.
"""

from __future__ import annotations

import gc
import json
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass
class _Scored:
    """One document."""

    invoice: str
    fields: list[bool]
    lines: list[bool]
    spent_ms: float
    remarks: list[str]


def main(folder: Path) -> Iterator[str]:
    """A line for each document, and the averages for each invoice."""
    reader = PageReader()
    by_invoice: dict[str, list[_Scored]] = defaultdict(list)
    times = []
    for path in sorted(folder.glob("*.pdf")):
        scored = _score(path, reader)
        times.append(scored.spent_ms)
        if scored.fields:
            by_invoice[scored.invoice].append(scored)
        yield f"{path.name}: {_share(scored.fields)} fields, {_share(scored.lines)} lines, {scored.spent_ms:.1f} ms"
        yield from (f"    {remark}" for remark in scored.remarks)
    fields = [statistics.mean(statistics.mean(each.fields) for each in files) for files in by_invoice.values()]
    with_lines = [[each.lines for each in files if each.lines] for files in by_invoice.values()]
    lines = [statistics.mean(map(statistics.mean, each)) for each in with_lines if each]
    if fields and lines:
        yield f"{len(fields)} invoices: fields {statistics.mean(fields):.4f}, lines {statistics.mean(lines):.4f}"
    yield f"{len(times)} documents: median {statistics.median(times):.1f} ms, slowest {max(times):.1f} ms of CPU"


def _score(path: Path, reader: PageReader) -> _Scored:
    labels = json.loads(path.with_suffix(".json").read_text("utf-8"))
    with open_document(path, "application/pdf") as document:
        pages = [reader.read(document, n + 1, {"mode": "text-layer"}).page for n in range(document.page_count)]
        for _ in range(2):  # the second time everything is loaded
            gc.collect()  # what loading and reading left behind
            started = time.process_time()
            outcome = run_document(FLOW, pages, {}, SCHEMA, files=document.xml_files())
            spent = (time.process_time() - started) * 1000
    truth = {**labels.get("fields", {}), **labels.get("fields_norm", {})}
    items = truth.pop("line_items", [])
    found = outcome.output
    fields = {name: _same(name, found.get(name), value) for name, value in truth.items()}
    lines = [_item_is_right(item, found.get("line_items", [])) for item in items]
    remarks = [f"{name}: {found.get(name)!r}, not {truth[name]!r}" for name, right in fields.items() if not right]
    remarks += [f"not found: {item}" for item, right in zip(items, lines, strict=True) if not right]
    name = str(truth.get("invoice_number", ""))
    return _Scored(name, [*fields.values()], lines, spent, [*remarks, *outcome.warnings])


def _share(right: list[bool]) -> str:
    return f"{sum(right)}/{len(right)}"


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
    for line in main(Path(sys.argv[1])):
        sys.stdout.write(f"{line}\n")
