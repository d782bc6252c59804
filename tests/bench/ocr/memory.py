"""Resident memory of a worker's reading process over thousands of mixed pages, pictures among them."""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.ocr.sniff import PDF
from docmill.worker import frames
from docmill.worker.executor import ChildProcess, ChildSpec
from tests.bench import _documents
from tests.bench._figures import Figure
from tests.bench._stack import resident_mb
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.receipts import generate_receipt

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["measure"]

_PAGES = 2000
_SHOWN = 10  # sizes that are printed
_BAR_MB = 30.0  # what the allocators of the image libraries move by anyway
_PAGE_SECONDS = 300.0
_MEMORY = 8 * 1024**3  # it is measured here, not bounded


@dataclass(frozen=True, slots=True)
class _Request:
    path: Path
    media_type: str
    page: int
    mode: str

    def head(self) -> bytes:
        """The frame."""
        request = {"do": "page", "path": str(self.path), "media_type": self.media_type, "page": self.page}
        head, _ = frames.encode({**request, "read": {"mode": self.mode}})
        return head


def measure(folder: Path, pages: int = _PAGES) -> list[Figure]:
    """The figure; documents are written to `folder`."""
    sizes, pictures = asyncio.run(_sizes(_requests(folder), pages))
    later = sizes[len(sizes) // 2 :]
    growth = statistics.linear_regression(range(len(later)), later).slope * len(later)
    shown = sizes[:: max(1, len(sizes) // _SHOWN)]
    return [
        Figure(
            what=f"Memory of a reading process: growth over the second half of {pages:,} pages, {pictures:,} by OCR",
            bar=f"<= {_BAR_MB:.0f} MB",
            measured=f"{growth:+.0f} MB, at {statistics.median(later):.0f} MB "
            f"({', '.join(f'{size:.0f}' for size in shown)})",
            met=growth <= _BAR_MB,
        )
    ]


async def _sizes(requests: list[_Request], pages: int) -> tuple[list[float], int]:
    """Megabytes after each page, and how many pages the engine read."""
    child = await ChildProcess.start(ChildSpec(memory_limit=_MEMORY))
    sizes, pictures = [], 0
    try:
        for number in range(pages):
            answer = (await child.exchange(requests[number % len(requests)].head(), b"", _PAGE_SECONDS)).header
            assert "error" not in answer, answer
            pictures += answer["engine"] != "text-layer"
            sizes.append(resident_mb(child.pid))
    finally:
        await child.close()
    return sizes, pictures


def _requests(folder: Path) -> list[_Request]:
    """A round of work, one of four a picture: no two pictures of one size, as real ones come."""
    text, scan = folder / "text.pdf", folder / "scan.pdf"
    text.write_bytes(_documents.text(folder, 20))
    scan.write_bytes(_documents.scan(10))
    requests = []
    for turn in range(20):
        receipt, invoice = folder / f"receipt-{turn}.png", folder / f"invoice-{turn}.pdf"
        receipt.write_bytes(generate_receipt(turn).png)
        invoice.write_bytes(generate_invoice(turn, layout=LAYOUTS[turn % len(LAYOUTS)], items=20 + 4 * turn).pdf)
        picture = [
            _Request(receipt, "image/png", 1, "auto"),
            _Request(scan, PDF, turn // 2 + 1, "auto"),
            _Request(invoice, PDF, 1, "ocr"),
        ][turn % 3]
        requests += [picture, _Request(text, PDF, turn + 1, "auto"), _Request(invoice, PDF, 1, "auto")]
        requests.append(_Request(text, PDF, 20 - turn, "text-layer"))
    return requests
