"""The bus between services and workers: transport, never the record. Everything on it may be lost and done again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import Protocol

from docmill.domain.messages import Attempt, Beat, Hint, JobMessage, JobResult

__all__ = [
    "ANSWER_SECONDS",
    "LLM_POOL",
    "Bus",
    "BusUnavailable",
    "JobDelivery",
    "JobSource",
    "Publication",
    "ResultDelivery",
    "ResultSource",
    "Side",
    "WantedAnswer",
    "pool_of_job",
]

ANSWER_SECONDS = 2.0
"""No answer to a question is taken later than this after it was asked."""

WantedAnswer = Callable[[Sequence[Attempt]], Awaitable[Collection[Attempt]]]
"""Picks those attempts that are still to be done."""


LLM_POOL = "llm"
"""The pool of workers that have a language model."""


def pool_of_job(job: JobMessage) -> str:
    """Jobs that call a language model go to the workers that have one, all others to any."""
    return LLM_POOL if job.calls_llm else "cpu"


class Side(Enum):
    """Which side of the bus a process is on, where that says what it need not hear."""

    SERVICES = auto()
    """Not its own hints: it knows."""
    WORKER = auto()
    """Neither what runs did nor other workers' beats; of hints, cancellations only."""


class BusUnavailable(ConnectionError):
    """The bus does not answer now; what was sent may or may not have arrived. Try again."""


class Publication(Enum):
    """What became of a job that was to be published."""

    TAKEN = auto()
    """The bus has it, now or since before (a duplicate)."""
    REFUSED = auto()
    """The bus did not say that it has it: publish it again."""
    TOO_LARGE = auto()
    """Larger than a message may be; it was not sent, and publishing it again cannot help."""


class JobDelivery(Protocol):
    """A job in a worker's hands until it acks, or until `ack_wait` passes without a sign of life.

    Nothing here raises for an absent bus: a verdict that is lost on its way means that the job is delivered again.
    """

    job: JobMessage

    async def ack(self) -> None:
        """Done (the result is published): never deliver it again."""

    async def nak(self, delay: float) -> None:
        """Give it back, to be delivered again after `delay` seconds."""

    async def in_progress(self) -> None:
        """Still working: start `ack_wait` anew."""


class JobSource(Protocol):
    """A worker's side of one of a pool's queues."""

    async def fetch(self, limit: int, timeout: float) -> Sequence[JobDelivery]:  # noqa: ASYNC109 - part of the contract
        """Up to `limit` jobs, as soon as there is one; empty after `timeout` seconds without any.

        Must survive a bus that goes away and comes back, also with its storage deleted: it then returns empty after
        `timeout` and fetches again later. Cancelling a fetch must not lose a job: it is redelivered.
        """


class ResultDelivery(Protocol):
    """A result in the services' hands. `ack` never raises for an absent bus: the result is then delivered again."""

    result: JobResult

    async def ack(self) -> None:
        """Committed to the record: never deliver it again."""


class ResultSource(Protocol):
    """The services' side of the results queue."""

    async def fetch(self, limit: int, timeout: float) -> Sequence[ResultDelivery]:  # noqa: ASYNC109 - as above
        """Up to `limit` results, as soon as there is one; empty after `timeout` seconds. Survives like `JobSource`."""


class Bus(Protocol):
    """What every bus must do; one contract suite checks it.

    Jobs and results are delivered at least once; hints and beats at most once; a question has one answer or fails. A
    message published twice with the same `dedup_id` within the de-duplication window is delivered once.
    """

    async def publish_jobs(self, jobs: Sequence[JobMessage]) -> Sequence[Publication]:
        """Publish all, at the same time; what became of each, in their order. One does not keep others from the bus.

        Raises `BusUnavailable` only when none could be sent.
        """

    def jobs(self, pool: str = "cpu", *, express: bool = False) -> AbstractAsyncContextManager[JobSource]:
        """Take part in one of a pool's two queues: that of its express jobs, or that of all others."""

    async def discard_jobs(self, run_id: str) -> None:
        """Drop the run's jobs that no worker has taken yet. Best effort."""

    async def publish_result(self, result: JobResult) -> None:
        """Returns once the bus has it; raises `BusUnavailable` else (publish it again: it counts once).

        Raises `ValueError` for what no message can carry, too many bytes or a number beyond its range: publishing it
        again cannot help.
        """

    def results(self, *, express: bool = False) -> AbstractAsyncContextManager[ResultSource]:
        """Take part in collecting the results of one of the two lanes."""

    async def publish_hint(self, hint: Hint) -> None:
        """Tell everybody who listens now. Never raises for an absent bus."""

    def on_hint(self, listener: Callable[[Hint], None]) -> Callable[[], None]:
        """Call `listener` for every hint from now on (also after reconnects); the result unsubscribes."""

    async def publish_beat(self, beat: Beat) -> None:
        """Tell the services that a worker lives. Never raises for an absent bus."""

    def on_beat(self, listener: Callable[[Beat], None]) -> Callable[[], None]:
        """Call `listener` for every beat from now on; the result unsubscribes."""

    async def ask_wanted(self, attempts: Sequence[Attempt]) -> frozenset[Attempt]:
        """Ask the services which of these attempts are still to be done, at some moment between the call and its end.

        Raises `BusUnavailable` when nobody answers within `ANSWER_SECONDS`: ask again.
        """

    def answering(self, answer: WantedAnswer) -> AbstractAsyncContextManager[None]:
        """Take part in answering such questions: each goes to one of those who do. An answer that raises is none."""

    def on_reset(self, listener: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Call `listener` after the queues had to be made anew: whatever was published before is gone.

        A listener that raises is called again, every half second, until it succeeds, unsubscribes or the bus is closed.
        """

    async def ping(self) -> None:
        """Raise `BusUnavailable` if the bus cannot be reached now."""

    async def aclose(self) -> None:
        """Flush what is under way and disconnect; must not raise when the bus is already gone."""
