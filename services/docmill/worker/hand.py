"""A job in a worker's hand, from its fetch to its answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial

from docmill.bus import JobDelivery
from docmill.domain.errors import DeadlineExceeded, Reason
from docmill.domain.messages import JobMessage
from docmill.worker.lanes import Lane

__all__ = ["Hand", "Stage"]


class Stage(Enum):
    """How far the work on a job is."""

    FETCHED = auto()  # its task has not begun
    WAITING = auto()  # FETCHED -> downloading, or in the queue for a slot
    WORKING = auto()  # WAITING -> a child has it; back to WAITING if it was in a batch that failed
    ANSWERING = auto()  # WORKING -> keeping and publishing the outcome


@dataclass(slots=True, eq=False)
class Hand:
    """A job in hand."""

    delivery: JobDelivery
    since: float
    """When the work on it began (`time.monotonic()`)."""
    lane: Lane = Lane.NORMAL
    """Whose room it takes."""
    stage: Stage = Stage.FETCHED
    question: asyncio.Future[float | None] | None = None
    """The latest question whether it is still wanted: see `docmill.worker.wanted.Wanted.ask`."""
    transfer: asyncio.Timeout = field(default_factory=partial(asyncio.timeout, None))
    """Bounds what the job does outside of a child."""
    takes_room: bool = True
    """Until it is being answered: only what still needs a child counts against the prefetch of its lane."""
    let_go: str = ""
    """Why it was cancelled: `dropped` and `killed` jobs are of cancelled runs, `returned` ones are for others to do."""
    task: asyncio.Task[None] | None = None

    @property
    def job(self) -> JobMessage:
        """What is to be done."""
        return self.delivery.job

    def begin(self) -> None:
        """A child has it from now on: its time is the reading, not the wait for a free child."""
        self.stage = Stage.WORKING
        self.since = time.monotonic()

    def seconds_left(self) -> float:
        """Until the job's deadline; raises `DeadlineExceeded` after it."""
        if self.job.deadline is None:
            return float("inf")
        left = (self.job.deadline - datetime.now(UTC)).total_seconds()
        if left <= 0:
            raise DeadlineExceeded(Reason.DEADLINE, "The run's deadline passed before this work was done")
        return left

    def release(self, why: str) -> None:
        """End the work, unless it is as good as done; a child that has the job is killed."""
        assert self.task is not None
        if self.stage is Stage.ANSWERING or self.let_go:
            return
        self.let_go = why
        if self.stage is not Stage.FETCHED:  # a task cancelled before it began would not even run to its ack
            self.task.cancel()
