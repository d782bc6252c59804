"""The bus between services and workers: transport, never the record. Everything on it may be lost and done again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from docmill.domain.messages import Beat, Hint, JobMessage, JobResult

__all__ = ["Bus", "BusUnavailable", "JobDelivery", "JobSource", "ResultDelivery", "ResultSource"]


class BusUnavailable(ConnectionError):
    """The bus does not answer now; what was sent may or may not have arrived. Try again."""


class JobDelivery(Protocol):
    """A job in a worker's hands until it acks, or until `ack_wait` passes without a sign of life."""

    job: JobMessage
    redelivered: bool

    async def ack(self) -> None:
        """Done (the result is published): never deliver it again."""

    async def nak(self, delay: float) -> None:
        """Give it back, to be delivered again after `delay` seconds."""

    async def in_progress(self) -> None:
        """Still working: start `ack_wait` anew."""


class JobSource(Protocol):
    """A worker's side of a pool's queue."""

    async def fetch(self, limit: int, timeout: float) -> Sequence[JobDelivery]:  # noqa: ASYNC109 - part of the contract
        """Up to `limit` jobs, as soon as there is one; empty after `timeout` seconds without any.

        Must survive a bus that goes away and comes back, also with its storage deleted: it then returns empty after
        `timeout` and fetches again later. Cancelling a fetch must not lose a job: it is redelivered.
        """


class ResultDelivery(Protocol):
    """A result in the services' hands."""

    result: JobResult

    async def ack(self) -> None:
        """Committed to the record: never deliver it again."""


class ResultSource(Protocol):
    """The services' side of the results queue."""

    async def fetch(self, limit: int, timeout: float) -> Sequence[ResultDelivery]:  # noqa: ASYNC109 - as above
        """Up to `limit` results, as soon as there is one; empty after `timeout` seconds. Survives like `JobSource`."""


class Bus(Protocol):
    """What every bus must do; one contract suite checks it.

    Jobs and results are delivered at least once; hints and beats at most once. A message published twice with the
    same `dedup_id` within the de-duplication window is delivered once.
    """

    async def publish_jobs(self, jobs: Sequence[JobMessage]) -> Sequence[bool]:
        """Publish all, at the same time; one flag a job: True if the bus has it (also as a duplicate).

        Raises `BusUnavailable` only when none could be sent.
        """

    def jobs(self, pool: str = "cpu") -> AbstractAsyncContextManager[JobSource]:
        """Take part in a pool's queue."""

    async def discard_jobs(self, run_id: str) -> None:
        """Drop the run's jobs that no worker has taken yet. Best effort."""

    async def publish_result(self, result: JobResult) -> None:
        """Returns once the bus has it; raises `BusUnavailable` else (publish it again: it counts once)."""

    def results(self) -> AbstractAsyncContextManager[ResultSource]:
        """Take part in collecting results."""

    async def publish_hint(self, hint: Hint) -> None:
        """Tell everybody who listens now. Never raises for an absent bus."""

    def on_hint(self, listener: Callable[[Hint], None]) -> Callable[[], None]:
        """Call `listener` for every hint from now on (also after reconnects); the result unsubscribes."""

    async def publish_beat(self, beat: Beat) -> None:
        """Tell the services that a worker lives. Never raises for an absent bus."""

    def on_beat(self, listener: Callable[[Beat], None]) -> Callable[[], None]:
        """Call `listener` for every beat from now on; the result unsubscribes."""

    def on_reset(self, listener: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Call `listener` after the queues had to be made anew: whatever was published before is gone."""

    async def ping(self) -> None:
        """Raise `BusUnavailable` if the bus cannot be reached now."""

    async def aclose(self) -> None:
        """Flush what is under way and disconnect; must not raise when the bus is already gone."""
