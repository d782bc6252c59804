"""Whatever order results, crashes, lost leases, lost buses and cancels come in, a run's record stays whole."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from docmill.domain.credits import Transfer, TransferKind
from docmill.domain.errors import FailedPrecondition, Fault, LimitReached, PaymentRequired, Reason
from docmill.domain.messages import Beat, JobMessage, ProbeFacts
from docmill.domain.models import (
    EventKind,
    PageSize,
    Priority,
    Run,
)
from docmill.domain.pages import Unit
from docmill.domain.states import RunState
from docmill.engine import cancel, collect, dispatch, flows, ids, reads, submit, sweep
from docmill.engine.limits import Limits
from docmill.engine.workers import Workers
from docmill.store import Op, Statement, documents, jobs, ledger, line, runs
from tests.fixtures.engine import LIVE, done, failed
from tests.fixtures.ledger import check_books, reserved_for_open_runs
from tests.fixtures.life import Life
from tests.fixtures.record import a_document

CRASH = Fault(reason=Reason.WORKER_CRASHED, message="crashed", retryable=True)
WRONG = Fault(reason=Reason.MEDIA_CORRUPT, message="unreadable")


AT_ONCE, WAITING = 2, 3


class RunLife(Life):
    """Runs over documents, their jobs, and what workers say of these."""

    @initialize()
    def start(self) -> None:
        self.open(
            datetime(2026, 1, 1, tzinfo=UTC),
            workers=Workers(clock=lambda: 0.0),
            limits=lambda *_: Limits(concurrent_runs=AT_ONCE, queue=WAITING),
        )
        self.ctx.workers.saw(Beat(worker_id="peer", slots=4))
        self.known: list[str] = []
        self.on_the_bus: list[JobMessage] = []
        self.unprobed: dict[str, ProbeFacts] = {}

    @rule(credits_=st.integers(1, 12), take_back=st.booleans())
    def grant(self, credits_: int, take_back: bool) -> None:  # noqa: FBT001 - drawn
        kind = TransferKind.TAKEN_BACK if take_back else TransferKind.GRANTED
        transfer = Transfer(id=ids.new("led"), org_id=LIVE.org_id, kind=kind, credits=credits_, created_at=self.clock)
        before = self.read(lambda: ledger.balance(LIVE.org_id)).available
        done = self.write(lambda: ledger.record([transfer]))
        assert done is (not take_back or before >= credits_)

    @rule(
        pages=st.integers(1, 3),
        probed=st.booleans(),
        price=st.integers(0, 3),
        priority=st.sampled_from(Priority),
        hours=st.booleans(),
    )
    def submit(self, pages: int, probed: bool, price: int, priority: Priority, hours: bool) -> None:  # noqa: FBT001 - drawn
        document = a_document(self.clock, ids.new("doc"), org_id=LIVE.org_id, mode=LIVE.mode)
        facts = ProbeFacts(
            media_type="application/pdf", pages=(PageSize(width=1.0, height=1.0, unit=Unit.POINT),) * pages
        )
        recipe = self.runner.run(flows.get_recipe(self.ctx, LIVE, "document-text", ""))
        run = Run(
            id=ids.new("run"),
            org_id=LIVE.org_id,
            mode=LIVE.mode,
            flow_id="document-text",
            flow_version=recipe.version.version,
            document_id=document.id,
            state=RunState.QUEUED,
            priority=priority,
            created_at=self.clock,
            deadline=self.clock + timedelta(seconds=36_000 if hours else 100),
            credits_reserved=price,
        )

        def op() -> Op[None]:
            yield from documents.insert(document)
            if probed:
                yield from documents.set_probed(document.id, facts)
            yield from submit.accept(self.ctx, run, recipe)

        available = self.read(lambda: ledger.balance(LIVE.org_id)).available
        needed = price * pages if probed else price
        shortage = None
        try:
            self.write(op)
        except PaymentRequired as refused:
            shortage = refused.details
        except LimitReached:
            assert len(self.line()) == WAITING
        else:
            self.known.append(run.id)
            if not probed:
                self.unprobed[document.id] = facts
        wanted = {"required": str(needed), "available": str(available)} if needed > available else None
        assert shortage == wanted
        assert (self.read(lambda: runs.get(run.id)) is None) == (run.id not in self.known)

    @precondition(lambda self: self.unprobed)
    @rule(data=st.data())
    def probe(self, data: st.DataObject) -> None:
        self.look_at(data.draw(st.sampled_from(list(self.unprobed))))

    def look_at(self, document_id: str) -> None:
        facts = self.unprobed.pop(document_id)

        def op() -> Op[None]:
            yield from documents.set_probed(document_id, facts)
            yield from collect.plan_waiting(self.ctx, document_id)

        self.write(op)

    @rule(published=st.sampled_from([True, True, False]))
    def dispatch(self, published: bool) -> None:  # noqa: FBT001 - drawn
        claimed, _ = self.write(lambda: dispatch.claim(self.ctx, self.clock))
        for job in claimed:
            assert self.read(lambda: runs.get(job.run_id)).admitted_at is not None  # type: ignore[union-attr]  # noqa: B023 - it is there; run at once
        self.ctx.afloat.clear()
        if published:  # else who claimed it died in between
            self.on_the_bus += claimed
            self.ctx.afloat.append(self.clock + self.ctx.options.publishing)

    @precondition(lambda self: self.on_the_bus)
    @rule(data=st.data(), outcome=st.sampled_from(["done", "done", "done", "crash", "wrong"]), twice=st.booleans())
    def answer(self, data: st.DataObject, outcome: str, twice: bool) -> None:  # noqa: FBT001 - drawn
        job = data.draw(st.sampled_from(self.on_the_bus))
        result = {"done": done(job), "crash": failed(job, CRASH), "wrong": failed(job, WRONG)}[outcome]
        self.write(lambda: collect.record(self.ctx, result))
        if not twice:  # else it may be answered again, as by a second worker
            self.on_the_bus.remove(job)

    @precondition(lambda self: self.on_the_bus)
    @rule(data=st.data())
    def answer_together(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(self.on_the_bus)).run_id
        jobs_ = [job for job in self.on_the_bus if job.run_id == run_id]
        results = [data.draw(st.sampled_from([done(job), failed(job, CRASH), failed(job, WRONG)])) for job in jobs_]
        self.write(lambda: collect.record(self.ctx, *results, results[0]))  # the first one twice
        self.on_the_bus = [job for job in self.on_the_bus if job.run_id != run_id]

    @rule(seconds=st.sampled_from([1, 40, 200]))
    def time_passes(self, seconds: int) -> None:
        self.clock += timedelta(seconds=seconds)
        self.runner.run(sweep.sweep_once(self.ctx))

    @rule()
    def the_bus_is_lost(self) -> None:
        self.on_the_bus.clear()
        self.write(jobs.unclaim_all)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(self.known))
        try:
            self.runner.run(cancel.cancel_run(self.ctx, LIVE, run_id))
        except FailedPrecondition:
            assert self.read(lambda: runs.get(run_id)).state.is_terminal  # type: ignore[union-attr]  # it is there

    @invariant()
    def records_are_whole(self) -> None:
        for run_id in getattr(self, "known", []):
            self.check(run_id)

    @invariant()
    def the_books_balance(self) -> None:
        if hasattr(self, "runner"):
            self.read(check_books)
            self.read(reserved_for_open_runs)

    @invariant()
    def the_line_is_in_order(self) -> None:
        if not hasattr(self, "known"):
            return
        waiting = self.line()
        is_in = self.read(lambda: line.count_in(LIVE.org_id, LIVE.mode))
        assert is_in <= AT_ONCE
        assert not waiting or is_in == AT_ONCE
        assert len(waiting) <= WAITING
        in_order = sorted(waiting, key=lambda run: (run.priority.rank, run.created_at, run.id))
        assert [run.queue_position for run in in_order] == list(range(1, len(waiting) + 1))
        for run in waiting:
            assert self.read(lambda: open_jobs(run.id)) == 0  # noqa: B023 - run at once

    def line(self) -> list[Run]:
        """Runs that wait to be let in."""
        found = [self.runner.run(reads.get_run(self.ctx, LIVE, run_id)) for run_id in self.known]
        return [run for run in found if run.waits]

    def check(self, run_id: str) -> None:
        run = self.read(lambda: runs.get(run_id))
        assert run is not None
        events = self.read(lambda: runs.events(run_id, 0, 1000))
        assert [event.sequence for event in events] == list(range(1, run.last_sequence + 1))
        assert [event.kind.is_terminal for event in events] == [False] * (len(events) - 1) + [run.state.is_terminal]
        read_pages = Counter(event.payload["page"] for event in events if event.kind is EventKind.PAGE_DONE)
        assert set(read_pages.values()) <= {1}
        assert run.pages_done == len(read_pages)
        moved = self.read(lambda: ledger.of_run(run_id))
        held = moved[TransferKind.HELD] + moved[TransferKind.TOPPED_UP]
        assert held == run.credits_reserved
        if run.state.is_terminal:
            assert moved[TransferKind.SETTLED] == run.credits_used
            assert moved[TransferKind.SETTLED] + moved[TransferKind.RELEASED] == held
            assert self.read(lambda: open_jobs(run_id)) == 0
            price = held // run.pages_total if run.pages_total else 0
            assert run.credits_used == (0 if run.state is RunState.FAILED else run.pages_done * price)
            if run.state is RunState.SUCCEEDED:
                assert run.steps_run == run.steps_total == 1
        else:
            assert not moved[TransferKind.SETTLED] + moved[TransferKind.RELEASED]

    def finish(self) -> None:
        """From wherever it stands, every run ends."""
        for document_id in list(self.unprobed):
            self.look_at(document_id)
        for _ in range(200):
            self.clock += timedelta(seconds=300)
            self.runner.run(sweep.sweep_once(self.ctx))
            for job in self.write(lambda: dispatch.claim(self.ctx, self.clock))[0]:
                self.write(lambda: collect.record(self.ctx, done(job)))  # noqa: B023 - run at once
            if all(self.read(lambda: runs.get(run_id)).state.is_terminal for run_id in self.known):  # type: ignore[union-attr]  # noqa: B023 - they are there; run at once
                break
        else:
            raise AssertionError("a run does not end")
        self.records_are_whole()


def open_jobs(run_id: str) -> Op[int]:
    """Jobs of the run that have not ended."""
    rows = yield Statement("SELECT count(*) FROM jobs WHERE run_id = $1 AND state IN ('READY', 'PUBLISHED')", (run_id,))
    return int(rows[0][0])


TestRunLife = RunLife.TestCase
TestRunLife.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
