"""The marks in the report of `docmill eval`."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.evaluate.differences import shown


@pytest.mark.parametrize(
    ("labelled", "found", "cells"),
    [
        ("12.50", "12.60", ("12.<mark>5</mark>0", "12.<mark>6</mark>0")),
        ("Acme Ltd", "Acme", ("Acme<mark> Ltd</mark>", "Acme")),
        ("a<b>c", "a<b>d", ("a&lt;b&gt;<mark>c</mark>", "a&lt;b&gt;<mark>d</mark>")),
        ("two\nlines", "two\nlines", ("two<br>lines", "two<br>lines")),
        ("Paris", "unlike", ("Paris", "unlike")),
        ("Paris", None, ("Paris", '<span class="soft">nothing</span>')),
        (12.5, 12.0, ("12.<mark>5</mark>", "12.<mark>0</mark>")),
        (125, 1.25, ("125", "1<mark>.</mark>25")),
        ("ACME, Straße 1", "Acme straße 2", ("ACME, Straße <mark>1</mark>", "Acme straße <mark>2</mark>")),
    ],
    ids=[
        "a digit",
        "missing",
        "signs of HTML",
        "equal",
        "nothing in common",
        "nothing",
        "numbers",
        "a point",
        "case and signs do not count",
    ],
)
def test_what_only_one_of_them_has_is_marked(labelled: Any, found: Any, cells: tuple[str, str]) -> None:
    """And nothing where marks would not help."""
    assert shown(labelled, found) == cells


@given(st.text(max_size=60), st.text(max_size=60))
def test_marks_take_nothing_away(labelled: str, found: str) -> None:
    """Without marks, both values stand there as they are."""
    for value, cell in zip((labelled, found), shown(labelled, found), strict=True):
        assert unescape(re.sub(r"</?mark>", "", cell).replace("<br>", "\n")) == value


def test_long_values_are_not_compared() -> None:
    """A page of text on both sides would take minutes."""
    assert "<mark>" not in "".join(shown("a" * 3000 + "b", "a" * 3000 + "c"))
