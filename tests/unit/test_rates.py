"""The request budget: what a window leaves, and what a refusal says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from docmill.domain.errors import LimitReached
from docmill.domain.rates import Budget, Window

NOW = datetime(2026, 11, 21, 12, 30, 15, 400_000, tzinfo=UTC)


def window(age: float, calls: int) -> Window:
    """A window that began so many seconds ago."""
    return Window(started_at=NOW - timedelta(seconds=age), calls=calls)


@pytest.mark.parametrize(("age", "left"), [(0, 9), (59.9, 9), (60, 10), (3600, 10), (-60, 9), (-60.1, 10)])
def test_a_window_lasts_a_minute(age: float, left: int) -> None:
    """A call falls into it for a minute; one of a clock a little behind too, one of a clock that was wrong does not."""
    assert Budget.left(10, window(age, 1), NOW).remaining == left


def test_what_is_left() -> None:
    """Nothing is counted yet, some is, all is, or the window has ended."""
    assert Budget.left(10, None, NOW) == Budget(limit=10, remaining=10, reset=NOW + timedelta(seconds=60))
    assert Budget.left(10, window(20, 4), NOW) == Budget(limit=10, remaining=6, reset=NOW + timedelta(seconds=40))
    assert Budget.left(10, window(20, 10), NOW).exceeded
    assert Budget.left(10, window(60, 10), NOW).remaining == 10


def test_the_last_call_of_a_window_passes() -> None:
    """A call that is counted may be the limit's last; the one after it is one too many."""
    last, beyond = Budget.taken(10, window(1, 10), NOW), Budget.taken(10, window(1, 11), NOW)
    assert (last.remaining, last.exceeded) == (0, False)
    assert (beyond.remaining, beyond.exceeded) == (0, True)


def test_a_refusal_says_when_to_come_back() -> None:
    """After `retryAfter` whole seconds the next window has begun; `reset` is the same in Unix seconds."""
    error = Budget.left(10, window(20, 10), NOW).refusal(NOW)
    assert isinstance(error, LimitReached)
    assert error.details == {"limit": "10", "retryAfter": "40", "reset": str(int(NOW.timestamp()) + 41)}
    assert Budget.left(10, window(59.99, 10), NOW).refusal(NOW).details["retryAfter"] == "1"
