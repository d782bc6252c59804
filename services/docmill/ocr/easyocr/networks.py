"""The two networks on their device, and the memory that they may take there."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any, TypeVar

import easyocr
import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from docmill.domain.errors import Reason, WorkFailed
from docmill.ocr import EngineUnavailable
from docmill.ocr.easyocr.ladders import in_halves, pages_that_fit
from docmill.ocr.easyocr.plan import Plan
from docmill.ocr.easyocr.weights import Weights

__all__ = ["DeviceFull", "Memory", "Network", "load", "quiet"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class DeviceFull(WorkFailed):
    """One page alone is too much for the GPU's memory as it is now; others may have less of it in a moment."""

    retryable = True


@contextmanager
def quiet() -> Iterator[None]:
    """PyTorch, Pillow and EasyOCR announce their own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Network:
    """A network for reading: in a precision, without gradients, with 32-bit numbers as its output.

    It has what EasyOCR's own functions ask of a model.
    """

    def __init__(self, module: Any, device: str, precision: str) -> None:
        module = getattr(module, "module", module)  # EasyOCR would divide batches among all GPUs that it sees
        self._module = _fused(module.eval()).to(device, memory_format=torch.channels_last)
        self._device_type = device.partition(":")[0]
        self._dtype = getattr(torch, precision)

    def __call__(self, *inputs: Any) -> Any:
        """The network's (first) output, a tensor of float32."""
        with (
            torch.inference_mode(),
            torch.autocast(self._device_type, dtype=self._dtype, enabled=self._dtype is not torch.float32),
        ):
            output = self._module(*inputs)
        return (output[0] if isinstance(output, tuple) else output).float()

    def eval(self) -> Network:
        """It always is."""
        return self


class Memory:
    """What may be taken of the device at once."""

    def __init__(self, plan: Plan, share: float) -> None:
        """`share` of a GPU's memory is the most that this process takes, 0 to 1."""
        self._plan = plan
        self._share = share
        self._pages = plan.pages
        if plan.gpu is not None:
            torch.cuda.set_per_process_memory_fraction(share, plan.device)

    def pages(self, canvas: tuple[int, int]) -> int:
        """How many pages of one canvas may be found together now."""
        if self._plan.gpu is None:
            return self._pages
        return min(self._pages, pages_that_fit(canvas, self._plan.value_bytes, self._free()))

    def careful(
        self,
        read: Callable[[Sequence[Item]], list[Result]],
        items: Sequence[Item],
        what: str,
        *,
        too_many: Callable[[int], None] | None = None,
    ) -> list[Result]:
        """`read(items)`, by halves where the device has too little memory; raises `DeviceFull` if one is too much.

        `what` is one item; `too_many` is told how many were.
        """

        def relieve(count: int) -> None:
            if too_many is not None:
                too_many(count)
            if self._plan.gpu is not None:
                torch.cuda.empty_cache()  # blocks of other sizes may be all that is in the way

        with suppress(torch.OutOfMemoryError):  # let go of before ours is raised: it holds on to the attempt's memory
            return in_halves(read, items, too_much=torch.OutOfMemoryError, relieve=relieve)
        raise DeviceFull(
            Reason.WORKER_MEMORY,
            f"The GPU has too little free memory for {what}; fewer processes on it (DOCMILL_WORKERS) or a larger"
            " share of it for each (DOCMILL_OCR_GPU_MEMORY) help",
        )

    def fewer(self, pages: int) -> None:
        """`pages` were too many at once: so many will not be tried again."""
        self._pages = min(self._pages, max(1, pages // 2))

    def _free(self) -> int:
        """Bytes that this process can still fill: those of others, and its own that it keeps but does not use."""
        device = self._plan.device
        free, total = torch.cuda.mem_get_info(device)
        used, kept = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
        return int(min(free + kept - used, total * self._share - used))


def load(weights: Weights, plan: Plan) -> Any:
    """EasyOCR's reader, for its networks, letters and tables. Nothing is quantized.

    (Quantized layers would scale by the largest number of a batch, and lines would depend on their company.)
    """
    folder = str(weights.folder)
    try:
        with quiet():
            return easyocr.Reader(
                list(weights.languages),
                gpu=plan.device if plan.gpu is not None else False,
                model_storage_directory=folder,
                user_network_directory=folder,
                download_enabled=False,
                verbose=False,
                quantize=False,
            )
    except (FileNotFoundError, ValueError) as error:  # a file's checksum is not the one that EasyOCR knows
        raise EngineUnavailable(f"EasyOCR cannot use the weights in {folder}: {error}") from error


def _fused(module: Any) -> Any:
    """The same network with each normalisation inside the convolution before it: a third less memory to pass through."""
    for part in module.modules():
        if not isinstance(part, torch.nn.Sequential):
            continue
        for here, following in pairwise(range(len(part))):
            if isinstance(part[here], torch.nn.Conv2d) and isinstance(part[following], torch.nn.BatchNorm2d):
                part[here] = fuse_conv_bn_eval(part[here], part[following])
                part[following] = torch.nn.Identity()
    return module
