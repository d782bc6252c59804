"""One seam to what computes: a network takes a picture of bytes and gives numbers, on OpenVINO or ONNX Runtime."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from docmill.ocr import EngineUnavailable
from docmill.ocr.gpu import first_gpu

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPENVINO = "openvino"
ONNXRUNTIME = "onnxruntime"

_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
_MIDDLE = 127.5  # PP-OCR takes pixels as (value / 255 - 0.5) / 0.5, in the order blue, green, red


class Network(Protocol):
    """A model ready to run. May be called from several threads at once."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """`pixels` has the shape (1, height, width, 3), RGB; the result is good until the thread's next call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What networks run on."""

    backend: str
    """`OPENVINO` or `ONNXRUNTIME`."""
    version: str
    precision: str
    """`bf16` or `f32`."""
    device: str
    """`cpu` or `cuda:0`."""

    def open(self, model: bytes, *, threads: int, streams: int = 1) -> Network:
        """`model` (ONNX) compiled; `threads` work in all, on `streams` pictures at a time."""
        if self.backend == OPENVINO:
            return _OpenVinoNetwork(model, threads, streams, self.precision)
        return _OnnxNetwork(model, max(1, threads // streams), cuda=self.device != "cpu")


def choose_runtime(gpu: str, backend: str | None = None) -> Runtime:
    """The best that is installed, or `backend`; libraries are looked for and not loaded.

    A GPU is used through ONNX Runtime where its package for CUDA is installed and a driver answers. OpenVINO is the
    quickest on a CPU that computes in bf16, and as quick as ONNX Runtime on others.
    Raises `EngineUnavailable` if there is nothing to run on, or no GPU where `gpu` is `on`.
    """
    onnxruntime = _version_of("onnxruntime", "onnxruntime-gpu", "onnxruntime")
    if backend != OPENVINO and gpu != "off" and onnxruntime is not None and _has_cuda():
        return Runtime(backend=ONNXRUNTIME, version=onnxruntime, precision="f32", device="cuda:0")
    if gpu == "on":
        raise EngineUnavailable(
            "A GPU is asked for, but the engine paddle finds none: it needs the package onnxruntime-gpu and an NVIDIA"
            " driver; see `docmill doctor`"
        )
    openvino = _version_of("openvino", "openvino")
    if backend != ONNXRUNTIME and openvino is not None:
        precision = "bf16" if _cpu_has_bf16() else "f32"
        return Runtime(backend=OPENVINO, version=openvino, precision=precision, device="cpu")
    if backend != OPENVINO and onnxruntime is not None:
        return Runtime(backend=ONNXRUNTIME, version=onnxruntime, precision="f32", device="cpu")
    raise EngineUnavailable(
        f"The engine paddle needs the package {backend or 'openvino or onnxruntime'};"
        " install it with: pip install 'docmill[ocr]'"
    )


def _version_of(module: str, *packages: str) -> str | None:
    if importlib.util.find_spec(module) is None:
        return None
    for package in packages:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _has_cuda() -> bool:
    try:
        importlib.metadata.version("onnxruntime-gpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return first_gpu() is not None


@cache
def _cpu_has_bf16() -> bool:
    """As OpenVINO will find it; on other systems than Linux f32 it is."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return bool(_BF16_FLAGS & set(flags.split()))


class _OpenVinoNetwork:
    """Conversion, normalisation and the order of axes and channels are part of the compiled graph."""

    def __init__(self, model: bytes, threads: int, streams: int, precision: str) -> None:
        from openvino import Core, Layout, Tensor, Type  # noqa: PLC0415  # a quarter of a second: only those who read pay it
        from openvino.preprocess import PrePostProcessor  # noqa: PLC0415  # as above

        # The first tensor of a process imports NumPy's functions inside a C++ lock, and importing lends Python's lock to
        # other threads: one that makes its first tensor then waits for the C++ lock with Python's in hand, for ever
        # (pybind11 pull request 4877). So it is made here, by one thread, before pools read.
        Tensor(np.zeros(1, dtype=np.uint8))
        core = Core()
        prepared = PrePostProcessor(core.read_model(model))
        picture = prepared.input()
        picture.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
        picture.model().set_layout(Layout("NCHW"))
        steps = picture.preprocess().convert_element_type(Type.f32).reverse_channels()
        steps.mean(_MIDDLE).scale(_MIDDLE)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,  # workers side by side would be pinned to the same cores
        }
        self._compiled = core.compile_model(prepared.build(), "CPU", settings)
        self._local = threading.local()

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        request: Any = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        # A request that shared its input once must always do so, or it refuses new shapes.
        request.infer([pixels], share_inputs=True, share_outputs=True)
        return np.asarray(request.get_output_tensor(0).data, dtype=np.float32)


class _OnnxNetwork:
    def __init__(self, model: bytes, threads: int, *, cuda: bool) -> None:
        import onnxruntime  # noqa: PLC0415  # only those who read pay it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # made for one shape; strips come in many
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CUDAExecutionProvider"] if cuda else []
        self._session = onnxruntime.InferenceSession(model, options, providers=[*providers, "CPUExecutionProvider"])
        if cuda and "CUDAExecutionProvider" not in self._session.get_providers():
            raise EngineUnavailable(
                "onnxruntime-gpu is installed but cannot use the GPU (its CUDA or cuDNN is missing or of another"
                " version); install those, or set the engine's gpu to off"
            )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        planes = np.ascontiguousarray(pixels[..., ::-1].transpose(0, 3, 1, 2), dtype=np.float32)
        planes -= _MIDDLE
        planes /= _MIDDLE
        return np.asarray(self._session.run(None, {self._input: planes})[0], dtype=np.float32)
