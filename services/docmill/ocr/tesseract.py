"""Engine `tesseract`: the program of that name, one process a page, where it is installed."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from docmill.domain.errors import Reason, WorkFailed
from docmill.domain.pages import Box, Line, Word
from docmill.ocr import EngineUnavailable, Transcript
from docmill.ocr.plugins import EngineOptions, EngineStatus

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SETTINGS = "1"  # raise it when anything below changes what is read
_TIMEOUT = 120.0  # seconds for one page
_CODES = {  # ISO 639-1 to the names of Tesseract's data files
    "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld", "pl": "pol",
    "sv": "swe", "da": "dan", "no": "nor", "fi": "fin", "cs": "ces", "hu": "hun", "ro": "ron", "tr": "tur",
    "ru": "rus", "uk": "ukr", "el": "ell", "zh": "chi_sim", "ja": "jpn", "ko": "kor", "ar": "ara",
}  # fmt: skip  # a table


class TesseractFactory:
    """The plugin."""

    name = "tesseract"

    def status(self, options: EngineOptions) -> EngineStatus:
        """See `EngineFactory`."""
        try:
            note = f"{_version(_program())}, languages {_languages(options)}"
        except EngineUnavailable as error:
            return EngineStatus(name=self.name, works=False, device="", note=str(error))
        return EngineStatus(name=self.name, works=True, device="cpu", note=note)

    def fingerprint(self, options: EngineOptions) -> str:
        """See `EngineFactory`."""
        return f"tesseract-{_SETTINGS}-{_version(_program()).replace(' ', '')}-{_languages(options)}"

    def batch_size(self, options: EngineOptions) -> int:
        """See `EngineFactory`."""
        del options
        return 1

    def create(self, options: EngineOptions) -> TesseractEngine:
        """See `EngineFactory`. Tesseract's own threads cost more than they bring, so `threads` is ignored."""
        return TesseractEngine(_program(), _languages(options), options, fingerprint=self.fingerprint(options))


FACTORY = TesseractFactory()


class TesseractEngine:
    """See `docmill.ocr.OcrEngine`."""

    name = "tesseract"
    device = "cpu"
    batch_size = 1

    def __init__(self, program: str, languages: str, options: EngineOptions, *, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._command = [program, "stdin", "stdout", "-l", languages, "--psm", "3"]
        if options.weights_dir is not None:
            self._command += ["--tessdata-dir", str(options.weights_dir)]
        self._command.append("tsv")

    def read(self, images: Sequence[NDArray[np.uint8]]) -> list[Transcript]:
        """Raises `WorkFailed` when the program fails or takes longer than two minutes."""
        return [Transcript(self._read_one(image)) for image in images]

    def _read_one(self, image: NDArray[np.uint8]) -> tuple[Line, ...]:
        height, width = image.shape[:2]
        if min(width, height) < 3:  # Tesseract refuses such pictures; there is no text in them
            return ()
        picture = b"P6 %d %d 255\n" % (width, height) + image.tobytes()
        try:
            done = subprocess.run(
                self._command,
                input=picture,
                capture_output=True,
                check=True,
                timeout=_TIMEOUT,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        except subprocess.TimeoutExpired as error:
            raise WorkFailed(Reason.WORKER_TIMEOUT, f"Tesseract took longer than {_TIMEOUT:.0f} s") from error
        except subprocess.CalledProcessError as error:
            raise WorkFailed(Reason.WORKER_CRASHED, "Tesseract could not read the page") from error
        return tuple(_lines(done.stdout.decode("utf-8", errors="replace"), width, height))


def _lines(tsv: str, width: int, height: int) -> Iterator[Line]:
    """Lines in Tesseract's own reading order (it knows the page's blocks)."""
    rows = csv.DictReader(tsv.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    spoken = (row for row in rows if row["level"] == "5" and row["text"].strip())
    for _, group in groupby(spoken, key=lambda row: (row["block_num"], row["par_num"], row["line_num"])):
        words = [_word(row, width, height) for row in group]
        yield Line(tuple(words))


def _word(row: Mapping[str, str], width: int, height: int) -> Word:
    x, y = int(row["left"]), int(row["top"])
    w, h = min(int(row["width"]), width - x), min(int(row["height"]), height - y)
    confidence = min(1.0, max(0.0, float(row["conf"]) / 100))
    return Word("".join(row["text"].split()), Box(float(x), float(y), float(w), float(h)), round(confidence, 4))


def _program() -> str:
    program = shutil.which("tesseract")
    if program is None:
        raise EngineUnavailable(
            "The engine tesseract needs the program tesseract; install it, e.g.: apt-get install tesseract-ocr"
        )
    return program


def _languages(options: EngineOptions) -> str:
    """Names of the data files, joined with +; raises `EngineUnavailable` if one is missing."""
    wanted = [_CODES.get(language, language) for language in options.languages]
    installed = _installed(_program(), str(options.weights_dir or ""))
    missing = [code for code in wanted if code not in installed]
    if missing:
        raise EngineUnavailable(
            f"Tesseract has no data for {', '.join(missing)}; install it, e.g.: apt-get install tesseract-ocr-{missing[0]}"
        )
    return "+".join(wanted)


@cache
def _version(program: str) -> str:
    return _ask(program, "--version").splitlines()[0].strip()


@cache
def _installed(program: str, folder: str) -> frozenset[str]:
    folder_option = ["--tessdata-dir", folder] if folder else []
    return frozenset(_ask(program, *folder_option, "--list-langs").splitlines()[1:])


def _ask(program: str, *arguments: str) -> str:
    try:
        done = subprocess.run([program, *arguments], capture_output=True, check=True, timeout=10, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineUnavailable(f"The program {program} does not run: {error}") from error
    return done.stdout or done.stderr
