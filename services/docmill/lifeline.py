"""A child process must not outlive the supervisor that started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; at once if `parent` is gone already.

    Killed and not asked to stop: the bus is gone as well, and the next start on the folder must find nobody at work.
    A machine without prctl keeps the old way: the supervisor's orderly end stops its children.
    """
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
