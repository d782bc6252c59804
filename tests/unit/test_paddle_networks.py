"""Networks that are called from several threads."""

import subprocess
import sys

import pytest

from docmill.ocr.paddle.networks import ONNXRUNTIME, OPENVINO
from tests.fixtures.first_strips import THREADS

_SOON = 60  # seconds; it takes one or two


@pytest.mark.parametrize("backend", [OPENVINO, ONNXRUNTIME])
def test_threads_may_make_the_first_inference_of_a_process_at_once(backend: str) -> None:
    """Two of three processes hung where the first tensor of OpenVINO was left to them."""
    command = [sys.executable, "-m", "tests.fixtures.first_strips", backend]
    for _ in range(3):
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SOON, check=True)
        assert done.stdout == f"{THREADS * 3 * 8 * 8}\n"
