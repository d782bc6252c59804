"""How EasyOCR's pages and lines are put together, and where they go: all that needs no PyTorch."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.ocr.easyocr.ladders import canvas_of, chunks, in_halves, pages_that_fit, strip_width, together
from docmill.ocr.easyocr.plan import Plan, plan_for
from docmill.ocr.gpu import Gpu, ask

GIB = 1 << 30
T4 = Gpu("Tesla T4", 15 * GIB, 7)
OLD = Gpu("Tesla P40", 24 * GIB, 6)


@given(st.integers(1, 60_000))
def test_a_strip_is_padded_little(width: int) -> None:
    """Less than 64 pixels for a short line, less than a fifth for a long one, and never cut."""
    padded = strip_width(width)
    assert width <= padded
    assert padded - width < max(64, width / 5)
    assert strip_width(padded) == padded


def test_strips_meet_equals() -> None:
    """A page's lines, of whatever width, need few kinds of batches."""
    assert len({strip_width(width) for width in range(1, 2561)}) <= 20
    assert [strip_width(width) for width in (1, 64, 65, 640, 641, 1281)] == [64, 64, 128, 640, 768, 1536]


@pytest.mark.parametrize("step", [32, 128])
@given(st.integers(1, 2560), st.integers(1, 2560))
def test_a_canvas_is_the_next_step(step: int, height: int, width: int) -> None:
    """It holds the page, and its sides are multiples of the step."""
    for side, canvas in zip((height, width), canvas_of(height, width, step), strict=True):
        assert side <= canvas < side + step
        assert canvas % step == 0


def test_scans_of_one_document_share_a_canvas() -> None:
    """A4 at 200 dpi, as scanners deliver it: some pixels more or less."""
    assert {canvas_of(height, width, 128) for height, width in [(2339, 1654), (2338, 1653), (2344, 1660)]} == {
        (2432, 1664)
    }


def test_equals_go_together_in_order() -> None:
    """Grouped by rung; a group is divided into chunks of a size."""
    groups = together([5, 70, 3, 90, 1], strip_width)
    assert groups == {64: [5, 3, 1], 128: [70, 90]}
    assert [list(some) for some in chunks(groups[64], 2)] == [[5, 3], [1]]


def test_memory_bounds_the_pages_found_together() -> None:
    """Half the bytes of a number are twice the pages; one page must always be tried."""
    a4 = (2432, 1664)
    assert pages_that_fit(a4, 2, 14 * GIB) == 11
    assert pages_that_fit(a4, 4, 14 * GIB) == 5
    assert pages_that_fit(a4, 4, 0) == 1
    assert pages_that_fit((256, 256), 2, 1 * GIB) > 40


class Full(Exception):
    """There is no more room."""


class Desk:
    """Reads (doubles) at most `room` items at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.attempts: list[int] = []
        self.relieved: list[int] = []

    def read(self, items: Sequence[int]) -> list[int]:
        self.attempts.append(len(items))
        if len(items) > self.room:
            raise Full
        return [2 * item for item in items]

    def in_halves(self, items: Sequence[int]) -> list[int]:
        return in_halves(self.read, items, too_much=Full, relieve=self.relieved.append)


def test_what_is_too_much_at_once_is_read_in_halves() -> None:
    """All results, in order; each time it was too much, there is relief before the next attempt."""
    desk = Desk(2)
    assert desk.in_halves(range(7)) == [0, 2, 4, 6, 8, 10, 12]
    assert desk.attempts == [7, 3, 1, 2, 4, 2, 2]
    assert desk.relieved == [7, 3, 4]


def test_what_fits_is_read_at_once() -> None:
    """Nothing is halved without need."""
    desk = Desk(8)
    assert desk.in_halves(range(8)) == list(range(0, 16, 2))
    assert (desk.attempts, desk.relieved) == ([8], [])


def test_one_that_is_too_much_ends_it() -> None:
    """There is no half of a page."""
    desk = Desk(0)
    with pytest.raises(Full):
        desk.in_halves(range(2))
    assert desk.attempts == [2, 1]


def test_other_errors_are_not_a_matter_of_memory() -> None:
    """They pass at once."""

    def broken(items: Sequence[int]) -> list[int]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_halves(broken, range(4), too_much=Full, relieve=lambda _: pytest.fail("there is nothing to relieve"))


@pytest.mark.parametrize(
    ("precision", "gpu", "flags", "planned"),
    [
        ("auto", T4, set(), ("cuda:0", "float16", "float16")),
        ("auto", OLD, set(), ("cuda:0", "float32", "float32")),
        ("mixed", OLD, set(), ("cuda:0", "float16", "float16")),
        ("full", T4, {"amx_bf16"}, ("cuda:0", "float32", "float32")),
        ("auto", None, {"avx512f"}, ("cpu", "float32", "float32")),
        ("auto", None, {"avx512_bf16"}, ("cpu", "bfloat16", "float32")),
        ("full", None, {"avx512_bf16"}, ("cpu", "float32", "float32")),
        ("mixed", None, set(), ("cpu", "bfloat16", "float32")),
    ],
)
def test_the_machine_decides_on_device_and_precision(
    precision: str, gpu: Gpu | None, flags: set[str], planned: tuple[str, str, str]
) -> None:
    """Less than 32 bits where they are faster, and never bfloat16 for letters."""
    plan = plan_for(precision, gpu, frozenset(flags))
    assert (plan.device, plan.precision, plan.reading) == planned
    assert (plan.pages > 1) == (gpu is not None)


def test_doctor_is_told_the_device_and_what_to_expect() -> None:
    """The GPU by name and memory; on a CPU, that it is slow."""
    assert str(plan_for("auto", T4, frozenset())) == "float16 on Tesla T4, 15.0 GiB, 8 pages at once"
    assert "slow without a GPU" in str(Plan(device="cpu", precision="float32"))


class Driver:
    """Stands in for NVIDIA's driver, which takes pointers."""

    def __init__(self, *, status: int = 0, devices: int = 1) -> None:
        self.status = status
        self.devices = devices

    def cuInit(self, flags: int) -> int:  # noqa: N802  # the driver's names
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self.devices
        return 0

    def cuDeviceGet(self, device: Any, number: int) -> int:  # noqa: N802
        device._obj.value = 40 + number
        return 0

    def cuDeviceGetName(self, name: ctypes.Array[ctypes.c_char], size: int, device: ctypes.c_int) -> int:  # noqa: N802
        name.value = f"Tesla T4 ({device.value})".encode()[: size - 1]
        return 0

    def cuDeviceTotalMem_v2(self, memory: Any, device: ctypes.c_int) -> int:  # noqa: N802
        memory._obj.value = 15 * GIB
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: ctypes.c_int) -> int:  # noqa: N802
        value._obj.value = {75: 7, 76: 5}[attribute]
        return 0


def test_the_driver_is_asked_for_its_first_device() -> None:
    """Name, memory and generation."""
    assert ask(Driver()) == Gpu("Tesla T4 (40)", 15 * GIB, 7)


@pytest.mark.parametrize("driver", [Driver(status=100), Driver(devices=0)])
def test_a_driver_without_a_device_has_no_gpu(driver: Driver) -> None:
    """CUDA_ERROR_NO_DEVICE, or none that this process may see."""
    assert ask(driver) is None
