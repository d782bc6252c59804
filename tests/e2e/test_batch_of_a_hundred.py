"""A hundred files of all kinds in one request, against a whole docmill: an answer at once, flat memory, results in order."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fixtures import documents
from tests.fixtures.processes import part, parts, peak
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

KINDS = (*["pdf"] * 5, "jpg", *["pdf"] * 4, "tiff", *["pdf"] * 4, "jpg", *["pdf"] * 3, "heic")
"""What the files are, in turns."""
FILES = 100
PADDING = 900_000
"""Bytes behind the end of each file: the request is heavier than the memory it may cost."""
LIMIT = 60 * 1024 * 1024
"""Bytes by which a part may grow."""


def drawn(folder: Path, number: int) -> tuple[str, bytes]:
    """Name and bytes of a file that says which one it is."""
    kind = KINDS[number % len(KINDS)]
    path = folder / f"{number:03d}.{kind}"
    lines = [f"Invoice No: A-{1000 + number}"]
    if kind == "pdf":
        documents.text_pdf(path, lines=["Invoice", *lines], size=(300, 150))
    else:
        picture = documents.draw_page(lines, (420, 120), 32)[0]
        if kind == "jpg":
            documents.turned_jpeg(path, 6 if number % 20 == 15 else 1, picture)
        elif kind == "tiff":
            documents.tiff(path, [picture, documents.draw_page(["Page two"], (240, 120), 32)[0]])
        else:
            documents.image_file(path, picture)
    padding = os.urandom(PADDING)
    if kind == "heic":  # made of boxes to its end (ISO 14496-12)
        return path.name, path.read_bytes() + (PADDING + 8).to_bytes(4, "big") + b"free" + padding
    return path.name, path.read_bytes() + b"\n%" + padding


def test_a_hundred_mixed_files(stack: Stack, tmp_path: Path) -> None:
    """The answer comes while no worker does anything; then percentages rise to 100, and gateway and services stay as they were."""
    files = [("files", drawn(tmp_path, number)) for number in range(FILES)]
    key = stack.new_key(stack.new_organization_of("documentflow.enterprise"), "--mode", "af")["key"]
    roles = [part(stack.process.pid, f"docmill.role {role}") for role in ("gateway", "services")]
    workers = parts(stack.process.pid, "docmill.role worker")
    base = f"http://{stack.rest}/v1/batch"
    with requests.Session() as api:
        api.headers["Authorization"] = f"Bearer {key}"
        before = [peak(process, reset=True) for process in roles]
        try:
            for worker in workers:
                worker.send(signal.SIGSTOP)
            answer = api.post(base, files=files, timeout=60)
            assert answer.status_code == 200, answer.text
            batch = answer.json()
            assert (batch["status"], batch["total_files"]) == ("queued", FILES)
            shown = api.get(f"{base}/{batch['batch_id']}", timeout=30).json()
            assert (shown["status"], shown["processed"], shown["percent"]) == ("queued", 0, 0)
        finally:
            for worker in workers:
                worker.send(signal.SIGCONT)
        percents = _to_the_end(api, f"{base}/{batch['batch_id']}")
        assert percents == sorted(percents)
        assert percents[-1] == 100
        results = requests.get(
            api.get(f"{base}/{batch['batch_id']}", timeout=30).json()["download_url"], timeout=30
        ).json()
    _check(results)
    grown = [peak(process) - was for process, was in zip(roles, before, strict=True)]
    assert max(grown) < LIMIT, grown


def _to_the_end(api: requests.Session, batch: str) -> list[int]:
    """The percentages that polls show while events come, until the batch is complete."""
    with api.get(f"{batch}/events", stream=True, timeout=100) as events:
        ended = (line for line in events.iter_lines(decode_unicode=True) if line.startswith("event: file."))
        percents = [api.get(batch, timeout=30).json()["percent"] for _ in ended]
    return [*percents, api.get(batch, timeout=30).json()["percent"]]


def _check(results: list[dict[str, Any]]) -> None:
    """Each file's own words in its place."""
    assert [entry["file_index"] for entry in results] == list(range(FILES))
    assert [entry for entry in results if "error" in entry] == []
    keys = [entry["file_key"].rpartition("/")[2] for entry in results]
    assert keys == [f"{number:04d}.{KINDS[number % len(KINDS)]}" for number in range(FILES)]
    numbers = [entry["extraction"]["document_meta"].get("invoice_number") for entry in results]
    assert numbers == [f"A-{1000 + number}" for number in range(FILES)]
    pages = [entry["extraction"]["document_meta"]["page_count"] for entry in results]
    assert pages == [2 if KINDS[number % len(KINDS)] == "tiff" else 1 for number in range(FILES)]
