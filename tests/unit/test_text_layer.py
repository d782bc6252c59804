"""Text layers: words and boxes as they were drawn, and the judgement whether they may be trusted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docmill.domain.pages import Box
from docmill.ocr.documents import open_document
from docmill.ocr.layer_trust import LayerFacts, is_trustworthy
from docmill.ocr.text_layer import TextLayer
from tests.fixtures import documents, layers

PRINTED = LayerFacts(
    characters=900,
    bad=0.0,
    broken=0.0,
    unmapped=0.0,
    readable=0.95,
    usual=6.5,
    pairs=600,
    spaced=0.04,
    unseen=0.0,
    pictures=0.05,
    other_objects=12,
)


def layer_of(path: Path, number: int = 1) -> TextLayer:
    """The text layer of a page that has one."""
    with open_document(path, "application/pdf") as document:
        layer = document.text_layer(number)
    assert layer is not None
    return layer


def turned(box: Box, rotate: int) -> Box:
    """Where a box of an A4 page goes when the page is turned clockwise."""
    width, height = documents.A4
    return {
        0: box,
        90: Box(height - box.bottom, box.x, box.h, box.w),
        180: Box(width - box.right, height - box.bottom, box.w, box.h),
        270: Box(box.y, width - box.right, box.h, box.w),
    }[rotate]


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_words_and_boxes_are_those_that_were_drawn(tmp_path: Path, rotate: int) -> None:
    """Every word is there once, in a box within 1.5 points of where it was drawn, whatever the page's rotation."""
    path = tmp_path / "a.pdf"
    drawn = documents.text_pdf(path, rotate=rotate)
    words = {word.text: word for line in layer_of(path).lines for word in line.words}
    assert sorted(words) == sorted({word.text for word in drawn})
    for word in drawn:
        if sum(other.text == word.text for other in drawn) > 1:
            continue
        box, expected = words[word.text].box, turned(word.box, rotate)
        assert (box.x, box.y, box.right, box.bottom) == pytest.approx(
            (expected.x, expected.y, expected.right, expected.bottom), abs=1.5
        )
        assert words[word.text].confidence == 1.0


def test_lines_come_in_reading_order(tmp_path: Path) -> None:
    """Upright text is grouped into its lines, top to bottom."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, pages=2)
    assert [line.text for line in layer_of(path, 2).lines] == [*documents.LINES, "Page 2"]


def test_cropped_page_is_measured_from_its_crop_box(tmp_path: Path) -> None:
    """Boxes count from the corner of what is shown; text outside of it is not there."""
    import pypdfium2

    drawn = documents.text_pdf(tmp_path / "a.pdf")
    with pypdfium2.PdfDocument(tmp_path / "a.pdf") as pdf:
        page = pdf[0]
        page.set_cropbox(40, 742, 595, 812)  # the first two lines
        pdf.save(tmp_path / "b.pdf")
    layer = layer_of(tmp_path / "b.pdf")
    assert [line.text for line in layer.lines] == list(documents.LINES[:2])
    box = layer.lines[0].words[0].box
    assert (box.x, box.y) == pytest.approx((drawn[0].box.x - 40, drawn[0].box.y - 30), abs=1.5)


def test_rows_of_a_table_stay_rows(tmp_path: Path) -> None:
    """Cells of one row are one line however far apart they stand and in whatever order they were drawn."""
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=documents.A4)
    for column, cells in ((450, ("7.50", "19.25", "26.75")), (50, ("Widget blue", "Widget green", "Total"))):
        for row, cell in enumerate(cells):
            canvas.drawString(column, 700 - 20 * row, cell)
    canvas.save()
    assert [line.text for line in layer_of(path).lines] == ["Widget blue 7.50", "Widget green 19.25", "Total 26.75"]


def test_a_long_table_with_columns_of_numbers_stays_rows(tmp_path: Path) -> None:
    """Descriptions are running text, and three numbers in a row are as many words; but a gutter parts each from the next."""
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=documents.A4)
    rows = [("Blue wall paint for kitchens", str(row), f"{row}.50", f"{row * row}.00") for row in range(12)]
    for row, cells in enumerate(rows):
        for column, cell in zip((50, 300, 400, 500), cells, strict=True):
            canvas.drawString(column, 700 - 20 * row, cell)
    canvas.save()
    assert [line.text for line in layer_of(path).lines] == [" ".join(cells) for cells in rows]


def test_columns_of_running_text_are_read_one_after_the_other(tmp_path: Path) -> None:
    """Two columns of prose under a heading do not mix."""
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=documents.A4)
    canvas.drawString(50, 760, "A heading that runs across both of the columns of this page, from left to right")
    for column, name in ((50, "left"), (320, "right")):
        for row in range(12):
            canvas.drawString(column, 720 - 15 * row, f"the {name} column says things here {row}")
    canvas.save()
    texts = [line.text for line in layer_of(path).lines]
    assert texts[0].startswith("A heading")
    assert texts[1:13] == [f"the left column says things here {row}" for row in range(12)]
    assert texts[13:] == [f"the right column says things here {row}" for row in range(12)]


def test_columns_of_few_lines_may_begin_and_end_with_short_ones(tmp_path: Path) -> None:
    """Each line counts by itself: three long ones of five are a column of running text."""
    columns = {
        column: [f"{name} a", *(f"the {name} column says things here {row}" for row in range(3)), f"{name} b"]
        for column, name in ((50, "left"), (320, "right"))
    }

    def draw(canvas: Any) -> None:
        for column, lines in columns.items():
            for row, line in enumerate(lines):
                canvas.drawString(column, 720 - 15 * row, line)

    page = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw)).lines
    assert [line.text for line in page] == [*columns[50], *columns[320]]


def test_word_that_is_broken_at_the_end_of_a_line_has_two_boxes(tmp_path: Path) -> None:
    """Both halves of a hyphenated word stand on their own lines."""
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=documents.A4)
    for row, text in enumerate(("the terms of this agree-", "ment hold for all of it")):
        canvas.drawString(50, 700 - 15 * row, text)
    canvas.save()
    assert [line.text for line in layer_of(path).lines] == ["the terms of this agree-", "ment hold for all of it"]


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param([(100, 700, "88802"), (138, 700, "Spielkreis")], id="side by side"),
        pytest.param([(100, 700, "6:30PM"), (136, 700, "Per")], id="the second over the end of the first"),
        pytest.param([(100, 700, "Su"), (100, 650, "Sa"), (300, 650, "Fr")], id="apart"),
    ],
)
def test_what_was_drawn_apart_is_not_one_word(tmp_path: Path, drawn: list[tuple[float, float, str]]) -> None:
    """No blank stands between cells that were drawn one by one; their places part them."""

    def draw(canvas: Any) -> None:
        for x, y, text in drawn:
            canvas.drawString(x, y, text)

    layer = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw))
    words = [word for line in layer.lines for word in line.words]
    assert [word.text for word in words] == [text for _, _, text in drawn]
    for word, (x, _, _) in zip(words, drawn, strict=True):
        assert word.box.x == pytest.approx(x, abs=1)


def test_cells_that_touch_are_parted_by_the_order_in_which_they_were_drawn(tmp_path: Path) -> None:
    """What stands beside a cell was drawn after one further right, so it is no part of it, however near it is."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    edge = 100 + stringWidth("10:30PM", "Helvetica", 12)

    def draw(canvas: Any) -> None:
        for x, cell in ((100, "10:30PM"), (400, "$100.00"), (edge + 0.5, "Per")):
            canvas.drawString(x, 700, cell)

    layer = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw))
    assert [line.text for line in layer.lines] == ["10:30PM Per $100.00"]


def test_kerning_is_no_blank(tmp_path: Path) -> None:
    """One command whose letters are pushed apart draws one word, where PDFium sees two; a written blank parts words."""

    def draw(canvas: Any) -> None:
        canvas.setFont("Helvetica", 12)
        canvas._code.append("BT 1 0 0 1 100 700 Tm [(Ver) -150 (k\\344ufer)] TJ ET")  # reportlab writes no kerning
        canvas.drawString(100, 650, "a b")

    layer = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw))
    assert [[word.text for word in line.words] for line in layer.lines] == [["Verk\u00e4ufer"], ["a", "b"]]


def test_raised_letters_belong_to_their_word(tmp_path: Path) -> None:
    """PDFium breaks the line before them; a cell right below a word stays one of its own."""

    def draw(canvas: Any) -> None:
        canvas.scale(0.1, 0.1)
        x = 1000.0
        for size, raised, text in ((70, 0, "the 30"), (46, 25, "th"), (70, 0, " day")):
            canvas.setFont("Helvetica", size)
            for letter in text:
                canvas.drawString(x, 7000 + raised, letter)
                x += canvas.stringWidth(letter, "Helvetica", size)
        canvas.drawString(1000, 6500, "LUR")
        canvas.drawString(1000, 6440, "Start")

    layer = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw))
    assert sorted(word.text for line in layer.lines for word in line.words) == ["30th", "LUR", "Start", "day", "the"]


def test_word_drawn_letter_by_letter_is_one_word(tmp_path: Path) -> None:
    """Kerning programs place every letter by itself."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    def draw(canvas: Any) -> None:
        x = 100.0
        for letter in "Payable":
            canvas.drawString(x, 700, letter)
            x += stringWidth(letter, "Helvetica", 12) - 0.4

    layer = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw))
    assert [line.text for line in layer.lines] == ["Payable"]


def test_text_that_runs_upwards_stands_in_upright_boxes(tmp_path: Path) -> None:
    """Words on their side are whole, and where they are."""

    def draw(canvas: Any) -> None:
        canvas.drawString(100, 700, "Lying text of a usual size on the page")
        canvas.translate(40, 300)
        canvas.rotate(90)
        canvas.drawString(0, 0, "Form W-9 turned")

    layer = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw))
    words = {word.text: word.box for line in layer.lines for word in line.words}
    assert {"Form", "W-9", "turned"} <= set(words)
    for text in ("Form", "turned"):
        assert words[text].h > 1.5 * words[text].w
        assert 25 < words[text].center[0] < 45
    assert words["Form"].y > words["turned"].bottom


def test_page_without_text_has_no_layer(tmp_path: Path) -> None:
    """A scan has nothing to offer but its picture."""
    path = documents.scanned_pdf(tmp_path / "a.pdf")
    with open_document(path, "application/pdf") as document:
        assert document.text_layer(1) is None


def test_printed_page_is_trusted(tmp_path: Path) -> None:
    """A born-digital page needs no OCR."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path)
    assert layer_of(path).is_trustworthy


def test_hidden_layer_of_a_scan_is_not_trusted(tmp_path: Path) -> None:
    """Invisible text over a picture of the page came from an unknown reader."""
    hidden = "Something that the picture does not say at all, and at some length"
    layer = layer_of(documents.scanned_pdf(tmp_path / "a.pdf", hidden=hidden))
    assert layer.facts.unseen == 1.0
    assert layer.facts.pictures == pytest.approx(1.0)
    assert not layer.is_trustworthy


@pytest.mark.parametrize(
    ("change", "trusted"),
    [
        ({}, True),
        ({"characters": 0}, False),
        ({"characters": 5}, False),
        ({"characters": 5, "other_objects": 0, "pictures": 0.0}, True),
        ({"bad": 0.2}, False),
        ({"broken": 0.01}, False),
        ({"broken": 0.001}, True),
        ({"readable": 0.2}, False),
        ({"spaced": 0.9}, False),
        ({"unmapped": 0.2}, False),
        ({"usual": 3.0}, False),
        ({"usual": 4.0, "pairs": 20}, True),
        ({"usual": 0.0, "pairs": 0}, True),
        ({"unseen": 0.9}, False),
        ({"pictures": 0.95}, True),
    ],
)
def test_judgement(change: dict[str, float], trusted: bool) -> None:  # noqa: FBT001  # a table of cases
    """Little text beside other content, undecodable text and unseen text are out; a picture beside it is read as well."""
    assert is_trustworthy(replace(PRINTED, **change)) is trusted  # type: ignore[arg-type]  # counts given as ints
