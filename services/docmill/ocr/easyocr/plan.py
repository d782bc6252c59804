"""On which device, in which precision and how many at once EasyOCR reads: decided without loading PyTorch."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docmill.ocr import EngineUnavailable
from docmill.ocr.gpu import Gpu, first_gpu
from docmill.ocr.plugins import EngineOptions

__all__ = ["Plan", "plan_for", "plan_here"]

_TENSOR_CORES = 7  # the GPU generation from which on half precision is faster
_BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # flags of CPUs that multiply in it: three times as fast, the same text


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How pages go through the networks."""

    device: str
    """As PyTorch names it."""
    precision: str
    """As PyTorch names it; less than `float32` is mixed precision: what needs more is computed with more."""
    pages: int = 1
    """Found together, where memory allows it."""
    lines: int = 1
    """Read together, at most."""
    step: int = 32
    """Sides of canvases are multiples of it, and it of 32: CRAFT halves its maps five times."""
    gpu: Gpu | None = None

    @property
    def reading(self) -> str:
        """The recogniser's precision: bfloat16 has too few digits to tell a comma from a semicolon in any company."""
        return "float32" if self.precision == "bfloat16" else self.precision

    @property
    def value_bytes(self) -> int:
        """Of one number in a network's maps."""
        return 4 if self.precision == "float32" else 2

    def __str__(self) -> str:
        if self.gpu is not None:
            return f"{self.precision} on {self.gpu}, {self.pages} pages at once"
        patience = "15 to 30" if self.precision == "float32" else "8 to 15"
        return f"{self.precision}, slow without a GPU: {patience} s a page on one core"


def plan_here(options: EngineOptions) -> Plan:
    """The plan for this machine; raises `EngineUnavailable` where a GPU is asked for that is not there."""
    gpu = first_gpu() if options.gpu != "off" and _pytorch_has_cuda() else None
    if options.gpu == "on" and gpu is None:
        raise EngineUnavailable(
            "A GPU is asked for, but there is no NVIDIA driver with a device, or PyTorch has no CUDA"
        )
    return plan_for(options.precision, gpu, _cpu_flags())


def plan_for(precision: str, gpu: Gpu | None, cpu_flags: frozenset[str]) -> Plan:
    """The plan for a machine. `precision`: `auto` is `mixed` where it is faster, `full` and `mixed` are what they say."""
    if gpu is not None:
        mixed = precision == "mixed" or (precision == "auto" and gpu.generation >= _TENSOR_CORES)
        # Scans of one document differ by some pixels in size; steps of 128 bring them together.
        return Plan(device="cuda:0", precision="float16" if mixed else "float32", pages=8, lines=64, step=128, gpu=gpu)
    mixed = precision == "mixed" or (precision == "auto" and bool(_BFLOAT16 & cpu_flags))
    return Plan(device="cpu", precision="bfloat16" if mixed else "float32", lines=8)


def _pytorch_has_cuda() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    return not importlib.metadata.version("torch").endswith("+cpu")


@cache
def _cpu_flags() -> frozenset[str]:
    """What the CPU can do, in Linux's words; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())
