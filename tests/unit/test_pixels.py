"""Pixels of every kind: black on white stays black on white, whatever it is stored as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from docmill.ocr.documents import open_document
from docmill.ocr.pixels import smaller
from docmill.ocr.probe import probe
from tests.fixtures import documents

SIZE, SPOT = (90, 60), (20, 10, 50, 40)  # left, top, right, bottom
INK = np.zeros((SIZE[1], SIZE[0]), bool)
INK[SPOT[1] : SPOT[3], SPOT[0] : SPOT[2]] = True


def spotted(mode: str = "RGB", ink: Any = "black", paper: Any = "white") -> Image.Image:
    """One rectangle of ink on paper."""
    image = Image.new(mode, SIZE, paper)
    image.paste(ink, SPOT)
    return image


def deep(ink: float, paper: float, kind: str) -> Image.Image:
    """The same in values of the numpy type `kind`."""
    return Image.fromarray(np.where(INK, ink, paper).astype(kind))


def rendered(path: Path, page: int = 1) -> np.ndarray[Any, Any]:
    """The page as it is read, probed before."""
    with open_document(path, probe(path).media_type) as document:
        return document.render(page).image


def assert_black_on_white(pixels: np.ndarray[Any, Any]) -> None:
    """Ink where ink is, paper elsewhere."""
    assert pixels.dtype == np.uint8
    assert pixels.shape == (*INK.shape, 3)
    assert pixels[INK].max() < 30
    assert pixels[~INK].min() > 225


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("16 bits.png", deep(0, 65535, "uint16")),
        ("16 bits.tif", deep(0, 65535, "uint16")),
        ("16 bits, high byte first.tif", deep(0, 65535, ">u2")),
        ("14 of 16 bits.tif", deep(300, 16383, "uint16")),
        ("12 of 16 bits.png", deep(100, 4095, "uint16")),
        ("8 of 16 bits.tif", deep(5, 255, "uint16")),
        ("32 bits.tif", deep(0, 2**31 - 1, "int32")),
        ("signed.tif", deep(-1000, 1000, "int32")),
        ("float from 0 to 1.tif", deep(0.0, 1.0, "float32")),
        ("float from 0 to 255.tif", deep(12.5, 255.0, "float32")),
    ],
)
def test_deep_grey_keeps_its_contrast(tmp_path: Path, name: str, image: Image.Image) -> None:
    """White is the brightest value that the depth in use can hold, not the one that the file has room for."""
    assert_black_on_white(rendered(documents.image_file(tmp_path / name, image)))


def test_deep_grey_is_not_stretched_to_its_darkest(tmp_path: Path) -> None:
    """Grey on white stays grey on white: 16 bits are brought to 8, not changed."""
    pixels = rendered(documents.image_file(tmp_path / "a.png", deep(0x8000, 0xFFFF, "uint16")))
    assert pixels[INK].tolist() == [[127] * 3] * int(INK.sum())


def test_deep_grey_may_store_white_as_zero(tmp_path: Path) -> None:
    """TIFF's PhotometricInterpretation 0, which Pillow turns around for 8 bits only."""
    path = documents.image_file(tmp_path / "a.tif", deep(65535, 0, "uint16"), tiffinfo={262: 0})
    assert_black_on_white(rendered(path))


def test_floats_that_are_no_numbers(tmp_path: Path) -> None:
    """Holes in measured data cost their own pixels only."""
    image = np.where(INK, 0.0, 1.0).astype("float32")
    image[0, :3] = np.nan, np.inf, -np.inf
    pixels = rendered(documents.image_file(tmp_path / "a.tif", Image.fromarray(image)))
    assert pixels[0, 1].tolist() == [255] * 3
    assert_black_on_white(np.vstack([pixels[1:2], pixels[1:]]))


@pytest.mark.parametrize("kind", ["uint16", "float32", "int32"])
@pytest.mark.parametrize("value", [0, 7])
def test_blank_deep_grey(tmp_path: Path, kind: str, value: int) -> None:
    """One shade all over is an empty page, not an error."""
    pixels = rendered(documents.image_file(tmp_path / "a.tif", deep(value, value, kind)))
    assert len(np.unique(pixels)) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_inks_become_colours(tmp_path: Path, suffix: str) -> None:
    """CMYK; a JPEG stores its inks inverted, as Adobe does."""
    path = documents.image_file(tmp_path / f"a{suffix}", spotted("CMYK", (255, 0, 0, 0), (0, 0, 0, 0)))
    pixels = rendered(path)
    assert pixels[~INK][0].tolist() == pytest.approx([255, 255, 255], abs=4)
    assert pixels[25, 35].tolist() == pytest.approx([0, 255, 255], abs=6)


def lab() -> Image.Image:
    """The rectangle in CIE L*a*b*."""
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    converted = ImageCms.applyTransform(spotted(), to_lab)
    assert converted is not None
    return converted


@pytest.mark.parametrize("make", [lab, lambda: spotted().convert("YCbCr")])
def test_other_colour_spaces(tmp_path: Path, make: Callable[[], Image.Image]) -> None:
    """TIFF has more of them than a page needs."""
    assert_black_on_white(rendered(documents.image_file(tmp_path / "a.tif", make())))


def clear_palette() -> Image.Image:
    """Ink on a transparent colour of the palette, which is black itself."""
    image = Image.new("P", SIZE, 1)
    image.putpalette([10, 10, 10, 0, 0, 0])
    image.paste(0, SPOT)
    image.info["transparency"] = 1
    return image


@pytest.mark.parametrize(
    ("name", "image", "options"),
    [
        ("palette.png", clear_palette(), {"transparency": 1}),
        ("palette.gif", clear_palette(), {"transparency": 1}),
        ("one colour.png", spotted(ink=(20, 0, 0), paper=(0, 0, 0)), {"transparency": (0, 0, 0)}),
        ("one shade.png", spotted("L", 20, 0), {"transparency": 0}),
        ("one shade of 16 bits.png", deep(2000, 0x9000, "uint16"), {"transparency": 0x9000}),
        ("alpha.png", spotted("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)), {}),
        ("grey and alpha.png", spotted("LA", (0, 255), (0, 0)), {}),
        ("alpha.webp", spotted("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)), {"lossless": True}),
        ("alpha.tif", spotted("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)), {}),
        ("alpha.heic", spotted("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)), {"quality": -1}),
    ],
)
def test_what_is_transparent_lies_over_white(
    tmp_path: Path, name: str, image: Image.Image, options: dict[str, Any]
) -> None:
    """However a format says that nothing is there, and whatever colour nothing has."""
    assert_black_on_white(rendered(documents.image_file(tmp_path / name, image, **options)))


@pytest.mark.parametrize(
    ("name", "image", "options"),
    [
        ("alpha.png", spotted("RGBA", (255, 255, 255, 255), (255, 255, 255, 0)), {}),
        ("yellow.png", spotted("RGBA", (255, 240, 160, 255), (0, 0, 0, 0)), {}),
        ("grey and alpha.png", spotted("LA", (255, 255), (0, 0)), {}),
        ("alpha.webp", spotted("RGBA", (255, 255, 255, 255), (255, 255, 255, 0)), {"lossless": True}),
    ],
)
def test_light_ink_on_nothing_lies_over_black(
    tmp_path: Path, name: str, image: Image.Image, options: dict[str, Any]
) -> None:
    """Signatures and logos for dark pages; over white there would be nothing to read."""
    pixels = rendered(documents.image_file(tmp_path / name, image, **options))
    assert pixels[25, 35].mean() > 200
    assert pixels[0, 0].tolist() == [0, 0, 0]


def test_white_paper_with_a_transparent_margin_lies_over_white(tmp_path: Path) -> None:
    """It is light all over, and no ink."""
    sheet = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    sheet.paste((255, 255, 255, 255), (4, 4, SIZE[0] - 4, SIZE[1] - 4))
    assert rendered(documents.image_file(tmp_path / "a.png", sheet)).min() == 255


def test_half_transparent_ink_is_grey(tmp_path: Path) -> None:
    """Alpha mixes with the paper."""
    path = documents.image_file(tmp_path / "a.png", spotted("RGBA", (0, 0, 0, 128), (255, 255, 255, 255)))
    assert rendered(path)[25, 35].tolist() == pytest.approx([127] * 3, abs=1)


def test_pages_of_a_tiff_may_differ_in_everything(tmp_path: Path) -> None:
    """Every page of a TIFF has its own kind of pixels, size and orientation."""
    modes = ["1", "RGB", "L", "CMYK", "P", "RGBA"]
    pages = [spotted().convert(mode) for mode in modes]
    pages[3:3] = [deep(0, 4095, "uint16"), deep(0.0, 1.0, "float32"), Image.new("L", (33, 44), 90)]
    path = documents.tiff(tmp_path / "a.tif", pages)
    facts = probe(path)
    assert [(page.width, page.height) for page in facts.pages] == [page.size for page in pages]
    with open_document(path, facts.media_type) as document:
        for number in (9, 2, 1, 7, 8, 4, 5, 3):
            assert_black_on_white(document.render(number).image)
        assert document.render(6).image[0, 0].tolist() == [90] * 3


def test_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    """Of a GIF or WEBP that moves, the page is what it begins with."""
    for name in ("a.gif", "a.webp"):
        path = documents.image_file(
            tmp_path / name, spotted(), save_all=True, append_images=[Image.new("RGB", SIZE, "black")], duration=100
        )
        assert_black_on_white(rendered(path))


def test_primary_image_of_a_heic_is_read(tmp_path: Path) -> None:
    """A HEIC file may keep other images before the one that it is opened with."""
    path = documents.image_file(
        tmp_path / "a.heic",
        Image.new("RGB", (64, 64), "black"),
        save_all=True,
        append_images=[spotted()],
        primary_index=1,
        quality=95,
    )
    assert (probe(path).pages[0].width, probe(path).pages[0].height) == SIZE
    assert_black_on_white(rendered(path))


def test_thumbnail_in_a_heic_is_not_the_page(tmp_path: Path) -> None:
    """However small a picture of the page was asked for before, it is read from its own pixels."""
    path = tmp_path / "a.heic"
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = stripes[:, 3::8] = 255
    documents.image_file(path, Image.fromarray(stripes), quality=95, thumbnails=[256])
    with open_document(path, "image/heic") as document:
        assert document.picture(1, 200).size == (200, 200)
        assert np.abs(document.render(1).image.astype(int) - stripes).max() < 60


def test_large_transparent_pictures_are_shrunk_without_seams() -> None:
    """In bands, as Pillow needs a copy of all that it is given; what comes out is what it makes of the whole."""
    grain = np.random.default_rng(1).integers(90, 165, (4000, 1600, 4))  # so weak that no step of resizing is cut off
    image = Image.fromarray(grain.astype(np.uint8))
    size = (1111, 2777)
    made, whole = (
        np.asarray(each.convert("RGBa"), dtype=int)
        for each in (smaller(image, size), image.resize(size, Image.Resampling.BICUBIC))
    )
    assert np.abs(made - whole).max() <= 2
