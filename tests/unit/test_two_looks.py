"""Two looks at a page: nothing that one of them read surely is lost, and nothing is there twice."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.pages import Box, Word
from docmill.ocr.paddle.looks import Reading, of_two_looks
from docmill.ocr.paddle.strips import Strip


def reading(text: str, box: Box, confidence: float = 0.98, *, degrees: float = 0.0, thickness: float = 0.0) -> Reading:
    """A word that fills its line, which lies in the middle of its box, slanting by so many degrees."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    down = thickness or box.h
    along = (box.w - down * abs(sine)) / cosine
    x, y = box.center
    origin = (x - (along * cosine - down * sine) / 2, y - (along * sine + down * cosine) / 2)
    strip = Strip(
        np.zeros((48, 100, 3), np.uint8), origin, (along * cosine, along * sine), (-down * sine, down * cosine), 0.0
    )
    return Reading(Word(text, box, confidence), strip)


def texts(first: list[Reading], second: list[Reading]) -> list[str]:
    """What is left of both."""
    return sorted(word.text for word, _ in of_two_looks(first, second))


TOTAL = reading("Total", Box(100, 100, 80, 20))
SMALL = [
    reading(text, Box(100 + 50 * at, 400 + 16 * row, 45, 12)) for row in range(4) for at, text in enumerate("1234")
]
ROWS = sorted(word.text for word, _ in SMALL)


def test_what_only_one_look_read_is_kept() -> None:
    """Each of them."""
    assert texts([TOTAL], SMALL) == sorted(["Total", *ROWS])
    assert texts([TOTAL], []) == ["Total"]
    assert texts([], SMALL) == ROWS


def test_what_the_second_look_alone_read_with_much_doubt_is_left_out() -> None:
    """More of it is wrong than right."""
    assert texts([TOTAL], [reading("x7", Box(300, 100, 20, 20), 0.5)]) == ["Total"]
    assert texts([reading("x7", Box(300, 100, 20, 20), 0.5)], [TOTAL]) == ["Total", "x7"]


def test_the_same_word_is_there_once() -> None:
    """As the first look read it, be the second one a little surer."""
    assert of_two_looks([TOTAL], [reading("Tota1", Box(101, 102, 79, 18), 0.99)]) == [TOTAL]


def test_a_word_that_was_cut_or_blurred_gives_way() -> None:
    """The second look says more."""
    assert texts([reading("FR0L", Box(100, 100, 80, 20), 0.8)], [reading("FROLIVE", Box(98, 102, 85, 17))]) == [
        "FROLIVE"
    ]


def test_a_block_of_lines_that_was_read_as_one_gives_way() -> None:
    """As it says less than they do."""
    nonsense = reading("1l1sina", Box(95, 395, 210, 72), 0.7)
    assert texts([TOTAL, nonsense], SMALL) == sorted(["Total", *ROWS])


def test_a_heading_over_small_print_is_kept_beside_it() -> None:
    """A stamp: large, and surely read."""
    stamp = reading("PAID", Box(95, 395, 210, 72))
    assert texts([stamp], SMALL) == sorted(["PAID", *ROWS])


def test_a_line_is_not_given_up_for_one_that_is_given_up_itself() -> None:
    """Words that hang together by the second look are judged together."""
    first = [reading("random", Box(100, 100, 90, 20)), reading("2650.60", Box(200, 100, 90, 20))]
    second = [reading("rand0m2650", Box(100, 101, 150, 18), 0.9)]
    assert texts(first, second) == ["2650.60", "random"]


def test_neighbours_in_a_line_are_in_nobodys_way() -> None:
    """Their boxes touch, as the ink is not found to the pixel."""
    line = reading("Total due", Box(100, 100, 300, 20)).strip
    total, due = (Reading(Word(text, Box(x, 100, 80, 20), 0.98), line) for text, x in (("Total", 100), ("due", 172)))
    assert texts([total], [due]) == ["Total", "due"]


def test_a_chain_of_words_is_one_group() -> None:
    """Each is in the way of the next: first and second ones in turns."""
    first = [reading("abcdef", Box(100 * at, 0, 60, 20)) for at in range(9)]
    second = [reading("abcdefghijkl", Box(100 * at + 20, 0, 130, 20)) for at in range(8)]
    assert texts(first, second) == 8 * ["abcdefghijkl"]


def test_the_box_of_a_slanting_word_is_mostly_not_the_word() -> None:
    """Across a page, its box holds most of it."""
    draft = reading("dr@ft", Box(0, 0, 1000, 1000), 0.6, degrees=45, thickness=100)
    beside = [reading("beside", Box(700, 100, 60, 12)), reading("below", Box(100, 800, 60, 12))]
    assert texts([draft], beside) == ["below", "beside", "dr@ft"]
    assert texts([draft], [reading("within", Box(480, 494, 60, 12))]) == ["within"]


boxes = st.builds(Box, st.integers(0, 300), st.integers(0, 100), st.integers(5, 200), st.integers(5, 60))
looks = st.lists(st.builds(reading, st.text("abc", min_size=1, max_size=9), boxes, st.floats(0, 1)), max_size=8)


@given(first=looks, second=looks)
def test_no_word_is_lost_to_nothing(first: list[Reading], second: list[Reading]) -> None:
    """A word of the first look gives way only to words in its place; the second look adds none that is left in the way."""
    left = of_two_looks(first, second)
    kept = [one for one in first if any(one is other for other in left)]
    added = [one for one in second if any(one is other for other in left)]
    for gone in (one for one in first if not any(one is other for other in kept)):
        assert any(meet(gone.word.box, other.word.box) for other in added)
    for one in kept:
        small = [other for other in added if one.strip.down[1] < 3 * other.strip.down[1] or one.word.confidence < 0.9]
        assert not any(meet(one.word.box, other.word.box) and centred(one.word.box, other.word.box) for other in small)


def meet(one: Box, other: Box) -> bool:
    """Whether they share more than 0.3 of the smaller one."""
    across = min(one.right, other.right) - max(one.x, other.x)
    down = min(one.bottom, other.bottom) - max(one.y, other.y)
    return across > 0 and down > 0 and across * down > 0.3001 * min(one.w * one.h, other.w * other.h)


def centred(one: Box, other: Box) -> bool:
    """Whether the middle of one lies in the other."""
    pairs = ((one, other.center), (other, one.center))
    return any(box.x < x < box.right and box.y < y < box.bottom for box, (x, y) in pairs)
