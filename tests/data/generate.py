"""Writes generated documents with their ground truth: `python -m tests.data.generate FOLDER [COUNT]` from the root."""

from __future__ import annotations

import json
import sys
from itertools import islice, product
from pathlib import Path

from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.locales import LOCALES
from tests.data.receipts import generate_receipt


def write_documents(folder: Path, count: int) -> None:
    """`count` invoices over layouts and languages and as many receipts, each with its truth as JSON beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = product(range(count), LAYOUTS, LOCALES)
    for seed, layout, language in islice(kinds, count):
        invoice = generate_invoice(seed, language, layout)
        name = f"invoice-{layout}-{language}-{seed}"
        (folder / f"{name}.pdf").write_bytes(invoice.pdf)
        (folder / f"{name}.json").write_text(json.dumps(invoice.truth, indent=2, ensure_ascii=False), "utf-8")
    for seed in range(count):
        receipt = generate_receipt(seed)
        (folder / f"receipt-{seed}.png").write_bytes(receipt.png)
        (folder / f"receipt-{seed}.json").write_text(json.dumps(receipt.truth, indent=2, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    write_documents(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 28)
