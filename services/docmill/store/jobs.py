"""Statements about jobs. Every change is a guarded update: no row means somebody was first.

The states stand as literals in the texts because the partial indexes are used only so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from docmill.domain import quality
from docmill.domain.errors import Fault
from docmill.domain.messages import Attempt, JobResult
from docmill.domain.models import Job, JobKind, RunPage
from docmill.domain.states import JobState, PageState
from docmill.store import Many, Op, Row, Statement
from docmill.store._codec import dump, dump_fault, load, load_fault, micros, moment

_AT_ONCE = 64  # ids in one statement
_JOB = "id, kind, org_id, run_id, document_id, page, state, attempt, ready_at, lease_until, created_at, failures"


def insert(jobs: Sequence[tuple[Job, int]]) -> Op[None]:
    """Record READY jobs with their dispatch weight; a job that is there already stays as it is."""
    yield Many(
        "INSERT INTO jobs (id, kind, org_id, run_id, document_id, page, state, priority, attempt, ready_at, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, 'READY', $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        [
            (
                job.id,
                job.kind.value,
                job.org_id,
                job.run_id,
                job.document_id,
                job.page,
                weight,
                job.attempt,
                micros(job.ready_at),
                micros(job.created_at),
            )
            for job, weight in jobs
        ],
    )


def unclaim(claims: Sequence[tuple[str, int]]) -> Op[None]:
    """PUBLISHED -> READY, same attempt: the bus did not take these (job id, attempt)."""
    yield Many(
        "UPDATE jobs SET state = 'READY', lease_until = NULL WHERE id = $1 AND attempt = $2 AND state = 'PUBLISHED'",
        claims,
    )


def unclaim_all() -> Op[int]:
    """PUBLISHED -> READY, same attempt, for every job: the bus lost them all. How many."""
    rows = yield Statement("UPDATE jobs SET state = 'READY', lease_until = NULL WHERE state = 'PUBLISHED' RETURNING id")
    return len(rows)


def extend(holding: Sequence[tuple[str, int]], lease_until: datetime) -> Op[None]:
    """A worker still holds these (job id, attempt)."""
    yield Many(
        "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND attempt = $2 AND state = 'PUBLISHED'",
        [(job_id, attempt, micros(lease_until)) for job_id, attempt in holding],
    )


def wanted(attempts: Sequence[Attempt]) -> Op[frozenset[Attempt]]:
    """Those of `attempts` whose result would count now.

    READY too: what `unclaim_all` took back may be in a worker's hands.
    """
    found: set[Attempt] = set()
    for start in range(0, len(attempts), _AT_ONCE):
        ids = [job_id for job_id, _ in attempts[start : start + _AT_ONCE]]
        ids += ids[-1:] * (_room_for(len(ids)) - len(ids))  # a few sizes, so that statements stay prepared
        places = ", ".join(f"${number}" for number in range(1, len(ids) + 1))
        rows = yield Statement(
            f"SELECT id, attempt FROM jobs WHERE id IN ({places}) AND state IN ('READY', 'PUBLISHED')",  # noqa: S608 - numbers
            tuple(ids),
        )
        found.update((row[0], row[1]) for row in rows)
    return frozenset(found).intersection(attempts)


def _room_for(count: int) -> int:
    """The next power of two."""
    return 1 << (count - 1).bit_length()


def lapsed(now: datetime, limit: int) -> Op[Sequence[Job]]:
    """Jobs whose lease ran out."""
    rows = yield Statement(
        f"SELECT {_JOB} FROM jobs WHERE state = 'PUBLISHED' AND lease_until < $1 LIMIT $2",  # noqa: S608 - constant columns
        (micros(now), limit),
    )
    return [_job(row) for row in rows]


def succeed(result: JobResult) -> Op[bool]:
    """READY or PUBLISHED -> SUCCEEDED for this attempt; False if it is not the one that counts.

    READY too: what `unclaim_all` took back may have been in a worker's hands, and the bus takes an attempt only once.
    """
    facts = result.page_facts
    rows = yield Statement(
        "UPDATE jobs SET state = 'SUCCEEDED', lease_until = NULL, page_key = $3, engine = $4, confidence = $5, "
        "words = $6, duration_ms = $7, cached = $8, quality = $9 "
        "WHERE id = $1 AND attempt = $2 AND state IN ('READY', 'PUBLISHED') RETURNING id",
        (
            result.job_id,
            result.attempt,
            facts.page_key if facts else "",
            facts.engine if facts else "",
            facts.confidence if facts else None,
            facts.words if facts else None,
            result.duration_ms,
            int(facts.cached) if facts else 0,
            dump(quality.to_json(facts.quality)) if facts and facts.quality else None,
        ),
    )
    return bool(rows)


def retry(job: Job, ready_at: datetime, *, failed: bool) -> Op[bool]:
    """This attempt -> READY as the next attempt, due at `ready_at`; False if somebody was first.

    `failed`: the attempt counts as a failure; else nobody answered it.
    """
    rows = yield Statement(
        "UPDATE jobs SET state = 'READY', lease_until = NULL, attempt = attempt + 1, failures = failures + $4, "
        "ready_at = $3 WHERE id = $1 AND attempt = $2 AND state IN ('READY', 'PUBLISHED') RETURNING id",
        (job.id, job.attempt, micros(ready_at), int(failed)),
    )
    return bool(rows)


def fail(job_id: str, attempt: int, fault: Fault) -> Op[bool]:
    """READY or PUBLISHED -> FAILED for this attempt; False if somebody was first."""
    rows = yield Statement(
        "UPDATE jobs SET state = 'FAILED', lease_until = NULL, fault = $3 "
        "WHERE id = $1 AND attempt = $2 AND state IN ('READY', 'PUBLISHED') RETURNING id",
        (job_id, attempt, dump_fault(fault)),
    )
    return bool(rows)


def cancel_open(run_id: str) -> Op[None]:
    """READY or PUBLISHED -> CANCELLED for every job of an ended run."""
    yield Statement(
        "UPDATE jobs SET state = 'CANCELLED', lease_until = NULL WHERE run_id = $1 AND state IN ('READY', 'PUBLISHED')",
        (run_id,),
    )


def get(job_id: str) -> Op[Job | None]:
    """One job."""
    rows = yield Statement(f"SELECT {_JOB} FROM jobs WHERE id = $1", (job_id,))  # noqa: S608 - constant columns
    return _job(rows[0]) if rows else None


def page_keys(run_id: str) -> Op[Sequence[str]]:
    """Blob keys of the run's pages in order; empty for a page that failed."""
    rows = yield Statement(
        "SELECT page_key FROM jobs WHERE run_id = $1 AND kind = 'PAGE' ORDER BY page",
        (run_id,),
    )
    return [row[0] for row in rows]


def pages(run_id: str, after: int, limit: int) -> Op[Sequence[RunPage]]:
    """At most `limit` pages after number `after`, in order."""
    rows = yield Statement(
        "SELECT run_id, page, state, attempt, page_key, engine, confidence, words, duration_ms, cached, quality, fault "
        "FROM jobs WHERE run_id = $1 AND kind = 'PAGE' AND page > $2 ORDER BY page LIMIT $3",
        (run_id, after, limit),
    )
    return [
        RunPage(
            run_id=row[0],
            number=row[1],
            state=PageState.of(JobState(row[2])),
            attempts=row[3],
            page_key=row[4],
            engine=row[5],
            confidence=row[6],
            words=row[7],
            duration_ms=row[8],
            cached=bool(row[9]),
            quality=quality.from_json(load(row[10])) if row[10] else None,
            fault=load_fault(row[11]),
        )
        for row in rows
    ]


def _job(row: Row) -> Job:
    return Job(
        id=row[0],
        kind=JobKind(row[1]),
        org_id=row[2],
        run_id=row[3],
        document_id=row[4],
        page=row[5],
        state=JobState(row[6]),
        attempt=row[7],
        ready_at=moment(row[8]),
        lease_until=moment(row[9]),
        created_at=moment(row[10]),
        failures=row[11],
    )
