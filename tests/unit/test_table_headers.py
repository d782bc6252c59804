"""Headers of tables whose names of columns stand in several lines."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.engine.flow_files import builtin_flows
from docmill.extract.layout import LayoutExtractor

SCHEMA = next(
    flow.output_schema for flow in builtin_flows() if (flow.id, flow.version) == ("invoice-extractor", "1.2.0")
)
LEADING, WIDTH, HEIGHT = 11.0, 5.0, 9.0
ITEMS = (
    (60, ("Oak desk", 40), ("2", 305), ("410.00", 0), ("820.00", 500)),
    (78, ("Desk lamp", 40), ("3", 305), ("35.50", 0), ("106.50", 500)),
    (110, ("Total", 385), ("926.50", 500)),
)
"""Places of lines from the top of the table, and the texts on them with their left edges; 0 is that of the prices."""


def items_under(*header: tuple[float, str, float], font_height: float = HEIGHT, price_at: float = 385) -> Any:
    """The items read under a header of (line, text, left edge), each as (description, quantity, unit price, total)."""
    drawn = [(20 + LEADING * line, (text, x)) for line, text, x in header]
    drawn += [(y, cell) for y, *cells in ITEMS for cell in cells]
    lines = tuple(_line(text, x or price_at, 100 + y, font_height) for y, (text, x) in drawn)
    page = Page(number=1, width=595, height=842, unit=Unit.POINT, engine="text-layer", lines=lines)
    data = LayoutExtractor().extract([page], SCHEMA, {}).data
    names = ("description", "quantity", "unitPrice", "total")
    return [tuple(item.get(name) for name in names) for item in data["lineItems"]]


def _line(text: str, x: float, y: float, height: float) -> Line:
    words = []
    for word in text.split():
        words.append(Word(word, Box(x, y, WIDTH * len(word), height), 1.0))
        x += WIDTH * len(word) + 3
    return Line(tuple(words))


TRUTH = [("Oak desk", 2, 410, 820), ("Desk lamp", 3, 35.5, 106.5)]


@pytest.mark.parametrize("font_height", [10.5, 9.0, 6.5])
@pytest.mark.parametrize("beside", [0, 0.5, 1], ids=["above", "amid", "below"])
def test_words_over_each_other_are_one_name(beside: float, font_height: float) -> None:
    """Wherever the names of one line stand beside those of two, and however tight the boxes of the words are."""
    header = [(beside, "Description", 40), (beside, "Qty", 300)]
    header += [(0, "Unit", 390), (1, "price", 387), (0, "Net", 510), (1, "amount", 500)]
    assert items_under(*header, font_height=font_height) == TRUTH


def test_a_name_in_three_lines() -> None:
    """Also one that is hyphenated."""
    header = [(1, "Bezeichnung", 40), (1, "Menge", 300), (0, "Einzel-", 380), (1, "preis", 385), (2, "netto", 385)]
    assert items_under(*header, (0.5, "Gesamt-", 495), (1.5, "preis", 500)) == TRUTH


@pytest.mark.parametrize("rise", [-6, 6])
def test_a_header_that_is_askew_is_one(rise: float) -> None:
    """The right half of the line stands so much higher or lower that it is a row of its own."""
    left, right = [(1, "Description", 40), (1, "Qty", 300)], [("Unit price", 385), ("Amount", 500)]
    assert items_under(*left, *((1 + rise / LEADING, text, x) for text, x in right)) == TRUTH


def test_names_set_close_together_in_one_line_are_told_apart() -> None:
    """`Qty` and `Unit` without a wide gap between them, `price` below the second."""
    header = [(0, "Description", 40), (0, "Qty", 305), (0, "Unit", 328), (1, "price", 328), (0, "Amount", 500)]
    assert items_under(*header, price_at=330) == TRUTH


def test_words_that_only_explain_a_name_change_nothing() -> None:
    """A second line with a currency, or with words that are no name together with the first."""
    header = [(0, "Description", 40), (0, "Qty", 300), (0, "Unit price", 385), (0, "Amount", 500)]
    assert items_under(*header) == TRUTH
    assert items_under(*header, (1, "GBP", 385), (1, "GBP", 500)) == TRUTH
    assert items_under(*header, (1, "as ordered", 40)) == TRUTH


def test_words_of_an_item_under_the_header_stay_its_description() -> None:
    """The row below a header of one line names no columns, though it has no digits either."""
    header = [(0, "Description", 40), (0, "Qty", 300), (0, "Unit price", 385), (0, "Amount", 500)]
    found = items_under(*header, (2.6, "Solid", 40))
    assert found[0] == ("Solid Oak desk", 2, 410, 820)


def test_a_line_over_the_header_is_not_part_of_it() -> None:
    """A title of the table, and a name over several columns."""
    header = [(1, "Description", 40), (1, "Qty", 300), (1, "Unit price", 385), (1, "Amount", 500)]
    assert items_under((0, "Your order", 40), *header) == TRUTH
    assert items_under((0, "Prices in pounds without any tax", 385), *header) == TRUTH
