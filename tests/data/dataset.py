"""A folder of generated documents as `docmill eval` takes it: `manifest.jsonl`, and labels beside each document.

A third each are invoices as PDF, the same kind of invoices as scans, and receipts. What the labels say is what was drawn.
"""

from __future__ import annotations

import json
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any

from docmill.domain.pages import Box
from tests.data.drawing import FONTS
from tests.data.invoice_tables import BODIES
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.locales import LOCALES
from tests.data.receipts import generate_receipt
from tests.data.scans import scan

INVOICES, SCANS, RECEIPTS = "generated-invoices", "generated-scans", "generated-receipts"


def write_dataset(folder: Path, *, count: int, seed: int = 1) -> None:
    """`count` documents; the same arguments give the same ones."""
    folder.mkdir(parents=True, exist_ok=True)
    each, kinds = count // 3, product(LAYOUTS, LOCALES)
    entries = []
    for number, (layout, language) in enumerate(islice(cycle(kinds), count - each)):
        body = tuple(BODIES)[number // 2 % len(BODIES)]
        font = tuple(FONTS)[number // 2 % len(FONTS)]
        invoice = generate_invoice(seed + number, language, layout, body=body, font=font)
        name = f"{number:03}-{layout}-{body}-{language}"
        if number % 2 and number // 2 < each:
            entries.append(_write(folder, f"scan-{name}.jpg", scan(invoice.pdf, seed + number), SCANS, invoice.truth))
        else:
            entries.append(_write(folder, f"invoice-{name}.pdf", invoice.pdf, INVOICES, invoice.truth, invoice.boxes))
    for number in range(each):
        receipt = generate_receipt(seed + number)
        entries.append(_write(folder, f"receipt-{number:03}.png", receipt.png, RECEIPTS, receipt.truth))
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    (folder / "manifest.jsonl").write_text(lines, "utf-8")


def _write(
    folder: Path, name: str, content: bytes, set_name: str, truth: dict[str, Any], boxes: dict[str, Box] | None = None
) -> dict[str, str]:
    path = folder / name
    labels = path.with_suffix(".json")
    places = {
        pointer.strip("/").replace("/", "."): {"box": [box.x, box.y, box.right, box.bottom]}
        for pointer, box in (boxes or {}).items()
    }
    path.write_bytes(content)
    labels.write_text(json.dumps({"fields": truth, "field_boxes": places}, indent=2, ensure_ascii=False), "utf-8")
    return {"id": path.stem, "path": name, "gt": labels.name, "set": set_name}
