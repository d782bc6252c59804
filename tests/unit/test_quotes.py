"""Quotation marks and marks of long vowels as the page prints them."""

from __future__ import annotations

import pytest

from docmill.domain.pages import Box, Line, Word
from docmill.ocr.paddle.kana import with_long_vowels
from docmill.ocr.paddle.quotes import of_one_kind


def lines(*texts: str) -> tuple[Line, ...]:
    """A word for each piece between blanks."""
    return tuple(Line(tuple(Word(word, Box(0, 0, 1, 1), 0.9) for word in text.split())) for text in texts)


@pytest.mark.parametrize(
    ("read", "printed"),
    [
        ('(\u201cAltimo"),', "(\u201cAltimo\u201d),"),
        ('"Parties\u201d', "\u201cParties\u201d"),
        ("Telenor's", "Telenor\u2019s"),
        ("parties'", "parties\u2019"),
        ('G.S.M.,"', "G.S.M.,\u201d"),
        ('and/or ("Seller")', "and/or (\u201cSeller\u201d)"),
    ],
)
def test_straight_marks_among_curly_ones_were_curly(read: str, printed: str) -> None:
    """Whichever side of a word they stand on."""
    (first, _) = of_one_kind(lines(read, "\u201cthe Agreement\u201d"))
    assert first.text == printed


def test_a_page_of_straight_marks_stays_as_it_is() -> None:
    """Typewriters, tills and code print them; inches and one smudge are no quotation either."""
    read = lines('SCREW 3" 5\'6" "OK"', "\u201dsmudge")
    assert of_one_kind(read) == read


def test_long_vowels_are_no_ones() -> None:
    """Between letters of katakana, where a one makes no sense; elsewhere it is one."""
    (line,) = with_long_vowels(
        lines("メ一カー メ一ルとデ一タセンタ一 第一条 カード一枚 サービス一覧 レンタル一ヶ月 コース一カ月")
    )
    assert line.text == "メーカー メールとデータセンタ一 第一条 カード一枚 サービス一覧 レンタル一ヶ月 コース一カ月"
