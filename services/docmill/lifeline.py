"""A process that must not outlive the one that started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial

__all__ = ["before_exec", "die_with_parent"]

_PR_SET_PDEATHSIG = 1  # prctl(2)
# Looked up at import: between fork and exec, where this may run, as little as possible may happen.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process `number` when `parent` (its id) ends; end at once if that is gone already.

    Killed and not asked to stop, unless said otherwise: the other parts are gone as well, and the next start must find
    nobody at work. Where there is no prctl (only Linux has it), the parent's orderly end is what stops its children.
    """
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def before_exec(number: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """`preexec_fn` for a program of others that must end with this process."""
    return partial(die_with_parent, os.getpid(), number)
