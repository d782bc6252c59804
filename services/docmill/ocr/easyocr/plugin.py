"""The plugin: everything about the engine that can be known without loading PyTorch."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import TYPE_CHECKING

from docmill.ocr import EngineUnavailable
from docmill.ocr.easyocr.plan import Plan, plan_here
from docmill.ocr.easyocr.weights import Weights, find_weights
from docmill.ocr.plugins import EngineOptions, EngineStatus

if TYPE_CHECKING:
    from docmill.ocr.easyocr.engine import EasyOcrEngine

__all__ = ["FACTORY", "EasyOcrFactory"]

_SETTINGS = "2"  # raise it when anything in this package changes what is read


class EasyOcrFactory:
    """See `EngineFactory`."""

    name = "easyocr"

    def status(self, options: EngineOptions) -> EngineStatus:
        """See `EngineFactory`. The device is the likely one: whether PyTorch can use it shows when it is loaded."""
        try:
            version, weights, plan = _check(), find_weights(options), self.plan(options)
        except EngineUnavailable as error:
            return EngineStatus(name=self.name, works=False, device="", note=str(error))
        note = f"{plan}; easyocr {version}, {weights.recogniser} in {weights.folder}"
        return EngineStatus(name=self.name, works=True, device=plan.device, note=note)

    def fingerprint(self, options: EngineOptions) -> str:
        """See `EngineFactory`."""
        return fingerprint(_check(), find_weights(options), self.plan(options))

    def batch_size(self, options: EngineOptions) -> int:
        """See `EngineFactory`."""
        try:
            return self.plan(options).pages
        except EngineUnavailable:
            return 1

    def create(self, options: EngineOptions) -> EasyOcrEngine:
        """See `EngineFactory`."""
        version, weights, plan = _check(), find_weights(options), self.plan(options)
        from docmill.ocr.easyocr.engine import EasyOcrEngine, usable  # noqa: PLC0415  # imports PyTorch: seconds

        plan = usable(plan, options)
        return EasyOcrEngine(weights, plan, options, name=self.name, fingerprint=fingerprint(version, weights, plan))

    def plan(self, options: EngineOptions) -> Plan:
        """How pages go through the networks; raises `EngineUnavailable`."""
        return plan_here(options)


FACTORY = EasyOcrFactory()


def fingerprint(version: str, weights: Weights, plan: Plan) -> str:
    """Languages count beside their network: they decide which of its letters may be read."""
    torch = importlib.metadata.version("torch")
    languages = "+".join(sorted(set(weights.languages)))
    device = plan.device.partition(":")[0]
    return (
        f"easyocr-{_SETTINGS}-{version}-torch{torch}-{weights.recogniser}-{languages}"
        f"-{device}-{plan.precision}-{plan.step}"
    )


def _check() -> str:
    """EasyOCR's version if its packages are there."""
    for package in ("torch", "easyocr"):
        # EasyOCR's own name is this package's only inside `docmill.ocr`, never from outside.
        if importlib.util.find_spec(package) is None:
            raise EngineUnavailable(
                f"The engine easyocr needs the package {package}; install it with: pip install 'docmill[easyocr]'"
            )
    return importlib.metadata.version("easyocr")
