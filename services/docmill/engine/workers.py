"""Which workers live, how much they can take, and how quickly jobs end: what bounds the window of published jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from docmill.domain.messages import Beat

_ALIVE = 10.0  # seconds without a beat after which a worker counts as gone
_SMALLEST_WINDOW = 4
_LARGEST_WINDOW = 2000
_AHEAD = 0.25  # seconds of work to keep on the bus


@dataclass(slots=True)
class Workers:
    """Signs of life and a moving rate, kept in memory only: a restart learns them again within seconds."""

    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    _rate: float = 0.0
    _counted: int = 0
    _since: float = field(default_factory=time.monotonic)

    def saw(self, beat: Beat) -> None:
        """A worker lives."""
        self._seen[beat.worker_id] = (beat.slots, time.monotonic())

    def ended(self, jobs: int) -> None:
        """So many jobs just ended."""
        self._counted += jobs
        elapsed = time.monotonic() - self._since
        if elapsed >= _AHEAD:
            self._rate = (self._rate + self._counted / elapsed) / 2
            self._counted, self._since = 0, time.monotonic()

    @property
    def slots(self) -> int:
        """Jobs that the living workers can do at the same time."""
        horizon = time.monotonic() - _ALIVE
        for worker_id in [name for name, (_, seen) in self._seen.items() if seen < horizon]:
            del self._seen[worker_id]
        return sum(slots for slots, _ in self._seen.values())

    @property
    def window(self) -> int:
        """How many jobs may be published at a time.

        Enough that no worker waits for the services, and no more: what waits in the record can still be ordered,
        cancelled and shared fairly, and its lease does not run.
        """
        wanted = self.slots * 2 + 1 + int(self._rate * _AHEAD * 2)  # a worker holds two a slot: one ahead
        return max(_SMALLEST_WINDOW, min(wanted, _LARGEST_WINDOW))
