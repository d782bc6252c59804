"""The façade of the use cases: what an edge (gRPC today) may ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from docmill.domain.batches import BatchEvent
from docmill.domain.deliveries import Delivery
from docmill.domain.flow_specs import FlowSpec
from docmill.domain.messages import Attempt, Beat, Hint, StepFacts
from docmill.domain.models import ApiKey, Caller, Document, Flow, FlowVersion, JsonObject, Run, RunEvent, RunPage
from docmill.domain.pages import Page
from docmill.domain.rates import Budget
from docmill.domain.states import BatchState
from docmill.engine import (
    artifacts,
    authenticate,
    batches,
    budget,
    cancel,
    collect,
    delete,
    deliver,
    dispatch,
    estimate,
    expire,
    flow_files,
    flows,
    follow,
    keys,
    last_use,
    page_image,
    reads,
    submit,
    submit_batch,
    sweep,
    upload,
    usage,
    watch,
    watch_batch,
    webhooks,
)
from docmill.engine.context import Context
from docmill.engine.requests import (
    BatchRequest,
    BatchView,
    Estimate,
    EstimateRequest,
    Heartbeat,
    KeyRequest,
    Listing,
    RunFilter,
    RunOutput,
    RunRequest,
    Usage,
)
from docmill.store import StoreUnavailable, jobs


@dataclass(frozen=True, slots=True)
class Engine:
    """A caller sees its own organization and mode.

    Methods raise `docmill.domain.errors`; `OSError` when the store, the bus or the blobs are away: try again.
    """

    ctx: Context

    async def authenticate(self, api_key: str) -> Caller:
        """Who the key belongs to; Unauthenticated with `details.reason` otherwise."""
        return await authenticate.authenticate(self.ctx, api_key)

    async def take_budget(self, caller: Caller) -> Budget:
        """Count a call of the caller; what is left of the minute's budget."""
        return await budget.take(self.ctx, caller)

    def look_at_budget(self, caller: Caller) -> Budget:
        """What was left of the minute's budget when the caller was authenticated; counts nothing."""
        return budget.look(self.ctx, caller)

    async def check_key(self, caller: Caller, scope: str = "", feature: str = "") -> ApiKey:
        """The caller's own key, if it has the scope and its organization's plan the feature."""
        return await keys.check_key(self.ctx, caller, scope, feature)

    async def get_usage(self, caller: Caller, start: datetime | None = None, end: datetime | None = None) -> Usage:
        """What the caller's organization may do and did."""
        return await usage.get_usage(self.ctx, caller, start, end)

    async def list_keys(self, caller: Caller, *, limit: int, page_token: str = "") -> Listing[ApiKey]:
        """Keys, oldest first."""
        return await keys.list_keys(self.ctx, caller, limit=limit, page_token=page_token)

    async def create_key(self, caller: Caller, request: KeyRequest) -> tuple[ApiKey, str]:
        """Make a key; its record, and the key itself."""
        return await keys.create_key(self.ctx, caller, request)

    async def revoke_key(self, caller: Caller, key_id: str) -> ApiKey:
        """Revoke at once."""
        return await keys.revoke_key(self.ctx, caller, key_id)

    async def upload_document(
        self,
        caller: Caller,
        *,
        filename: str,
        declared_type: str,
        chunks: AsyncIterator[bytes],
        flow_id: str = "",
        version: str = "",
    ) -> Document:
        """Store the bytes and have them probed; for a flow, as far as its size limit allows."""
        limit = await upload.limit_of(self.ctx, caller, flow_id, version)
        return await upload.upload_document(
            self.ctx, caller, filename=filename, declared_type=declared_type, chunks=chunks, limit=limit
        )

    async def get_document(self, caller: Caller, document_id: str) -> Document:
        """One document."""
        return await upload.get_document(self.ctx, caller, document_id)

    async def delete_document(self, caller: Caller, document_id: str) -> None:
        """Delete a document that no run is over."""
        await delete.delete_document(self.ctx, caller, document_id)

    async def list_flows(
        self, caller: Caller, *, limit: int, offset: int = 0, page_token: str = "", include_hidden: bool = False
    ) -> Listing[Flow]:
        """Flows, without those that are hidden unless they are asked for."""
        return await flows.list_flows(
            self.ctx, caller, limit=limit, offset=offset, page_token=page_token, include_hidden=include_hidden
        )

    async def get_flow(self, caller: Caller, flow_id: str, version: str = "") -> tuple[Flow, FlowVersion]:
        """A flow and one of its versions."""
        return await flows.get_flow(self.ctx, caller, flow_id, version)

    async def create_flow(self, caller: Caller, spec: FlowSpec) -> FlowVersion:
        """Publish a version for the caller's organization."""
        return await flows.create_flow(self.ctx, caller, spec)

    async def run_flow(self, caller: Caller, request: RunRequest) -> Run:
        """Accept a run."""
        return await submit.run_flow(self.ctx, caller, request)

    async def estimate_run(self, caller: Caller, request: EstimateRequest) -> Estimate:
        """What a run would cost; nothing runs."""
        return await estimate.estimate_run(self.ctx, caller, request)

    async def get_run(self, caller: Caller, run_id: str) -> Run:
        """One run."""
        return await reads.get_run(self.ctx, caller, run_id)

    async def get_output(self, caller: Caller, run: Run) -> RunOutput:
        """What a run made."""
        reads.owned(run, caller, run.id)
        return await reads.get_output(self.ctx, run)

    async def get_artifacts(self, caller: Caller, run: Run) -> JsonObject:
        """What the steps of a run made so far, by id of the step."""
        reads.owned(run, caller, run.id)
        return await artifacts.get_artifacts(self.ctx, run)

    async def get_steps(self, caller: Caller, run: Run) -> Sequence[StepFacts]:
        """What the steps of a run that have ended took, in order."""
        reads.owned(run, caller, run.id)
        return await reads.get_steps(self.ctx, run)

    async def list_runs(self, caller: Caller, filter_: RunFilter, *, limit: int, page_token: str = "") -> Listing[Run]:
        """Runs that match, newest first."""
        return await reads.list_runs(self.ctx, caller, filter_, limit=limit, page_token=page_token)

    async def cancel_run(self, caller: Caller, run_id: str) -> Run:
        """Cancel at once."""
        return await cancel.cancel_run(self.ctx, caller, run_id)

    def watch_run(
        self, caller: Caller, run_id: str, after_sequence: int = 0
    ) -> AsyncIterator[Run | RunEvent | Heartbeat]:
        """The run as it stands, then its events after a number, until it ends."""
        return watch.watch_run(self.ctx, caller, run_id, after_sequence)

    async def list_pages(self, caller: Caller, run_id: str, *, limit: int, page_token: str = "") -> Listing[RunPage]:
        """The run's pages in order."""
        return await reads.list_pages(self.ctx, caller, run_id, limit=limit, page_token=page_token)

    async def get_page(self, caller: Caller, run_id: str, number: int) -> tuple[RunPage, Page | None]:
        """A page's progress, and its text once it is read."""
        return await reads.get_page(self.ctx, caller, run_id, number)

    async def create_batch(self, caller: Caller, request: BatchRequest) -> BatchView:
        """Accept a batch."""
        return await submit_batch.create_batch(self.ctx, caller, request)

    async def get_batch(self, caller: Caller, batch_id: str) -> BatchView:
        """One batch with its files."""
        return await batches.get_batch(self.ctx, caller, batch_id)

    async def list_batches(
        self, caller: Caller, states: frozenset[BatchState] = frozenset(), *, limit: int, page_token: str = ""
    ) -> Listing[BatchView]:
        """Batches in one of the states (none: all), newest first."""
        return await batches.list_batches(self.ctx, caller, states, limit=limit, page_token=page_token)

    async def cancel_batch(self, caller: Caller, batch_id: str) -> BatchView:
        """Cancel the files that have not ended; the batch completes."""
        return await batches.cancel_batch(self.ctx, caller, batch_id)

    def watch_batch(
        self, caller: Caller, batch_id: str, after_sequence: int = 0
    ) -> AsyncIterator[BatchView | BatchEvent | Heartbeat]:
        """The batch as it stands, then its events after a number, until it ends."""
        return watch_batch.watch_batch(self.ctx, caller, batch_id, after_sequence)

    def batch_results(self, caller: Caller, batch_id: str) -> AsyncIterator[bytes]:
        """The results file of a completed batch, in pieces."""
        return batches.batch_results(self.ctx, caller, batch_id)

    def download_results(self, token: str) -> AsyncIterator[tuple[str, bytes]]:
        """The results file that a token is for, in pieces, each with the id of its batch."""
        return batches.download_results(self.ctx, token)

    async def list_deliveries(self, caller: Caller, run_id: str, batch_id: str = "") -> Sequence[Delivery]:
        """What was sent, or is to be sent, of the end of a run or a batch."""
        return await webhooks.list_deliveries(self.ctx, caller, run_id, batch_id)

    async def redeliver(self, caller: Caller, run_id: str, delivery_id: str, batch_id: str = "") -> Delivery:
        """Send a delivery again."""
        return await webhooks.redeliver(self.ctx, caller, run_id, batch_id, delivery_id)

    def page_image(self, caller: Caller, run_id: str, number: int, max_side: int = 0) -> AsyncIterator[bytes]:
        """A page's picture as PNG, in pieces."""
        return page_image.page_image(self.ctx, caller, run_id, number, max_side)

    async def ping(self) -> None:
        """Raise if the record cannot be used now."""
        await self.ctx.store.ping()

    async def prepare(self) -> None:
        """Publish the built-in flows, look at the plans, and take back what was on a bus that may be gone."""
        await budget.warn_of_unknown_plans(self.ctx)
        await flows.publish_builtin(self.ctx, flow_files.builtin_flows())
        await self.ctx.store.write(jobs.unclaim_all)

    async def serve(self) -> None:
        """Run the loops until cancelled; if one of them fails, all end and its error is raised."""
        beats: asyncio.Queue[Beat] = asyncio.Queue(maxsize=1000)
        bus = self.ctx.bus
        off = [bus.on_hint(self._heard), bus.on_beat(lambda beat: _offer(beats, beat)), bus.on_reset(self._republish)]
        try:
            async with bus.answering(self._wanted), asyncio.TaskGroup() as loops:
                loops.create_task(dispatch.run(self.ctx), name="dispatch")
                loops.create_task(collect.run(self.ctx), name="collect")
                loops.create_task(sweep.run(self.ctx), name="sweep")
                loops.create_task(follow.run(self.ctx), name="follow")
                loops.create_task(expire.run(self.ctx), name="expire")
                loops.create_task(deliver.run(self.ctx), name="deliver")
                loops.create_task(last_use.run(self.ctx), name="last use")
                loops.create_task(self._extend_leases(beats), name="leases")
        finally:
            for unsubscribe in off:
                unsubscribe()

    def _heard(self, hint: Hint) -> None:
        self.ctx.notifier.notify(hint.run_id)

    async def _wanted(self, attempts: Sequence[Attempt]) -> frozenset[Attempt]:
        return await self.ctx.store.read(lambda: jobs.wanted(attempts))

    async def _republish(self) -> None:
        """The bus lost its queues: everything published goes there again. The bus calls until it works."""
        await self.ctx.store.write(jobs.unclaim_all)
        self.ctx.work.set()

    async def _extend_leases(self, beats: asyncio.Queue[Beat]) -> None:
        """Leases go on for what workers hold: at once for what a worker newly holds, then now and then."""
        extended: dict[str, tuple[float, frozenset[tuple[str, int]]]] = {}
        clock = asyncio.get_running_loop().time
        pause = self.ctx.options.lease.total_seconds() / 4
        while True:
            beat = await beats.get()
            self.ctx.workers.saw(beat)
            self.ctx.work.set()  # a first beat opens the window
            at, held = extended.get(beat.worker_id, (0.0, frozenset()))
            if not beat.holding or (held.issuperset(beat.holding) and clock() - at < pause):
                continue
            until = self.ctx.now() + self.ctx.options.lease
            try:
                await self.ctx.store.write(lambda: jobs.extend(beat.holding, until))  # noqa: B023 - awaited at once
            except StoreUnavailable:
                continue
            extended = {name: seen for name, seen in extended.items() if clock() - seen[0] < 3600}
            extended[beat.worker_id] = (clock(), frozenset(beat.holding))


def _offer(queue: asyncio.Queue[Beat], beat: Beat) -> None:
    if not queue.full():  # a missed beat is followed by another
        queue.put_nowait(beat)
