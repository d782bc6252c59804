"""EasyOCR with its real weights keeps the promises of `docmill.ocr.OcrEngine` (`make test-easyocr`)."""

from __future__ import annotations

import pytest

from docmill.ocr import OcrEngine
from docmill.ocr.easyocr import FACTORY
from docmill.ocr.plugins import EngineFactory, EngineOptions
from tests.contract.ocr_suite import *  # noqa: F403  # the suite's tests run here

pytestmark = [
    pytest.mark.easyocr,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # PyTorch warns about its own future
]


@pytest.fixture(scope="module")
def factory() -> EngineFactory:
    """The plugin."""
    return FACTORY


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    """The engine, loaded once for all tests."""
    return FACTORY.create(EngineOptions(threads=2))
