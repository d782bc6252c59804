"""Laws of the signals of a page's quality, whatever is written on it."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain import quality as domain
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.domain.quality import PageQuality, PageWarning
from docmill.ocr import quality, wordlike
from docmill.ocr.codec import page_from_json, page_to_json

tokens = st.lists(st.text(min_size=1, max_size=12), max_size=30)
shares = st.floats(0, 1)
qualities = st.builds(
    PageQuality,
    mean_confidence=shares,
    dictionary_share=st.none() | shares,
    skew_degrees=st.none() | st.floats(-45, 45),
    resolution_dpi=st.none() | st.floats(0, 5000),
    sharpness=st.none() | st.floats(0, 100),
    unread_share=st.none() | shares,
    warnings=st.lists(st.sampled_from(PageWarning), unique=True).map(tuple),
)


def page_of(words: list[str], confidence: float = 1.0) -> Page:
    """A page with these words on one line."""
    lines = (Line(tuple(Word(word, Box(0, 0, 1, 1), confidence) for word in words)),) if words else ()
    return Page(number=1, width=10, height=10, unit=Unit.PIXEL, engine="paddle", lines=lines)


@given(tokens)
def test_shares_are_shares_and_the_same_again(words: list[str]) -> None:
    """Any text at all has a share from 0 to 1, always the same one, in any order."""
    share, count = wordlike.share(words)
    assert 0 <= share <= 1
    assert count >= 0
    assert wordlike.share(words) == (share, count) == wordlike.share(words[::-1])


@given(tokens)
def test_garbage_lowers_the_share_and_words_raise_it(words: list[str]) -> None:
    """Where there is room."""
    share, count = wordlike.share(words)
    worse, _ = wordlike.share([*words, "x~^y"])
    better, _ = wordlike.share([*words, "Total"])
    assert worse < share or (share, worse) == (0.0, 0.0)
    assert better > share or (share, better) == (1.0, 1.0)
    assert wordlike.share([*words, "Total", "x~^y"])[1] == count + 2


@given(tokens, shares, shares)
def test_a_page_that_is_surer_is_reviewed_no_more(words: list[str], one: float, other: float) -> None:
    """Signals are in their bounds; more confidence never adds a warning."""
    low, high = sorted((one, other))
    unsure, sure = quality.of_text(page_of(words, low)), quality.of_text(page_of(words, high))
    assert 0 <= unsure.mean_confidence <= sure.mean_confidence <= 1
    assert set(sure.warnings) <= set(unsure.warnings)
    assert quality.of_text(page_of(words, low)) == unsure


@given(qualities)
def test_signals_survive_being_kept_and_sent(measured: PageQuality) -> None:
    """Alone and with their page."""
    assert domain.from_json(orjson.loads(orjson.dumps(domain.to_json(measured)))) == measured
    page = Page(number=1, width=1, height=1, unit=Unit.PIXEL, quality=measured)
    assert page_from_json(page_to_json(page)) == page
