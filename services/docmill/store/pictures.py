"""Statements about RENDER jobs: one at a time for a page of a document; it belongs to no run, so no run's end ends it."""

from __future__ import annotations

from docmill.domain.errors import Fault
from docmill.domain.models import Job
from docmill.domain.states import JobState
from docmill.store import Op, Statement
from docmill.store._codec import load_fault, micros


def want(job: Job, weight: int, key: str) -> Op[tuple[str, str]]:
    """Record the READY job to make the picture `key`, unless one for this page is under way; a finished one makes room.

    Id and key of the job that now is: perhaps another one's, for another size.
    """
    page = (job.page, job.document_id)
    yield Statement(
        "DELETE FROM jobs WHERE run_id = '' AND kind = 'RENDER' AND page = $1 AND document_id = $2 "
        "AND state NOT IN ('READY', 'PUBLISHED')",
        page,
    )
    yield Statement(
        "INSERT INTO jobs (id, kind, org_id, run_id, document_id, page, state, priority, ready_at, created_at, page_key) "
        "VALUES ($1, 'RENDER', $2, '', $3, $4, 'READY', $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        (
            job.id,
            job.org_id,
            job.document_id,
            job.page,
            weight,
            micros(job.ready_at),
            micros(job.created_at),
            key,
        ),
    )
    rows = yield Statement(
        "SELECT id, page_key FROM jobs WHERE run_id = '' AND kind = 'RENDER' AND page = $1 AND document_id = $2", page
    )
    return rows[0][0], rows[0][1]


def outcome(job_id: str) -> Op[tuple[JobState, Fault | None] | None]:
    """How the job stands, and why it failed; None once it made room for another one."""
    rows = yield Statement("SELECT state, fault FROM jobs WHERE id = $1", (job_id,))
    return (JobState(rows[0][0]), load_fault(rows[0][1])) if rows else None
