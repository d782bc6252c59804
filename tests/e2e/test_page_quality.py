"""How well pages could be read, and that they are read once, through the whole of docmill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from docmill.client import Docmill, PageWarning
from tests.fixtures import documents, wide_pages
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


def sheets(path: Path, title: str) -> Path:
    """A TIFF with a sound page, one under snow, a blank one, and one in letters that the engine does not know."""
    sound, _ = documents.draw_page([title, *documents.LINES])
    snow = np.random.default_rng(7).normal(0, 110, (sound.height, sound.width, 3))
    faded = np.clip(np.asarray(sound) * 0.5 + 60 + snow, 0, 255).astype(np.uint8)
    russian, _ = wide_pages.draw_page(wide_pages.RUSSIAN, "zh")
    return documents.tiff(path, [sound, Image.fromarray(faded), Image.new("RGB", sound.size, "white"), russian])


def test_pages_say_how_well_they_could_be_read(client: Docmill, stack: Stack, tmp_path: Path) -> None:
    """One by one, in the list, in the events and over REST: what is sound, and what a person should look at."""
    run = client.flows.run("document-text", sheets(tmp_path / "a.tiff", "Quality of sheets")).result(timeout=60)
    pages = [client.runs.page(run.id, number) for number in (1, 2, 3, 4)]
    sound, snowed, blank, russian = (page.quality for page in pages)
    assert sound is not None
    assert snowed is not None
    assert blank is not None
    assert russian is not None
    assert (sound.needs_review, sound.warnings, sound.dictionary_share) == (False, (), 1.0)
    assert sound.mean_confidence == pytest.approx(pages[0].confidence, abs=0.001)
    assert sound.sharpness is not None
    assert snowed.needs_review
    assert PageWarning.LOW_CONFIDENCE in snowed.warnings or PageWarning.EMPTY in snowed.warnings
    assert (blank.needs_review, blank.warnings) == (True, (PageWarning.EMPTY,))
    assert (russian.needs_review, russian.warnings) == (True, (PageWarning.UNREAD,))
    assert [page.quality for page in client.runs.pages(run.id)] == [sound, snowed, blank, russian]
    events = {event.page_number: event for event in client.runs.watch(run.id) if event.kind == "page.done"}
    assert [events[number].needs_review for number in (1, 2, 3, 4)] == [False, True, True, True]

    shown = requests.get(
        f"http://{stack.rest}/api/v1/runs/{run.id}/pages/4",
        headers={"Authorization": f"Bearer {stack.api_key}"},
        timeout=60,
    ).json()
    assert shown["quality"]["needsReview"] is True
    assert shown["quality"]["warnings"] == ["unread"]
    assert shown["quality"]["unreadShare"] == russian.unread_share


def test_a_second_flow_over_a_document_costs_no_reading(client: Docmill, tmp_path: Path) -> None:
    """Another flow over the same document, and the same bytes sent again: nothing is read, and everything is the same."""
    path = sheets(tmp_path / "a.tiff", "Read once")
    first = client.flows.run("document-text", path).result(timeout=60)
    assert first.metrics is not None
    assert first.metrics.engine_ms > 0
    pages = list(client.runs.pages(first.id))
    assert [page.cached for page in pages] == 4 * [False]
    other_flow = client.flows.run("universal-extract", document_id=first.document_id).result(timeout=60)
    sent_again = client.flows.run("document-text", path.rename(tmp_path / "b.tiff")).result(timeout=60)
    assert sent_again.document_id != first.document_id
    for again in (other_flow, sent_again):
        assert again.metrics is not None
        assert again.metrics.engine_ms == 0
        assert [page.cached for page in client.runs.pages(again.id)] == 4 * [True]
        assert client.runs.page(again.id, 1).text == client.runs.page(first.id, 1).text
        done = [event for event in client.runs.watch(again.id) if event.kind == "page.done"]
        assert [event.cached for event in done] == 4 * [True]
    assert sent_again.output == first.output
