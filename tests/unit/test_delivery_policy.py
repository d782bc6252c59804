"""When a webhook is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.deliveries import EVENT_OF, DeliveryPolicy
from docmill.domain.states import RunState

POLICY = DeliveryPolicy()


def test_the_schedule_is_the_documented_one() -> None:
    """Eight attempts; gaps after the attempt before."""
    assert list(POLICY.gaps) == [0, 5, 30, 120, 600, 1800, 7200, 21_600]
    assert POLICY.jitter == 0.2


@given(st.integers(1, 7), st.sampled_from([None, 301, 400, 404, 429, 500, 503]), st.floats(-1, 1))
def test_a_gap_varies_by_a_fifth(attempts: int, status: int | None, roll: float) -> None:
    """Every failure but 410 is tried again, within the jitter of the gap."""
    gap = POLICY.gap_after(attempts, status, roll)
    assert gap is not None
    assert 0.8 * POLICY.gaps[attempts] <= gap <= 1.2 * POLICY.gaps[attempts]


@pytest.mark.parametrize(("attempts", "status"), [(8, 500), (8, None), (9, 500), (1, 410), (7, 410)])
def test_when_it_is_given_up(attempts: int, status: int | None) -> None:
    """After the last attempt, and when the receiver is gone for good."""
    assert POLICY.gap_after(attempts, status, 0.0) is None


def test_every_end_has_its_event() -> None:
    """Each terminal state is told under a name, and nothing else is."""
    assert set(EVENT_OF) == {state for state in RunState if state.is_terminal}
