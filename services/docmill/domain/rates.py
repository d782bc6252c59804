"""The request budget of an organization: so many calls in a window of one minute, which begins with its first call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from docmill.domain.errors import LimitReached, Reason

WINDOW = timedelta(minutes=1)
"""How long calls are counted together. The statement in `docmill.store.rates` says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Calls counted together."""

    started_at: datetime
    calls: int

    def holds(self, at: datetime) -> bool:
        """Whether a call at this time falls into it.

        A window that begins a little later was begun by a process whose clock is ahead; one that begins much later,
        by a clock that was wrong, and counts no more.
        """
        return -WINDOW <= at - self.started_at < WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is left of a window for an organization's calls."""

    limit: int
    remaining: int
    reset: datetime
    """When the next window may begin."""
    exceeded: bool = False
    """Whether the call that asks is one too many."""

    @classmethod
    def left(cls, limit: int, window: Window | None, at: datetime) -> Budget:
        """What is left at a time after the calls of `window`; `exceeded` when nothing is."""
        if window is None or not window.holds(at):
            return cls(limit=limit, remaining=limit, reset=at + WINDOW)
        remaining = max(0, limit - window.calls)
        return cls(limit=limit, remaining=remaining, reset=window.started_at + WINDOW, exceeded=not remaining)

    @classmethod
    def taken(cls, limit: int, window: Window, at: datetime) -> Budget:
        """What is left after a call that `window` counts already; `exceeded` when the window has more than its limit."""
        left = cls.left(limit, window, at)
        return cls(limit=limit, remaining=left.remaining, reset=left.reset, exceeded=window.calls > limit)

    def reset_seconds(self) -> int:
        """`reset` in Unix seconds, rounded up."""
        return math.ceil(self.reset.timestamp())

    def refusal(self, at: datetime) -> LimitReached:
        """The error for a call that is one too many."""
        wait = max(1, math.ceil((self.reset - at).total_seconds()))
        return LimitReached(
            Reason.RATE_LIMITED,
            f"All {self.limit} calls of this minute are used up; try again in {wait} s",
            {"limit": str(self.limit), "retryAfter": str(wait), "reset": str(self.reset_seconds())},
        )
