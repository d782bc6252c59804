"""The window of published jobs follows the workers that live and the rate at which jobs end."""

from __future__ import annotations

import pytest

from docmill.domain.messages import Beat
from docmill.engine.workers import Workers


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def workers_at(clock: Clock, slots: int = 2) -> Workers:
    """One worker that just gave a sign of life."""
    workers = Workers(clock=clock)
    workers.saw(Beat(worker_id="a", slots=slots))
    return workers


def test_nothing_is_published_while_no_worker_lives() -> None:
    """Without workers jobs stay in the record, where no lease runs; a worker that falls silent counts for ten seconds."""
    clock = Clock()
    assert Workers(clock=clock).window == 0
    workers = workers_at(clock)
    assert workers.window == 5
    clock.now += 11
    assert workers.window == 0


def test_slow_pages_get_no_more_than_workers_take_ahead() -> None:
    """Two a slot and one more: what a worker holds, and what it takes next."""
    clock = Clock()
    workers = workers_at(clock)
    for _ in range(20):
        clock.now += 3
        workers.saw(Beat(worker_id="a", slots=2))
        workers.ended(2)
    assert workers.window <= 6


def test_quick_jobs_get_half_a_second_of_work() -> None:
    """At a thousand jobs a second some five hundred are published."""
    clock = Clock()
    workers = workers_at(clock)
    for _ in range(100):
        clock.now += 0.1
        workers.saw(Beat(worker_id="a", slots=2))
        workers.ended(100)
    assert 400 < workers.window < 600


def test_the_rate_of_a_burst_is_forgotten_with_it() -> None:
    """After a burst of quick jobs, slow ones do not find hundreds of others published before them."""
    clock = Clock()
    workers = workers_at(clock)
    for _ in range(50):
        clock.now += 0.1
        workers.ended(100)
    clock.now += 3
    workers.saw(Beat(worker_id="a", slots=2))
    assert workers.window <= 100
    clock.now += 3
    workers.saw(Beat(worker_id="a", slots=2))
    assert workers.window == 5


def test_calls_of_a_language_model_have_a_window_of_their_own() -> None:
    """One in each child that waits for answers and one ahead, whatever the rate of pages; none without such children."""
    clock = Clock()
    workers = workers_at(clock)
    assert workers.llm_window == 0
    workers.saw(Beat(worker_id="b", slots=2, llm_slots=3))
    assert (workers.llm_window, workers.slots) == (6, 4)
    clock.now += 11
    assert workers.llm_window == 0


def results_at(pace: float, in_hand: int, slots: int = 2) -> Workers:
    """Workers that have ended jobs at so many a second for a while, with some published."""
    clock = Clock()
    workers = workers_at(clock, slots)
    for _ in range(40):
        clock.now += 0.25
        workers.saw(Beat(worker_id="a", slots=slots))
        workers.ended(round(pace / 4))
    workers.in_hand = in_hand
    return workers


def test_results_of_slow_pages_wait_a_moment_for_each_other() -> None:
    """A tenth of a second, as long as the workers have more than they do and take ahead."""
    assert results_at(24, in_hand=9).patience == 0.1


@pytest.mark.parametrize(
    ("pace", "in_hand"),
    [(24, 4), (4, 9), (400, 200), (0, 0)],
    ids=["the end is near", "far apart", "together anyway", "nothing goes on"],
)
def test_no_result_waits_where_that_saves_nothing(pace: float, in_hand: int) -> None:
    """Nor where somebody waits for each of the last ones."""
    assert results_at(pace, in_hand=in_hand).patience == 0.0


def test_what_ended_is_in_hand_no_more() -> None:
    """Between two looks at the record, too."""
    workers = results_at(24, in_hand=6)
    assert workers.patience > 0
    workers.ended(2)
    assert workers.patience == 0.0
