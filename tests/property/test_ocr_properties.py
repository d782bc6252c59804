"""What holds for all bytes and all pages."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.ocr.codec import page_from_json, page_to_json
from docmill.ocr.lines import arrange
from docmill.ocr.sniff import SUPPORTED_TYPES, looks_like, sniff

numbers = st.floats(min_value=0, max_value=20_000, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1, max_size=12)
boxes = st.builds(Box, numbers, numbers, numbers, numbers)
words = st.builds(Word, texts, boxes, st.floats(0, 1))
lines = st.builds(Line, st.lists(words, min_size=1, max_size=5).map(tuple))
pages = st.builds(
    Page,
    number=st.integers(1, 2000),
    width=numbers,
    height=numbers,
    unit=st.sampled_from(Unit),
    rotation=st.sampled_from([0, 90, 180, 270]),
    engine=st.text(string.ascii_lowercase, max_size=10),
    lines=st.lists(lines, max_size=5).map(tuple),
)


@given(pages)
def test_a_page_survives_its_json(page: Page) -> None:
    """What is written is read back, to the last digit."""
    assert page_from_json(page_to_json(page)) == page


@given(st.binary(max_size=3000))
def test_sniffing_never_fails(head: bytes) -> None:
    """Any bytes are a supported type or get a name."""
    media_type = sniff(head)
    assert media_type is None or media_type in SUPPORTED_TYPES
    assert all(looks_like(head))


@given(st.lists(words, max_size=40))
def test_arranging_loses_and_invents_nothing(given_words: list[Word]) -> None:
    """Every word stands in exactly one line."""
    arranged = [word for line in arrange(given_words) for word in line.words]
    assert sorted(map(repr, arranged)) == sorted(map(repr, given_words))
