"""The GPU, asked of NVIDIA's driver itself: PyTorch takes seconds to load and is not needed to look."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = ["Gpu", "first_gpu"]

_MAJOR = 75  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR in the driver's cuda.h


@dataclass(frozen=True, slots=True)
class Gpu:
    """A CUDA device."""

    name: str
    memory: int
    """Bytes in all, whoever uses them."""
    generation: int
    """The major number of its compute capability: 7 is Volta and Turing, the first with tensor cores."""

    def __str__(self) -> str:
        return f"{self.name}, {self.memory / (1 << 30):.1f} GiB"


@cache
def first_gpu() -> Gpu | None:
    """The device that is `cuda:0` for this process, if there is a driver and it has one."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    return ask(driver)


def ask(driver: Any) -> Gpu | None:
    """What `driver`, the CUDA driver API, says of its first device; None if it has none or does not work."""
    count, device, generation = ctypes.c_int(0), ctypes.c_int(0), ctypes.c_int(0)
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or count.value == 0:
        return None
    failed = (
        driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        or driver.cuDeviceGetAttribute(ctypes.byref(generation), _MAJOR, device)
    )
    return None if failed else Gpu(name.value.decode(errors="replace"), memory.value, generation.value)
