"""EasyOCR with its real weights keeps the promises of `docmill.ocr.OcrEngine` (`make test-easyocr`).

All of it runs on the device that is there. What a GPU does, batches and mixed precision, a CPU does here too.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from docmill.doctor import doctor
from docmill.domain.models import JobKind
from docmill.ocr import EngineUnavailable, OcrEngine, Transcript
from docmill.ocr.easyocr import FACTORY
from docmill.ocr.plugins import EngineFactory, EngineOptions
from docmill.settings import Settings
from docmill.worker.handlers import Timeouts
from tests.contract.ocr_suite import *  # noqa: F403  # the suite's tests run here
from tests.contract.ocr_suite import OTHER, picture
from tests.fixtures import batching_easyocr, counting_engine, documents
from tests.fixtures.mill import job, open_mill

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL = (400, 120)
"""Of a page: what a GPU does at once takes a CPU its time."""

FACTORIES = {"easyocr": FACTORY, "batching": batching_easyocr.FACTORY}

pytestmark = [
    pytest.mark.easyocr,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # PyTorch warns about its own future
]


@cache
def loaded(name: str, precision: str) -> Any:
    """An engine, loaded once for all tests."""
    return FACTORIES[name].create(EngineOptions(threads=2, precision=precision))


@pytest.fixture(scope="module", params=FACTORIES)
def factory(request: pytest.FixtureRequest) -> EngineFactory:
    """The plugin, as it is here and as it is on a GPU."""
    return FACTORIES[request.param]


@pytest.fixture(scope="module")
def engine(factory: EngineFactory) -> OcrEngine:
    """Its engine."""
    return loaded(factory.name, "auto")  # type: ignore[no-any-return]  # a cached function of Any


@pytest.fixture(params=["mixed", "full"])
def batching(request: pytest.FixtureRequest) -> Any:
    """The engine that reads several pages at once, in each precision."""
    return loaded("batching", request.param)


def texts(pages: Sequence[Transcript]) -> list[list[str]]:
    """Lines of pages."""
    return [[line.text for line in page.lines] for page in pages]


def test_pages_of_nearly_one_size_go_through_the_network_together(batching: Any) -> None:
    """They share a canvas, another does not, and all are read as they are alone."""
    first, last = ("Total 147.75",), ("Paid in full",)
    pages = [picture(first, SMALL), picture(OTHER, (500, 250)), picture(last, (417, 110)), picture(OTHER, SMALL)]
    with seen(batching._detector) as batches:
        together = texts(batching.read(pages))
    assert sorted(batches) == [(1, 256, 512), (3, 128, 512)]
    assert together == [texts(batching.read([page]))[0] for page in pages]
    assert (together[0], together[2]) == ([*first], [*last])


def test_lines_of_all_pages_are_read_by_their_width(batching: Any) -> None:
    """Short ones of three pages in one batch, a long one in another: none is padded to the longest."""
    short = [picture((word,), SMALL) for word in ("Total", "Notes", "Terms")]
    long = picture(("Total amount 147.75 EUR",), (500, 120))
    with seen(batching._recogniser) as batches:
        read = texts(batching.read([*short, long]))
    assert read == [["Total"], ["Notes"], ["Terms"], ["Total amount 147.75 EUR"]]
    assert max(count for count, _, _ in batches) >= 2
    assert len({width for _, _, width in batches}) >= 2
    assert sum(count for count, _, _ in batches) == 4


def test_a_page_on_a_larger_canvas_keeps_its_boxes(batching: Any) -> None:
    """A page longer than the detector's limit is found on a smaller picture; its boxes are in its own pixels."""
    page = np.full((3000, 700, 3), 255, dtype=np.uint8)
    page[2800:2920, :400] = picture(("Paid in full",), SMALL)
    (read,) = batching.read([page])
    assert [line.text for line in read.lines] == ["Paid in full"]
    (plain,) = batching.read([picture(("Paid in full",), SMALL)])
    for word, alone in zip(read.lines[0].words, plain.lines[0].words, strict=True):
        assert abs(word.box.y - 2800 - alone.box.y) < 8
        assert abs(word.box.x - alone.box.x) < 8


def test_too_little_memory_for_a_batch_is_enough_for_its_pages(batching: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own error halves the batch, and so many pages are not tried again."""
    limit_batches(batching._detector, 1, monkeypatch)
    pages = [picture((word,), SMALL) for word in ("Total", "Notes", "Terms")]
    assert texts(batching.read(pages)) == [["Total"], ["Notes"], ["Terms"]]
    assert batching._detector._memory.pages((128, 512)) == 1


def test_too_little_memory_for_one_page_is_told(batching: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be tried again, since others share the GPU; the operator learns which settings help."""
    from docmill.ocr.easyocr.networks import DeviceFull

    limit_batches(batching._detector, 0, monkeypatch)
    with pytest.raises(DeviceFull, match="DOCMILL_OCR_GPU_MEMORY") as full:
        batching.read([picture(OTHER, SMALL)])
    assert full.value.retryable


def test_words_are_boxed_as_easyocr_boxes_them() -> None:
    """Bands of a page give the boxes of the whole page."""
    from easyocr.craft_utils import getDetBoxes

    from docmill.ocr.easyocr.detect import word_boxes

    page = picture().copy()
    page[10:60, 940:] = 0  # something that runs into the border
    (score,) = loaded("easyocr", "full")._detector._scores([page], (608, 1024))
    whole, _, _ = getDetBoxes(score[:, :, 0], score[:, :, 1], 0.7, 0.4, 0.4)
    bands = word_boxes(score)
    assert len(bands) == len(whole) > 5
    np.testing.assert_allclose(bands, whole, atol=0.01)


def test_slow_reading_is_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Without a GPU, `docmill doctor` and one line of the log say what to expect."""
    options = EngineOptions(gpu="off")
    assert "slow without a GPU" in FACTORY.status(options).note
    with caplog.at_level(logging.WARNING):
        engine = FACTORY.create(options)
    assert engine.device == "cpu"
    assert [record.getMessage() for record in caplog.records if "slow without a GPU" in record.getMessage()]


def test_doctor_says_which_device_reads(tmp_path: Path) -> None:
    """By the settings in force."""
    (line,) = [
        check.detail
        for check in doctor(Settings(data=tmp_path, ocr_gpu="off", ocr_precision="full"))
        if check.name == "ocr engine easyocr"
    ]
    assert line.startswith("cpu; float32")


def test_precision_is_part_of_the_fingerprint() -> None:
    """A page read in another precision is another page."""
    assert FACTORY.fingerprint(EngineOptions(precision="mixed")) != FACTORY.fingerprint(EngineOptions(precision="full"))


def test_weights_for_languages_come_from_the_operators_folder(tmp_path: Path) -> None:
    """The file that is missing is named; with it there, the engine would work. German brings its own letters."""
    options = EngineOptions(languages=("de", "en"), weights_dir=tmp_path)
    with pytest.raises(EngineUnavailable, match=r"needs craft_mlt_25k\.pth and latin_g2\.pth for de, en"):
        FACTORY.fingerprint(options)
    english = EngineOptions(weights_dir=tmp_path)
    for file in packaged().iterdir():
        shutil.copy(file, tmp_path)
    with pytest.raises(EngineUnavailable, match=r"needs latin_g2\.pth for de, en"):
        FACTORY.create(options)
    assert not FACTORY.status(options).works
    assert str(tmp_path) in FACTORY.status(english).note
    assert texts(FACTORY.create(english).read([picture(OTHER, (500, 250))])) == [list(OTHER)]


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    """A file that is not the one EasyOCR knows by its checksum."""
    for file in packaged().iterdir():
        (tmp_path / file.name).write_bytes(b"not a network")
    with pytest.raises(EngineUnavailable, match="cannot use the weights"):
        FACTORY.create(EngineOptions(weights_dir=tmp_path))


@pytest.mark.parametrize(
    "languages",
    [("en",), ("de",), ("en", "de", "fr"), ("ru", "en"), ("rs_cyrillic", "bg"), ("ja", "en"), ("ko",), ("th",),
     ("ch_sim", "en"), ("ch_tra",), ("ta", "en"), ("te",), ("kn",), ("hi", "ne"), ("ar", "fa", "en"), ("bn", "as")],
)  # fmt: skip  # a table
def test_the_weights_are_those_that_easyocr_would_load(languages: Sequence[str], tmp_path: Path) -> None:
    """Our table, which needs no PyTorch, against EasyOCR's own choice."""
    import easyocr
    from easyocr import config

    from docmill.ocr.easyocr.weights import recogniser_for

    models = config.recognition_models["gen1"] | config.recognition_models["gen2"]
    reader = easyocr.Reader(
        list(languages),
        gpu=False,
        model_storage_directory=str(tmp_path),
        user_network_directory=str(tmp_path),
        detector=False,
        recognizer=False,
        download_enabled=False,
        verbose=False,
    )
    assert models[recogniser_for(languages, config)]["characters"] == reader.character


@pytest.mark.parametrize("languages", [("ja", "ko"), ("ru", "de"), ("xx",), ()])
def test_languages_that_no_network_reads_together_are_told(languages: Sequence[str]) -> None:
    """Before anything is loaded."""
    status = FACTORY.status(EngineOptions(languages=languages))
    assert not status.works
    assert "cannot read" in status.note or "knows no language" in status.note


def test_iso_codes_are_understood() -> None:
    """EasyOCR has names of its own for Chinese."""
    with pytest.raises(EngineUnavailable, match=r"zh_sim_g2\.pth for zh"):
        FACTORY.fingerprint(EngineOptions(languages=("zh",)))


async def test_a_worker_asks_for_pages_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two documents go to the child in one request, and each is answered with its own words."""
    counting_engine.install(tmp_path, monkeypatch, "tests.fixtures.batching_easyocr")
    lines = ["Invoice 48213", "Total 147.75", "Paid in full"]
    pages = [documents.draw_page([line], SMALL)[0] for line in lines]
    documents.tiff(tmp_path / "a.tiff", pages[:2])
    documents.image_file(tmp_path / "b.png", pages[2])
    setup: dict[str, Any] = {"memory_limit": 8 * 1024**3, "timeouts": Timeouts(page=400)}
    async with open_mill(tmp_path, engine="batching", options={"batch_window": 60.0}, **setup) as mill:
        several, single = await mill.upload(tmp_path / "a.tiff"), await mill.upload(tmp_path / "b.png")
        jobs = [job(JobKind.PAGE, number, media_type="image/tiff", **several) for number in (1, 2)]
        jobs.append(job(JobKind.PAGE, 1, media_type="image/png", **single))
        results = await mill.work(*jobs, seconds=400)  # PyTorch and the weights are loaded first
        assert [(await mill.text(result)).text for result in results] == lines
    assert len({result.engine_ms for result in results}) == 1  # equal shares of one call


@contextmanager
def seen(part: Any) -> Iterator[list[tuple[int, int, int]]]:
    """Pictures, height and width of every batch that passes the network of a part of the engine."""
    network, batches = part._network, []

    def watched(pixels: NDArray[Any], *rest: Any) -> Any:
        batches.append((pixels.shape[0], pixels.shape[2], pixels.shape[3]))
        return network(pixels, *rest)

    watched.eval = lambda: None  # type: ignore[attr-defined]  # EasyOCR calls it on a model
    part._network = watched
    try:
        yield batches
    finally:
        part._network = network


def limit_batches(part: Any, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device has no room for more than `most` pictures at once."""
    import torch

    network = part._network

    def limited(pixels: Any, *rest: Any) -> Any:
        if pixels.shape[0] > most:
            raise torch.OutOfMemoryError
        return network(pixels, *rest)

    monkeypatch.setattr(part, "_network", limited)
    monkeypatch.setattr(part._memory, "_pages", part._memory._pages)  # what it learns ends with the test


def packaged() -> Path:
    """The folder with the weights that tests have."""
    import easyocr_en_models

    return Path(str(easyocr_en_models.__file__)).parent / "models"
