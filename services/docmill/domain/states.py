"""The state machines, with their arrows beside the states, and nothing else that may change a state."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """A run's state."""

    QUEUED = "QUEUED"  # accepted
    RUNNING = "RUNNING"  # QUEUED -> first result
    SUCCEEDED = "SUCCEEDED"  # RUNNING -> no jobs left
    FAILED = "FAILED"  # any open -> policy or deadline
    CANCELLED = "CANCELLED"  # any open -> by user, at once

    @property
    def is_terminal(self) -> bool:
        """No change can follow."""
        return self not in OPEN_RUN_STATES


class JobState(StrEnum):
    """A job's state."""

    READY = "READY"  # waiting for dispatch; PUBLISHED -> retryable failure, or lease ran out
    PUBLISHED = "PUBLISHED"  # READY -> on the bus, leased until lease_until
    SUCCEEDED = "SUCCEEDED"  # any open -> result accepted (READY: of an attempt that was taken back too early)
    FAILED = "FAILED"  # any open -> attempts used up or not retryable
    CANCELLED = "CANCELLED"  # any open -> the run ended

    @property
    def is_terminal(self) -> bool:
        """No change can follow."""
        return self not in OPEN_JOB_STATES


class BatchState(StrEnum):
    """A batch's state."""

    QUEUED = "QUEUED"  # accepted
    PROCESSING = "PROCESSING"  # QUEUED -> the first of its runs started, or ended
    COMPLETED = "COMPLETED"  # PROCESSING -> all of its runs have ended, and the results file is there

    @property
    def is_terminal(self) -> bool:
        """No change can follow."""
        return self is BatchState.COMPLETED


class PageState(StrEnum):
    """A page's state within a run, derived from its job."""

    PENDING = "PENDING"  # job READY
    IN_PROGRESS = "IN_PROGRESS"  # job PUBLISHED
    DONE = "DONE"  # job SUCCEEDED
    FAILED = "FAILED"  # job FAILED
    CANCELLED = "CANCELLED"  # job CANCELLED

    @classmethod
    def of(cls, job: JobState) -> PageState:
        """The state a page shows while its job is in `job`."""
        return _PAGE_OF_JOB[job]


class ProbeState(StrEnum):
    """Whether a document's bytes have been looked at."""

    PENDING = "PENDING"  # uploaded
    READY = "READY"  # PENDING -> a worker counted its pages
    REJECTED = "REJECTED"  # PENDING -> a worker could not open it


OPEN_RUN_STATES = frozenset({RunState.QUEUED, RunState.RUNNING})
OPEN_JOB_STATES = frozenset({JobState.READY, JobState.PUBLISHED})

_PAGE_OF_JOB = {
    JobState.READY: PageState.PENDING,
    JobState.PUBLISHED: PageState.IN_PROGRESS,
    JobState.SUCCEEDED: PageState.DONE,
    JobState.FAILED: PageState.FAILED,
    JobState.CANCELLED: PageState.CANCELLED,
}

RUN_ARROWS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.FAILED, RunState.CANCELLED}),
    RunState.RUNNING: frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
}

JOB_ARROWS: dict[JobState, frozenset[JobState]] = {
    JobState.READY: frozenset({JobState.PUBLISHED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}),
    JobState.PUBLISHED: frozenset({JobState.READY, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

BATCH_ARROWS: dict[BatchState, frozenset[BatchState]] = {
    BatchState.QUEUED: frozenset({BatchState.PROCESSING}),
    BatchState.PROCESSING: frozenset({BatchState.COMPLETED}),
    BatchState.COMPLETED: frozenset(),
}


def run_sources(to: RunState) -> frozenset[RunState]:
    """The states from which a run may enter `to`: the FROM list of the guarded update."""
    return frozenset(state for state, targets in RUN_ARROWS.items() if to in targets)


def job_sources(to: JobState) -> frozenset[JobState]:
    """The states from which a job may enter `to`."""
    return frozenset(state for state, targets in JOB_ARROWS.items() if to in targets)


def batch_sources(to: BatchState) -> frozenset[BatchState]:
    """The states from which a batch may enter `to`."""
    return frozenset(state for state, targets in BATCH_ARROWS.items() if to in targets)
