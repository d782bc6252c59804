"""Every OCR engine that works on this machine keeps the promises of `docmill.ocr.OcrEngine`, on all that it can run on.

EasyOCR has its own file, as it needs PyTorch.
"""

from __future__ import annotations

import pytest

from docmill.ocr import OcrEngine
from docmill.ocr.paddle import PaddleFactory
from docmill.ocr.plugins import EngineFactory, EngineOptions
from docmill.ocr.registry import available_engines, factories
from tests.contract.ocr_suite import *  # noqa: F403  # the suite's tests run here

WORKING = [status.name for status in available_engines() if status.works and status.name != "easyocr"]
OTHERS: dict[str, EngineFactory] = {"paddle on onnxruntime": PaddleFactory("onnxruntime")}


@pytest.fixture(scope="module", params=[*WORKING, *OTHERS])
def factory(request: pytest.FixtureRequest) -> EngineFactory:
    """The plugin of one engine."""
    return OTHERS.get(request.param) or factories()[request.param]


@pytest.fixture(scope="module")
def engine(factory: EngineFactory) -> OcrEngine:
    """The engine, loaded once for all tests."""
    return factory.create(EngineOptions())


def test_paddle_always_works() -> None:
    """The default engine needs nothing but the installed packages, and takes the quicker of its two."""
    assert "paddle" in WORKING
    assert "openvino" in factories()["paddle"].fingerprint(EngineOptions())
