"""Whether a failed attempt is tried again, and when. The engine decides this, never the bus."""

from __future__ import annotations

from dataclasses import dataclass

from docmill.domain.errors import Fault, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off without jitter: attempts of one job never collide with each other."""

    max_failures: int = 3
    """Failures of the work itself: crashes, hangs, memory."""
    max_outages: int = 12
    """Failures because a part was away (OVERLOADED): some five minutes' worth."""
    max_attempts: int = 20
    """Attempts of any kind, those that nobody answered included: work that kills whole workers ends here."""
    first_delay: float = 0.5
    """Seconds before the second attempt."""
    factor: float = 4.0
    max_delay: float = 30.0
    """Seconds."""

    def delay_after(self, failures: int, fault: Fault) -> float | None:
        """Seconds until the next attempt after the job failed for the `failures`-th time; None = give up."""
        limit = self.max_outages if fault.reason is Reason.OVERLOADED else self.max_failures
        if not fault.retryable or failures >= limit:
            return None
        return float(min(self.first_delay * self.factor ** (failures - 1), self.max_delay))

    def may_lapse(self, attempt: int) -> bool:
        """Whether another attempt follows one that nobody answered. It may never have begun: it is no failure."""
        return attempt < self.max_attempts
