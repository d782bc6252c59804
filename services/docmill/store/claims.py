"""Statements about jobs on their way to the bus: whose turn it may be, and taking them.

The states stand as literals in the texts because the partial indexes are used only so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from docmill.domain.models import JobKind, JsonObject
from docmill.domain.plan import WEIGHTS
from docmill.domain.turns import Line
from docmill.store import Many, Op, Row, Statement
from docmill.store._codec import load, micros, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job with what its message needs of the document and the run."""

    job_id: str
    kind: JobKind
    org_id: str
    run_id: str
    document_id: str
    page: int
    attempt: int
    blob_key: str
    sha256: str
    media_type: str
    declared_type: str
    filename: str
    flow_id: str
    flow_version: str
    variables: JsonObject
    deadline: datetime | None
    trace_id: str
    page_key: str
    """Where the picture goes (RENDER)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Jobs on the bus or in workers' hands, by organization."""

    usual: Mapping[str, int]
    llm: Mapping[str, int]
    """Those that call a language model."""


def held() -> Op[Held]:
    """Who has what in hand."""
    rows = yield Statement(
        "SELECT org_id, sum(CASE WHEN priority < $1 THEN 1 ELSE 0 END), count(*) "
        "FROM jobs WHERE state = 'PUBLISHED' GROUP BY org_id",
        (WEIGHTS,),
    )
    counts = [(row[0], int(row[1]), int(row[2])) for row in rows]
    return Held(
        usual={org_id: usual for org_id, usual, _ in counts if usual},
        llm={org_id: both - usual for org_id, usual, both in counts if both > usual},
    )


_RANKS = " UNION ALL ".join(f"SELECT {rank} AS priority" for rank in range(2 * WEIGHTS))

# A loose scan of `ix_jobs_ready`: from each (priority, organization) to the next, past however many jobs each has.
_SCAN = f"""
WITH RECURSIVE line (priority, org_id) AS (
    SELECT ranks.priority, (SELECT min(org_id) FROM jobs WHERE state = 'READY' AND priority = ranks.priority)
    FROM ({_RANKS}) AS ranks
    UNION ALL
    SELECT line.priority, (SELECT min(jobs.org_id) FROM jobs
                           WHERE jobs.state = 'READY' AND jobs.priority = line.priority AND jobs.org_id > line.org_id)
    FROM line WHERE line.org_id IS NOT NULL
)
"""  # noqa: S608 - constant texts

_LINES = f"""
{_SCAN}
SELECT priority, org_id FROM (
    SELECT line.priority, line.org_id,
           (SELECT min(jobs.ready_at) FROM jobs
            WHERE jobs.state = 'READY' AND jobs.priority = line.priority AND jobs.org_id = line.org_id) AS ready_at
    FROM line WHERE line.org_id IS NOT NULL
) AS heads WHERE ready_at <= $1 ORDER BY priority, ready_at
"""  # noqa: S608 - constant texts

_NEXT_DUE = f"""
{_SCAN}
SELECT min((SELECT min(jobs.ready_at) FROM jobs WHERE jobs.state = 'READY' AND jobs.priority = line.priority
            AND jobs.org_id = line.org_id AND jobs.ready_at > $1))
FROM line WHERE line.org_id IS NOT NULL
"""  # noqa: S608 - constant texts


def lines(now: datetime) -> Op[Sequence[Line]]:
    """Who has jobs that are due, by dispatch weight, the organization that waits longest first."""
    rows = yield Statement(_LINES, (micros(now),))
    return [Line(priority=row[0], org_id=row[1]) for row in rows]


def next_due(now: datetime) -> Op[datetime | None]:
    """When the earliest READY job that is not yet due becomes so."""
    rows = yield Statement(_NEXT_DUE, (micros(now),))
    return moment(rows[0][0])


_TAKE = """
SELECT j.id, j.kind, j.org_id, j.run_id, j.document_id, j.page, j.attempt,
       d.blob_key, d.sha256, d.media_type, d.declared_type, d.filename,
       coalesce(r.flow_id, ''), coalesce(r.flow_version, ''), coalesce(r.variables, '{}'), r.deadline,
       coalesce(r.trace_id, ''), j.page_key
FROM jobs j JOIN documents d ON d.id = j.document_id LEFT JOIN runs r ON r.id = j.run_id
WHERE j.state = 'READY' AND j.priority = $1 AND j.org_id = $2 AND j.ready_at <= $3
ORDER BY j.ready_at, j.created_at LIMIT $4
FOR UPDATE OF j SKIP LOCKED
"""


def take(line: Line, now: datetime, lease_until: datetime, limit: int) -> Op[Sequence[ClaimedJob]]:
    """READY -> PUBLISHED for the first `limit` jobs of a line that are due; fewer where there are no more."""
    rows = yield Statement(_TAKE, (line.priority, line.org_id, micros(now), limit))
    if rows:
        yield Many(
            "UPDATE jobs SET state = 'PUBLISHED', lease_until = $2 WHERE id = $1 AND state = 'READY'",
            [(row[0], micros(lease_until)) for row in rows],
        )
    return [_claimed(row) for row in rows]


_AFLOAT = """
UPDATE jobs SET lease_until = $2 WHERE id IN (
    SELECT j.id FROM jobs j WHERE j.state = 'PUBLISHED' AND j.lease_until = $1
    FOR UPDATE OF j SKIP LOCKED
)
"""


def afloat(claimed_until: datetime, lease_until: datetime) -> Op[None]:
    """A longer lease for what is left of the jobs that were claimed until `claimed_until`.

    What somebody has locked is ending, or a worker's sign of life extends it; waiting for it could be a deadlock.
    """
    yield Statement(_AFLOAT, (micros(claimed_until), micros(lease_until)))


def _claimed(row: Row) -> ClaimedJob:
    return ClaimedJob(
        job_id=row[0],
        kind=JobKind(row[1]),
        org_id=row[2],
        run_id=row[3],
        document_id=row[4],
        page=row[5],
        attempt=row[6],
        blob_key=row[7],
        sha256=row[8],
        media_type=row[9],
        declared_type=row[10],
        filename=row[11],
        flow_id=row[12],
        flow_version=row[13],
        variables=load(row[14]),
        deadline=moment(row[15]),
        trace_id=row[16],
        page_key=row[17],
    )
