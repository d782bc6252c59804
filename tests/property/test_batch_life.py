"""Whatever order a batch's runs, looks, crashes and cancels come in, its record stays whole and it completes once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from docmill.domain.batches import BatchEventKind
from docmill.domain.errors import FailedPrecondition, Fault, QuotaExhausted, Reason
from docmill.domain.models import Organization
from docmill.domain.states import BatchState, RunState
from docmill.engine import Engine, advance, follow
from docmill.store import Op, accounts, batches, documents, quotas, runs
from tests.fixtures.batching import OWNER, plans, request
from tests.fixtures.life import Life
from tests.fixtures.record import a_document

WRONG = Fault(reason=Reason.MEDIA_CORRUPT, message="unreadable")
QUOTA = 6


class BatchLife(Life):
    """Batches over documents that nobody probes, whose runs the test ends."""

    @initialize()
    def start(self) -> None:
        self.open(datetime(2026, 1, 31, 23, 59, tzinfo=UTC), plans=plans(documentsPerMonth=QUOTA))
        self.engine = Engine(self.ctx)
        organization = Organization(id=OWNER.org_id, name="One", plan_id="counted", created_at=self.clock)
        self.write(lambda: accounts.create_organization(organization))
        self.write(lambda: documents.insert(a_document(self.clock, org_id=OWNER.org_id, mode=OWNER.mode)))
        self.percents: dict[str, int] = {}
        """How much each batch has said to be done."""
        self.told: dict[str, int] = {}
        """The number of its last event then."""

    @rule(files=st.integers(1, 4))
    def submit(self, files: int) -> None:
        used = self.read(lambda: quotas.used(OWNER.org_id, f"{self.clock:%Y-%m}"))
        try:
            made = self.runner.run(self.engine.create_batch(OWNER, request(["doc"] * files)))
        except QuotaExhausted:
            assert used + files > QUOTA
        else:
            assert used + files <= QUOTA
            self.percents[made.batch.id] = self.told[made.batch.id] = 0

    @precondition(lambda self: self.percents)
    @rule(data=st.data(), state=st.sampled_from([RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED]))
    def end_a_run(self, data: st.DataObject, state: RunState) -> None:
        self.end(self.drawn(data), data.draw(st.integers(0, 3)), state)

    def end(self, batch_id: str, place: int, state: RunState) -> None:
        """The file at this place ends, or begins if it has to before."""

        def op() -> Op[None]:
            files = (yield from batches.files(batch_id))[batch_id]
            run = yield from runs.get(files[place % len(files)].run_id, lock=True)
            assert run is not None
            recipe = yield from self.ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
            assert recipe is not None
            if run.state.is_terminal:
                return
            if state is RunState.CANCELLED:
                yield from advance.cancel_run(run, recipe, self.clock)
            elif state is RunState.FAILED:
                yield from advance.fail_run(run, recipe, WRONG, self.clock)
            else:
                running = advance._started(run, self.clock)
                if run.state is RunState.QUEUED:
                    yield from runs.change(run, running, [], self.clock)
                else:
                    yield from advance._end(run, replace(run, state=RunState.SUCCEEDED), recipe, [], self.clock)

        self.write(op)

    @precondition(lambda self: self.percents)
    @rule(data=st.data(), pages=st.integers(1, 5), lost=st.booleans())
    def count_pages(self, data: st.DataObject, pages: int, lost: bool) -> None:  # noqa: FBT001 - drawn
        """The pages of an open file become known, or one of them is read."""
        batch_id, place = self.drawn(data), data.draw(st.integers(0, 3))

        def op() -> Op[None]:
            files = (yield from batches.files(batch_id))[batch_id]
            run = yield from runs.get(files[place % len(files)].run_id, lock=True)
            assert run is not None
            if run.state.is_terminal:
                return
            if run.pages_total is None:
                yield from runs.change(run, replace(run, pages_total=pages), [], self.clock)
            elif run.pages_done + run.pages_failed < run.pages_total:
                done = {"pages_failed": run.pages_failed + 1} if lost else {"pages_done": run.pages_done + 1}
                yield from runs.change(run, replace(advance._started(run, self.clock), **done), [], self.clock)

        self.write(op)

    @precondition(lambda self: self.percents)
    @rule(data=st.data(), times=st.integers(1, 3))
    def look(self, data: st.DataObject, times: int) -> None:
        batch_id = self.drawn(data)

        async def together() -> None:
            await asyncio.gather(*(follow.follow(self.ctx, batch_id) for _ in range(times)))

        self.runner.run(together())

    @precondition(lambda self: self.percents)
    @rule(data=st.data())
    def crash_after_the_results(self, data: st.DataObject) -> None:
        batch_id = self.drawn(data)
        batch = self.read(lambda: batches.get(batch_id))
        assert batch is not None
        if batch.files_done == batch.files_total:
            self.runner.run(follow.write_results(self.ctx, batch))

    @precondition(lambda self: self.percents)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        batch_id = self.drawn(data)
        try:
            self.runner.run(self.engine.cancel_batch(OWNER, batch_id))
        except FailedPrecondition:
            assert self.read(lambda: batches.get(batch_id)).state is BatchState.COMPLETED  # type: ignore[union-attr]  # it is there

    @rule(seconds=st.sampled_from([1, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.clock += timedelta(seconds=seconds)

    def drawn(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(list(self.percents)))

    @invariant()
    def records_are_whole(self) -> None:
        for batch_id in getattr(self, "percents", {}):
            self.check(batch_id)

    def check(self, batch_id: str) -> None:
        view = self.runner.run(self.engine.get_batch(OWNER, batch_id))
        batch = view.batch
        events = self.read(lambda: batches.events(batch_id, 0, 100))
        kinds = [event.kind for event in events]
        assert [event.sequence for event in events] == list(range(1, batch.last_sequence + 1))
        assert sum(kind.value.startswith("file.") for kind in kinds) == batch.files_done
        failed = {BatchEventKind.FILE_FAILED, BatchEventKind.FILE_CANCELLED}
        assert sum(kind in failed for kind in kinds) == batch.files_failed
        assert (batch.state is BatchState.QUEUED) == (BatchEventKind.BATCH_STARTED not in kinds)
        assert (batch.state is BatchState.COMPLETED) == (kinds[-1] is BatchEventKind.BATCH_COMPLETED)
        assert kinds.count(BatchEventKind.BATCH_COMPLETED) <= 1
        told = [event.payload["progress"].get("percent", 0) for event in events]
        assert told == sorted(told)
        assert (told[-1] == 100) == (batch.state is BatchState.COMPLETED)
        said = [self.percents[batch_id], *told[self.told[batch_id] :], view.progress.percent]
        assert said == sorted(said)
        self.told[batch_id], self.percents[batch_id] = batch.last_sequence, said[-1]
        shown = view.progress
        if shown.pages_done + shown.pages_failed == 0 and batch.state is not BatchState.COMPLETED:
            assert shown.percent == min(99, 100 * shown.files_done // shown.files_total)
        assert (view.progress.percent == 100) == (batch.state is BatchState.COMPLETED)
        if batch.state is BatchState.COMPLETED:
            results = json.loads(self.runner.run(self.ctx.blobs.get(batch.results_key)))
            assert [entry["status"] for entry in results] == [file.state.value.lower() for file in view.files]
            assert ["error" in entry for entry in results] == [
                file.state is not RunState.SUCCEEDED for file in view.files
            ]

    @invariant()
    def the_months_are_counted(self) -> None:
        held: dict[str, int] = {}
        for batch_id in getattr(self, "percents", {}):
            view = self.runner.run(self.engine.get_batch(OWNER, batch_id))
            month = f"{view.batch.created_at:%Y-%m}"
            lost = {RunState.FAILED, RunState.CANCELLED}
            held[month] = held.get(month, 0) + sum(file.state not in lost for file in view.files)
        for month, count in held.items():
            assert self.read(lambda: quotas.used(OWNER.org_id, month)) == count <= QUOTA  # noqa: B023 - run at once

    def finish(self) -> None:
        """From wherever it stands, every batch completes."""
        for batch_id in self.percents:
            for place in range(4):
                self.end(batch_id, place, RunState.FAILED)
            self.runner.run(follow.follow(self.ctx, batch_id))
            assert self.read(lambda: batches.get(batch_id)).state is BatchState.COMPLETED  # type: ignore[union-attr]  # noqa: B023 - it is there; run at once
        assert self.read(lambda: batches.behind(10)) == []
        self.records_are_whole()


TestBatchLife = BatchLife.TestCase
TestBatchLife.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
