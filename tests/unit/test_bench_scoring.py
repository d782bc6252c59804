"""The scores of `make bench-ocr`: small pages whose score is known."""

from __future__ import annotations

import pytest

from tests.bench.ocr.scoring import Counts, Piece, Score, in_reading_order, iou, score, to_words

TOTAL = Piece("Total:", (0, 0, 60, 20))
AMOUNT = Piece("12.50", (100, 0, 150, 20))


def test_line_is_divided_at_blanks_in_proportion_to_characters() -> None:
    """Ten characters over a hundred pixels: ten pixels each, blanks included."""
    words = to_words([Piece(" Ab  cdefgh ", (100, 5, 200, 25))])
    assert words == [Piece("ab", (100, 5, 120, 25)), Piece("cdefgh", (140, 5, 200, 25))]


def test_overlap_is_the_shared_part_of_both() -> None:
    """A third for two boxes that share half of each; nothing where they only touch."""
    assert iou((0, 0, 20, 10), (10, 0, 30, 10)) == pytest.approx(1 / 3)
    assert iou((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0
    assert iou((0, 0, 10, 10), (10, 0, 20, 10)) == 0.0


def test_page_read_as_labelled_has_no_fault() -> None:
    """Case is none, and neither is the order in which pieces are given."""
    found = score([TOTAL, AMOUNT], [AMOUNT, Piece("TOTAL:", TOTAL.box)])
    assert (found.words.f1, found.tokens.f1, found.boxes.f1, found.cer) == (1.0, 1.0, 1.0, 0.0)


def test_punctuation_counts_for_words_and_not_for_tokens() -> None:
    """`Total` is another word than `Total:`, and the same run of letters; one of twelve characters is missing."""
    found = score([TOTAL, AMOUNT], [Piece("Total", TOTAL.box), AMOUNT])
    assert found.words == Counts(agreed=1, read=2, labelled=2)
    assert found.tokens == Counts(agreed=3, read=3, labelled=3)
    assert found.cer == pytest.approx(1 / len("total: 12.50"))


def test_a_word_read_twice_agrees_once() -> None:
    """Bags, not sets."""
    found = score([TOTAL], [TOTAL, TOTAL])
    assert found.words == Counts(agreed=1, read=2, labelled=1)
    assert found.boxes == Counts(agreed=1, read=2, labelled=1)
    assert found.words.f1 == pytest.approx(2 / 3)


def test_word_in_the_wrong_place_is_right_in_the_bag_only() -> None:
    """Half of the box is not enough: IoU 1/3."""
    found = score([TOTAL], [Piece("Total:", (30, 0, 90, 20))])
    assert found.words.agreed == 1
    assert found.boxes.agreed == 0


def test_equal_words_are_paired_by_their_boxes() -> None:
    """The closest pair first: a label is not spent on the read word that fits it less."""
    labelled = [Piece("0.00", (0, 0, 40, 10)), Piece("0.00", (0, 4, 40, 14))]
    assert score(labelled, labelled[::-1]).boxes == Counts(agreed=2, read=2, labelled=2)


def test_line_of_an_engine_is_compared_with_labelled_words() -> None:
    """The line's words stand where their share of the line is."""
    labelled = [Piece("Green", (0, 0, 50, 20)), Piece("Tea", (60, 0, 90, 20))]
    assert score(labelled, [Piece("Green Tea", (0, 0, 90, 20))]).boxes.f1 == 1.0


def test_reading_order_is_rows_of_words() -> None:
    """Words that stand a little askew are one row; a large word beside small ones keeps to its own middle."""
    words = [Piece("b", (50, 3, 60, 13)), Piece("c", (0, 20, 10, 30)), Piece("a", (0, 0, 10, 10))]
    assert [word.text for word in in_reading_order(words)] == ["a", "b", "c"]


def test_nothing_read_and_nothing_labelled() -> None:
    """An empty page read as one is right; an empty result for a full page is all wrong."""
    assert score([], []).words.f1 == 1.0
    missed = score([TOTAL], [])
    assert (missed.words.f1, missed.boxes.f1, missed.cer) == (0.0, 0.0, 1.0)


def test_sets_are_sums_of_pages() -> None:
    """Micro averages: ten words weigh ten times one."""
    good = Score(words=Counts(9, 9, 9), edits=0, characters=90)
    bad = Score(words=Counts(0, 1, 1), edits=10, characters=10)
    assert sum([good, bad], Score()).words.f1 == pytest.approx(0.9)
    assert sum([good, bad], Score()).cer == pytest.approx(0.1)
