"""The extract room stays light: a services process imports it without image libraries."""

from __future__ import annotations

import subprocess
import sys


def test_extracting_needs_no_image_library() -> None:
    """numpy, OpenCV and onnxruntime load in OCR processes only."""
    code = (
        "import sys; import docmill.extract.pipeline;"
        "sys.exit(', '.join({'numpy', 'cv2', 'PIL', 'onnxruntime', 'docmill.ocr'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
