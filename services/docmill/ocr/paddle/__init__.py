"""Engine `paddle`: PP-OCRv6 models in a pipeline of our own, on OpenVINO or ONNX Runtime.

The detector finds lines of text (`detector`), each line is straightened into a strip (`strips`), the recogniser reads
the strip step by step (`recogniser`); a character's step gives its place, and so each word its box (`words`).
`docs/adr/0013-our-own-pp-ocr-pipeline.md` says why it is made so, and what each step is worth.
"""

from docmill.ocr.paddle.factory import FACTORY, PaddleFactory

__all__ = ["FACTORY", "PaddleFactory"]
