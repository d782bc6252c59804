"""What an engine brings along, so that it can be named, checked and fingerprinted without loading its models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from docmill.ocr import OcrEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Settings that every engine understands or ignores."""

    threads: int = 1
    """CPU threads inside the engine; workers run one process per core, so 1."""
    weights_dir: Path | None = None
    """Folder with the operator's own weights; None takes those of the installed packages."""
    languages: Sequence[str] = ("en",)
    """ISO 639-1 codes."""
    gpu: str = "auto"
    """`auto` takes a GPU if there is one, `on` insists, `off` never does."""
    profile: str = "balanced"
    """`balanced`, or `fast` for engines that can be quicker at some cost of accuracy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """Whether an engine works here, for `docmill doctor`."""

    name: str
    works: bool
    device: str
    """`cpu`, `cuda:0`; empty if it does not work."""
    note: str
    """Version, or what is missing and how to get it."""


class EngineFactory(Protocol):
    """An engine as a plugin: entry point group `docmill.ocr`, the entry's name is the engine's name."""

    name: str

    def status(self, options: EngineOptions) -> EngineStatus:
        """Quick and without loading models or large libraries."""

    def fingerprint(self, options: EngineOptions) -> str:
        """The fingerprint that the engine will have; raises `EngineUnavailable` if it cannot work here."""

    def batch_size(self, options: EngineOptions) -> int:
        """The `batch_size` that the engine will most likely have; quick, and it raises nothing."""

    def create(self, options: EngineOptions) -> OcrEngine:
        """The engine with its models loaded; raises `EngineUnavailable` if it cannot work here."""
