"""What a worker did in its life, for the log line at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from docmill.domain.messages import JobResult

__all__ = ["WorkerStats"]


@dataclass(slots=True)
class WorkerStats:
    """Counters; they only grow."""

    done: Counter[str] = field(default_factory=Counter)
    """Published results by kind of job, faults included."""
    faults: Counter[str] = field(default_factory=Counter)
    """Published faults by reason."""
    pages_cached: int = 0
    """Pages whose text was there already, among those done."""
    dropped: int = 0
    """Jobs of cancelled runs that never started."""
    killed: int = 0
    """Jobs of cancelled runs whose child had to be killed."""
    returned: int = 0
    """Jobs given back at shutdown."""
    lost: int = 0
    """Results that could not be published; their jobs are delivered again."""
    work_ms: int = 0
    """From the start of the work on jobs to their results."""
    engine_ms: int = 0
    """Of that, inside reading engines."""

    def count(self, result: JobResult) -> None:
        """One more result was published."""
        self.done[result.kind.value] += 1
        self.work_ms += result.duration_ms
        self.engine_ms += result.engine_ms
        if result.page_facts is not None:
            self.pages_cached += result.page_facts.cached
        if result.fault is not None:
            self.faults[result.fault.reason.value] += 1

    def facts(self) -> dict[str, Any]:
        """All of them, as JSON has it."""
        return {
            "done": dict(self.done),
            "faults": dict(self.faults),
            "pages_cached": self.pages_cached,
            "dropped": self.dropped,
            "killed": self.killed,
            "returned": self.returned,
            "lost": self.lost,
            "work_ms": self.work_ms,
            "engine_ms": self.engine_ms,
        }
