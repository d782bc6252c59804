"""Whether a failed attempt is tried again, and when. The engine decides this, never the bus."""

from __future__ import annotations

from dataclasses import dataclass

from docmill.domain.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential back-off without jitter: attempts of one job never collide with each other."""

    max_attempts: int = 3
    first_delay: float = 0.5
    """Seconds before the second attempt."""
    factor: float = 4.0
    max_delay: float = 30.0
    """Seconds."""

    def delay_after(self, attempt: int, fault: Fault) -> float | None:
        """Seconds until the next attempt after `attempt` (1-based) failed with `fault`; None = give up."""
        if not fault.retryable or attempt >= self.max_attempts:
            return None
        return float(min(self.first_delay * self.factor ** (attempt - 1), self.max_delay))
