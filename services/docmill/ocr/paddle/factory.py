"""The plugin: what the engine would be here, without loading it, and the engine itself."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.ocr import EngineUnavailable
from docmill.ocr.paddle.alphabets import Alphabet, alphabet_of, knows_quick
from docmill.ocr.paddle.networks import OPENVINO, Runtime, choose_runtime
from docmill.ocr.paddle.profiles import Profile, profile_of
from docmill.ocr.paddle.weights import DETECTOR, QUICK_CHARACTERS, QUICK_RECOGNISER, RECOGNISER, WeightsFile, find
from docmill.ocr.plugins import EngineOptions, EngineStatus

if TYPE_CHECKING:
    from docmill.ocr.paddle.cascade import StripReader
    from docmill.ocr.paddle.engine import PaddleEngine

_SETTINGS = "7"  # raise it when anything in this package but a profile's numbers changes what is read
_MODEL = "PP-OCRv6"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Everything that decides what is read."""

    runtime: Runtime
    detector: WeightsFile
    recogniser: WeightsFile
    quick: tuple[WeightsFile, WeightsFile] | None
    """Network and characters of the recogniser that reads first."""
    alphabet: Alphabet
    profile: Profile

    @property
    def fingerprint(self) -> str:
        files = (self.detector, self.recogniser, *(self.quick or ()))
        models = "+".join(file.sha256[:8] for file in files)
        runtime = f"{self.runtime.backend}{self.runtime.version}-{self.runtime.precision}-{self.runtime.device}"
        return f"paddle-{_SETTINGS}-{runtime}-{models}-{self.alphabet.name}-{self.profile}"

    @property
    def note(self) -> str:
        runtime = f"{self.runtime.backend} {self.runtime.version}, {self.runtime.precision}"
        recogniser = "tiny and small" if self.quick else "small"
        return (
            f"{_MODEL} (detector tiny, recogniser {recogniser}) on {runtime}; {self.alphabet.name}, {self.profile.name}"
        )


class PaddleFactory:
    """The plugin; with `backend`, only that one is used."""

    name = "paddle"

    def __init__(self, backend: str | None = None) -> None:
        self._backend = backend

    def status(self, options: EngineOptions) -> EngineStatus:
        """See `EngineFactory`."""
        try:
            plan = self._plan(options)
        except EngineUnavailable as error:
            return EngineStatus(name=self.name, works=False, device="", note=str(error))
        return EngineStatus(name=self.name, works=True, device=plan.runtime.device, note=plan.note)

    def fingerprint(self, options: EngineOptions) -> str:
        """See `EngineFactory`."""
        return self._plan(options).fingerprint

    def batch_size(self, options: EngineOptions) -> int:
        """See `EngineFactory`."""
        del options
        return 1

    def create(self, options: EngineOptions) -> PaddleEngine:
        """See `EngineFactory`."""
        # Only those who read pay for NumPy and OpenCV.
        from docmill.ocr.paddle.cascade import Cascade  # noqa: PLC0415
        from docmill.ocr.paddle.detector import Detector  # noqa: PLC0415
        from docmill.ocr.paddle.engine import PaddleEngine  # noqa: PLC0415
        from docmill.ocr.paddle.heads import cut_head  # noqa: PLC0415
        from docmill.ocr.paddle.recogniser import Recogniser  # noqa: PLC0415
        from docmill.ocr.paddle.upsampling import to_logits  # noqa: PLC0415

        plan = self._plan(options)
        runtime, threads = plan.runtime, options.threads
        detector = Detector(runtime.open(to_logits(plan.detector.load()), threads=threads), plan.profile)

        def recogniser(model: WeightsFile, characters: WeightsFile | None = None) -> Recogniser:
            listed = characters.load().decode().replace("\r\n", "\n") if characters else None
            head = cut_head(model.load(), plan.alphabet.keep, listed)
            network = runtime.open(head.model, threads=threads, streams=threads)
            made = Recogniser(network, head.classes, threads=threads)
            made.warm_up(every_width=runtime.backend == OPENVINO)
            return made

        reader: StripReader = recogniser(plan.recogniser)
        if plan.quick is not None and plan.profile.sure is not None:
            reader = Cascade(recogniser(*plan.quick), reader, sure=plan.profile.sure)
        return PaddleEngine(detector, reader, plan.profile, fingerprint=plan.fingerprint, device=runtime.device)

    def _plan(self, options: EngineOptions) -> _Plan:
        if importlib.util.find_spec("onnx") is None:
            raise EngineUnavailable(
                "The engine paddle needs the package onnx; install it with: pip install 'docmill[ocr]'"
            )
        profile, folder = profile_of(options.profile), options.weights_dir
        alphabet = alphabet_of(options.languages)
        quick = profile.sure is not None and knows_quick(options.languages)
        return _Plan(
            runtime=choose_runtime(options.gpu, self._backend),
            detector=find(DETECTOR, folder),
            recogniser=find(RECOGNISER, folder),
            quick=(find(QUICK_RECOGNISER, folder), find(QUICK_CHARACTERS, folder)) if quick else None,
            alphabet=alphabet,
            profile=profile,
        )


FACTORY = PaddleFactory()
