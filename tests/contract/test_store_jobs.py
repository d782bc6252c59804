"""What the record says of jobs, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from docmill.domain.errors import Fault, Reason
from docmill.domain.models import Job, JobKind
from docmill.domain.states import JobState
from docmill.domain.turns import Line
from docmill.store import Op, Store, claims, documents, jobs
from tests.fixtures.record import a_document

LINE = Line(priority=0, org_id="org_1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOST = Fault(reason=Reason.WORKER_CRASHED, message="It crashed")


def job(number: int) -> Job:
    """A page of a document."""
    return Job(
        id=f"job_{number}", kind=JobKind.PAGE, org_id="org_1", run_id="", document_id="doc_1", page=number,
        state=JobState.READY, attempt=1, ready_at=NOW, created_at=NOW,
    )  # fmt: skip


def some(count: int) -> Op[None]:
    """Pages of one document, ready to be done."""
    yield from documents.insert(a_document(NOW, "doc_1"))
    yield from jobs.insert([(job(number), 0) for number in range(count)])


async def test_what_is_wanted(store: Store) -> None:
    """An attempt is wanted while its result would count: ready or published, and no later attempt after it."""
    await store.write(lambda: some(6))
    await store.write(lambda: claims.take(LINE, NOW, NOW + timedelta(hours=1), 5))  # all but the last
    await store.write(lambda: jobs.unclaim([("job_1", 1)]))
    await store.write(lambda: jobs.retry(job(2), NOW, failed=True))
    await store.write(lambda: jobs.fail("job_3", 1, LOST))
    asked = [*((f"job_{number}", 1) for number in range(6)), ("job_0", 2), ("job_2", 2), ("job_none", 1)]
    wanted = await store.read(lambda: jobs.wanted(asked))
    assert wanted == {("job_0", 1), ("job_1", 1), ("job_2", 2), ("job_4", 1), ("job_5", 1)}
    assert await store.read(lambda: jobs.wanted([])) == frozenset()


async def test_jobs_that_the_bus_has(store: Store) -> None:
    """Those of one claim that still wait are leased for longer; what ended, came back or was claimed by others is not."""
    mine, theirs, long = (NOW + timedelta(seconds=seconds) for seconds in (30, 31, 1800))
    await store.write(lambda: some(4))
    await store.write(lambda: claims.take(LINE, NOW, mine, 4))
    await store.write(lambda: jobs.fail("job_0", 1, LOST))
    await store.write(lambda: jobs.unclaim([("job_1", 1)]))
    await store.write(lambda: claims.take(LINE, NOW, theirs, 1))
    await store.write(lambda: jobs.retry(job(2), NOW, failed=True))
    await store.write(lambda: claims.afloat(mine, long))
    leased = {job_.id: job_.lease_until for job_ in await store.read(lambda: jobs.lapsed(long + timedelta(1), 9))}
    assert leased == {"job_1": theirs, "job_3": long}
    await store.write(lambda: claims.afloat(mine, long))  # nobody is left


async def test_many_may_be_asked_about(store: Store) -> None:
    """Nobody is forgotten, however many are asked about at once."""
    await store.write(lambda: some(200))
    for count in (1, 2, 63, 64, 65, 200):
        asked = [(f"job_{number}", 1) for number in range(count)]
        assert await store.read(lambda: jobs.wanted(asked)) == set(asked)  # noqa: B023 - awaited at once
