"""A run of the async client, in the hand of whoever started it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from docmill.client.errors import RunCancelledError, RunFailedError
from docmill.client.run import Run, RunEvent, RunStatus

if TYPE_CHECKING:
    from docmill.client.aio import AsyncRuns

__all__ = ["AsyncRunHandle"]


class AsyncRunHandle:
    """A run that was started: watch it, wait for it, cancel it."""

    def __init__(self, runs: AsyncRuns, run: Run) -> None:
        self._runs = runs
        self.run = run
        """The run as it was when it was recorded."""

    @property
    def id(self) -> str:
        """Id of the run."""
        return self.run.id

    def watch(
        self, *, after_sequence: int = 0, on_run: Callable[[Run], None] | None = None
    ) -> AsyncGenerator[RunEvent, None]:
        """Its events, see `runs.watch`."""
        return self._runs.watch(self.id, after_sequence=after_sequence, on_run=on_run)

    async def result(self, *, timeout: float | None = None, evidence: bool = False) -> Run:  # noqa: ASYNC109 - as wait_for_completion
        """Wait for its output.

        Raises `RunFailedError` or `RunCancelledError` where there is none, `WaitTimeoutError` after `timeout` seconds.
        """
        run = await self._runs.wait_for_completion(self.id, timeout=timeout, evidence=evidence)
        if run.status is RunStatus.FAILED:
            raise RunFailedError(run)
        if run.status is RunStatus.CANCELLED:
            raise RunCancelledError(run)
        return run

    async def cancel(self) -> Run:
        """Cancel it, see `runs.cancel`."""
        return await self._runs.cancel(self.id)
