"""Which workers live, how much they can take, and how quickly jobs end: what bounds the window of published jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from docmill.domain.messages import Beat

_ALIVE = 10.0  # seconds without a beat after which a worker counts as gone
_LARGEST_WINDOW = 2000
_AHEAD = 0.5  # seconds of work to keep on the bus
_SPAN = 0.25  # seconds over which the rate is measured
_PATIENCE = 0.1  # seconds that a result may wait at most
_COMPANY = 8  # results that come in that time at a pace where they come together anyway


@dataclass(slots=True)
class Workers:
    """Signs of life and a moving rate, kept in memory only: a restart learns them again within seconds."""

    clock: Callable[[], float] = time.monotonic
    in_hand: int = 0
    """Jobs that were published and had not ended at the latest look; without those that call a language model."""
    _seen: dict[str, tuple[Beat, float]] = field(default_factory=dict)
    _rate: float = 0.0
    _counted: int = 0
    _since: float = 0.0

    def saw(self, beat: Beat) -> None:
        """A worker lives."""
        self._seen[beat.worker_id] = (replace(beat, holding=()), self.clock())

    def ended(self, jobs: int) -> None:
        """So many jobs just ended."""
        self._measure()
        self._counted += jobs
        self.in_hand = max(0, self.in_hand - jobs)

    @property
    def slots(self) -> int:
        """Jobs that the living workers can do at the same time."""
        return sum(beat.slots for beat in self._living())

    @property
    def llm_window(self) -> int:
        """How many jobs that call a language model may be published at a time: one a slot, and one ahead."""
        return min(2 * sum(beat.llm_slots for beat in self._living()), _LARGEST_WINDOW)

    def _living(self) -> Sequence[Beat]:
        horizon = self.clock() - _ALIVE
        for worker_id in [name for name, (_, seen) in self._seen.items() if seen < horizon]:
            del self._seen[worker_id]
        return [beat for beat, _ in self._seen.values()]

    @property
    def window(self) -> int:
        """How many jobs may be published at a time; none while no worker lives.

        Enough that no worker waits for the services (each takes one job a slot ahead), and no more: what waits in the
        record can still be ordered and cancelled, and its lease does not run.
        """
        slots = self.slots
        if not slots:
            return 0
        self._measure()
        return min(slots * 2 + 1 + int(self._rate * _AHEAD), _LARGEST_WINDOW)

    @property
    def patience(self) -> float:
        """Seconds that a result may wait for others: a commit, and all who wake up for it, cost as much for one as for many.

        None where that saves nothing: results that are further apart, or so close that they come together anyway. And none
        near the end of the work, when workers soon have nothing to do and somebody waits for each.
        """
        self._measure()
        waits = self.in_hand > 2 * self.slots and 1 < self._rate * _PATIENCE < _COMPANY
        return _PATIENCE if waits else 0.0

    def _measure(self) -> None:
        """Take the jobs of the span that is over into the rate; a long silence counts as what it is."""
        elapsed = self.clock() - self._since
        if elapsed >= _SPAN:
            latest = self._counted / elapsed
            self._rate = latest if elapsed > 4 * _SPAN else (self._rate + latest) / 2
            self._counted, self._since = 0, self.clock()
