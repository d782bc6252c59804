"""How a worker takes work."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WorkerOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """Of one worker, from its settings."""

    worker_id: str
    pool: str = "cpu"
    slots: int = 1
    """Jobs worked on at the same time."""
    prefetch: int = 1
    """Jobs fetched ahead for each place, so that a child never waits for the bus or a download. A slot has one place, or
    as many as its engine gains from reading together."""
    max_batch: int = 16
    """Pages in one request, whatever an engine wants: they are all in the child's memory."""
    batch_window: float = 0.02
    """Seconds that a page waits for company at a free child whose engine gains from it."""
    pulls: int = 2
    """Overlapping fetches: one is under way while the other's jobs arrive."""
    fetch_timeout: float = 1.0
    """Seconds of one fetch, and so the longest wait before an idle worker stops."""
    ack_wait: float = 30.0
    """Seconds without a sign of life after which the bus gives a job to somebody else."""
    transfer_timeout: float = 600.0
    """Seconds in which a job's document must be fetched, and again what was made of it be kept. The work between the two
    is bounded by `docmill.worker.handlers.Timeouts`; the wait for a free child counts nowhere."""
    beat_every: float = 2.0
    cancel_patience: float = 1.5
    """Seconds a page of a cancelled run may still take."""
    grace: float = 20.0
    """Seconds that running jobs may still take at shutdown."""
