"""Batches whose runs moved in this process. What nobody noted is found by the look that comes every second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from docmill.domain.models import Run
from docmill.domain.states import RunState


class Agenda:
    """Ids of batches to look at. Used from one event loop."""

    def __init__(self) -> None:
        self._batch_ids: set[str] = set()
        self.news = asyncio.Event()

    def note(self, batch_id: str) -> None:
        """Look at this batch soon."""
        self._batch_ids.add(batch_id)
        self.news.set()

    def note_runs(self, runs: Iterable[Run]) -> None:
        """Look at the batches of those that began or ended; what is planned and no more has nothing to say to one."""
        for run in runs:
            if run.batch_id and run.state is not RunState.QUEUED:
                self.note(run.batch_id)

    def take(self) -> list[str]:
        """What was noted since the last time."""
        taken, self._batch_ids = sorted(self._batch_ids), set()
        return taken
