"""Text that is painted and yet seen by nobody is none of the page's own; white text on something dark is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reportlab.lib.colors import Color, white

from docmill.ocr.documents import open_document
from docmill.ocr.text_layer import TextLayer
from tests.fixtures import documents, layers


def layer_of(tmp_path: Path, draw: Callable[[Any], None]) -> TextLayer:
    """The text layer of an A4 page that is drawn so."""
    with open_document(layers.page_pdf(tmp_path / "a.pdf", draw), "application/pdf") as document:
        layer = document.text_layer(1)
    assert layer is not None
    return layer


def scan(canvas: Any) -> None:
    """A page of print, as a picture."""
    layers.paste(canvas, documents.draw_page(size=(1240, 1754))[0], 0, 0, 595)


def photograph(canvas: Any) -> None:
    """A dark picture all over the page."""
    layers.paste(canvas, Image.new("RGB", (1240, 1754), (60, 80, 90)), 0, 0, 595)


def bar(canvas: Any, shade: float = 0.3) -> None:
    """A filled rectangle under the lines that `layers.write` writes."""
    canvas.setFillGray(shade)
    canvas.rect(40, 700, 500, 100, stroke=0, fill=1)


def gradient(canvas: Any) -> None:
    """A shading from black to blue under those lines."""
    path = canvas.beginPath()
    path.rect(40, 700, 500, 100)
    canvas.saveState()
    canvas.clipPath(path, stroke=0)
    canvas.linearGradient(40, 700, 540, 700, (Color(0, 0, 0), Color(0, 0, 0.5)))
    canvas.restoreState()


def clear(canvas: Any) -> None:
    """Text with a fill that lets everything through."""
    canvas.setFillAlpha(0)
    layers.write(canvas)


def clear_with_outlines(canvas: Any) -> None:
    """The same with outlines, which are painted."""
    canvas.setFillAlpha(0)
    layers.write(canvas, mode=2)


def pale(canvas: Any) -> None:
    """White text."""
    canvas.setFillColor(white)
    layers.write(canvas)


def tiny(canvas: Any) -> None:
    """Text of half a point."""
    canvas.translate(50, 700)
    canvas.scale(0.5 / 12, 0.5 / 12)
    layers.write(canvas, left=0, top=0)


def small(canvas: Any) -> None:
    """Text of four points, as on the back of a contract, in a font of one."""
    canvas.scale(4, 4)
    canvas.setFont("Helvetica", 1)
    for row, line in enumerate(layers.PROSE):
        canvas.drawString(10, 150 - 2 * row, line)


def drawn(*parts: Callable[[Any], None]) -> Callable[[Any], None]:
    """One after the other."""

    def draw(canvas: Any) -> None:
        for part in parts:
            canvas.saveState()
            part(canvas)
            canvas.restoreState()

    return draw


@pytest.mark.parametrize("ground", [None, scan], ids=["on blank paper", "over a scan"])
@pytest.mark.parametrize("text", [clear, pale, tiny])
def test_text_that_nobody_sees_is_not_trusted(
    tmp_path: Path, text: Callable[[Any], None], ground: Callable[[Any], None] | None
) -> None:
    """It came from an unknown reader, or is meant for machines only."""
    layer = layer_of(tmp_path, drawn(ground, text) if ground else text)
    assert layer.facts.unseen == 1.0
    assert len(layer.unseen) == len({word for line in layer.lines for word in line.words})
    assert not layer.is_trustworthy


def clipped_to(*corner: float) -> Callable[[Any], None]:
    """Text that is painted only in a square from `corner`."""

    def draw(canvas: Any) -> None:
        square = canvas.beginPath()
        square.rect(*corner, 200, 200)
        canvas.clipPath(square, stroke=0, fill=0)
        layers.write(canvas)

    return draw


def test_text_that_is_clipped_away_from_a_scan_is_not_trusted(tmp_path: Path) -> None:
    """What is clipped in part is still seen."""
    assert layer_of(tmp_path, drawn(scan, clipped_to(0, 0))).facts.unseen == 1.0
    assert layer_of(tmp_path, drawn(scan, clipped_to(50, 640))).facts.unseen == 0.0


def test_white_text_on_a_white_rectangle_is_not_trusted(tmp_path: Path) -> None:
    """As browsers paint the paper first."""
    assert layer_of(tmp_path, drawn(lambda canvas: bar(canvas, 1.0), pale)).facts.unseen == 1.0


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((bar, pale), id="white on a dark bar"),
        pytest.param((lambda canvas: bar(canvas, 0.75), pale), id="white on a light grey bar"),
        pytest.param((photograph, pale), id="white on a dark picture"),
        pytest.param((gradient, pale), id="white on a shading"),
        pytest.param((scan, layers.write), id="black on a picture"),
        pytest.param((clear_with_outlines,), id="outlined"),
        pytest.param((small,), id="small"),
    ],
)
def test_text_that_is_seen_is_trusted(tmp_path: Path, parts: tuple[Callable[[Any], None], ...]) -> None:
    """However it is painted."""
    layer = layer_of(tmp_path, drawn(*parts))
    assert layer.facts.unseen == 0.0
    assert layer.is_trustworthy


def test_white_heading_of_a_table_in_a_form_is_seen(tmp_path: Path) -> None:
    """Where bar and text stand in a form that is moved."""

    def draw(canvas: Any) -> None:
        canvas.beginForm("heading")
        drawn(bar, pale)(canvas)
        canvas.endForm()
        canvas.translate(20, -300)
        canvas.doForm("heading")

    assert layer_of(tmp_path, draw).facts.unseen == 0.0


def test_white_text_beside_the_bar_is_unseen(tmp_path: Path) -> None:
    """Something dark elsewhere on the page does not help; the words that are seen are kept apart from it."""

    def beside(canvas: Any) -> None:
        canvas.setFillColor(white)
        layers.write(canvas, ["nobody sees this"], top=300)

    layer = layer_of(tmp_path, drawn(bar, pale, beside))
    assert sorted(word.text for word in layer.unseen) == ["nobody", "sees", "this"]
    assert layer.is_trustworthy


def test_text_after_a_form_keeps_its_own_mode(tmp_path: Path) -> None:
    """The form's texts stand between those of the page, and each is painted in its own way."""

    def draw(canvas: Any) -> None:
        canvas.beginForm("seal")
        layers.write(canvas, ["sealed"], top=600)
        canvas.endForm()
        layers.write(canvas, ["before"], top=780)
        canvas.doForm("seal")
        layers.write(canvas, ["hidden"], top=500, mode=3)
        layers.write(canvas, ["after"], top=400)

    assert [word.text for word in layer_of(tmp_path, draw).unseen] == ["hidden"]


def test_white_letters_without_outlines_are_unseen(tmp_path: Path) -> None:
    """What programs write that put words over a scan; to PDFium they cover nothing, as blanks do."""
    with open_document(layers.inkless_pdf(tmp_path / "a.pdf", "nobody sees this"), "application/pdf") as document:
        layer = document.text_layer(1)
    assert layer is not None
    assert sorted(word.text for word in layer.unseen) == ["nobody", "sees", "this"]
    assert not layer.is_trustworthy
