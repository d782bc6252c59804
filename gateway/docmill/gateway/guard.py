"""Who guesses keys is slowed down: a limit on failed logins for each client address, in this process's memory."""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem

__all__ = ["Guard"]

_FAILURES = RateLimitItemPerMinute(20)


class Guard:
    """Counts refused keys by address."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def failed(self, address: str) -> None:
        """Note that a key from `address` was refused."""
        await self._limiter.hit(_FAILURES, address)

    async def check(self, exchange: Exchange) -> None:
        """Problem while too many keys from this address were refused: whatever key comes next is not looked at."""
        if await self._limiter.test(_FAILURES, exchange.client):
            return
        window = await self._limiter.get_window_stats(_FAILURES, exchange.client)
        wait = max(1, round(window.reset_time - time.time() + 0.5))
        exchange.call.rate |= {
            "x-ratelimit-limit": str(_FAILURES.amount),
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": str(int(time.time()) + wait),
        }
        message = f"Too many keys from this address were refused; try again in {wait} s"
        raise Problem("RATE_LIMITED", message, {"reason": "failed_logins"}, retry_after=wait)
