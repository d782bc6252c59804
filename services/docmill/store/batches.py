"""Statements about batches, their files and events. A batch's row is locked before anything of the batch changes.

It is the first row that a transaction locks: whoever holds a run never waits for its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from docmill.domain.batches import Batch, BatchEvent, BatchEventKind, BatchFile
from docmill.domain.models import JsonObject, Mode
from docmill.domain.states import BatchState, RunState, batch_sources
from docmill.store import Many, Op, Row, Statement
from docmill.store._codec import dump, load, load_fault, micros, moment

_COLUMNS = (
    "id, org_id, mode, flow_id, flow_version, state, files_total, files_done, files_failed, metadata, created_at, "
    "started_at, completed_at, cancelled_at, last_sequence, results_key, trace_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatchEvent:
    """An event that has no number yet."""

    kind: BatchEventKind
    payload: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An idempotency key, the request that came with it, and since when an earlier batch counts."""

    key: str
    request_sha256: str
    since: datetime


def insert(batch: Batch, claim: Claim | None) -> Op[bool]:
    """Record a new batch (without files or events); False if the key stands for another one.

    Of concurrent transactions with one key, one wins; the others wait here until it has ended, and are told.
    """
    if claim is not None:
        yield Statement(
            "UPDATE batches SET idempotency_key = NULL "
            "WHERE org_id = $1 AND mode = $2 AND idempotency_key = $3 AND created_at < $4",
            (batch.org_id, batch.mode.value, claim.key, micros(claim.since)),
        )
    rows = yield Statement(
        f"INSERT INTO batches ({_COLUMNS}, idempotency_key, request_sha256) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "  # noqa: S608 - constant columns
        "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) "
        "ON CONFLICT (org_id, mode, idempotency_key) DO NOTHING RETURNING id",
        (
            batch.id,
            batch.org_id,
            batch.mode.value,
            batch.flow_id,
            batch.flow_version,
            batch.state.value,
            batch.files_total,
            batch.files_done,
            batch.files_failed,
            dump(batch.metadata),
            micros(batch.created_at),
            micros(batch.started_at),
            micros(batch.completed_at),
            micros(batch.cancelled_at),
            batch.last_sequence,
            batch.results_key,
            batch.trace_id,
            claim.key if claim else None,
            claim.request_sha256 if claim else "",
        ),
    )
    return bool(rows)


def find_by_key(org_id: str, mode: Mode, claim: Claim) -> Op[tuple[Batch, str] | None]:
    """The batch that the key stands for, and the digest of the request that made it; None if nothing."""
    rows = yield Statement(
        f"SELECT {_COLUMNS}, request_sha256 FROM batches "  # noqa: S608 - constant columns
        "WHERE org_id = $1 AND mode = $2 AND idempotency_key = $3 AND created_at >= $4",
        (org_id, mode.value, claim.key, micros(claim.since)),
    )
    return (_batch(rows[0]), str(rows[0][-1])) if rows else None


def add_files(batch_id: str, run_ids: Sequence[str]) -> Op[None]:
    """Record the runs of a batch in the order of its files."""
    yield Many(
        "INSERT INTO batch_files (batch_id, position, run_id) VALUES ($1, $2, $3)",
        [(batch_id, position, run_id) for position, run_id in enumerate(run_ids)],
    )


def get(batch_id: str, *, lock: bool = False) -> Op[Batch | None]:
    """The batch, whoever owns it; `lock` keeps its row until the transaction ends."""
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM batches WHERE id = $1" + (" FOR UPDATE" if lock else ""),  # noqa: S608 - constant columns
        (batch_id,),
    )
    return _batch(rows[0]) if rows else None


_FILES = """
SELECT f.batch_id, f.position, f.run_id, r.document_id, d.filename, r.state, r.pages_done, r.pages_failed, r.pages_total,
       r.fault, r.started_at, f.counted, r.output_key, r.tokens_used,
       CASE WHEN d.media_type = '' THEN d.declared_type ELSE d.media_type END
FROM batch_files f JOIN runs r ON r.id = f.run_id JOIN documents d ON d.id = r.document_id
WHERE f.batch_id IN ({places}) ORDER BY f.batch_id, f.position
"""


def files(*batch_ids: str) -> Op[dict[str, list[BatchFile]]]:
    """The files of batches in order, by the batch; every batch has an entry."""
    found: dict[str, list[BatchFile]] = {batch_id: [] for batch_id in batch_ids}
    if batch_ids:
        places = ", ".join(f"${number}" for number in range(1, len(batch_ids) + 1))
        for row in (yield Statement(_FILES.format(places=places), batch_ids)):
            found[row[0]].append(_file(row))
    return found


def change(
    batch: Batch, to: Batch, events: Sequence[NewBatchEvent], counted: Sequence[int], at: datetime
) -> Op[Batch | None]:
    """Write what differs between the locked `batch` and `to`, append `events`, numbered on from the last one.

    The ends of the files at the positions `counted` are recorded with it. The batch as it now stands; None when its state may not become `to.state`, or somebody was first: nothing was written.
    """
    if to.state is not batch.state and batch.state not in batch_sources(to.state):
        return None
    changed = replace(to, last_sequence=batch.last_sequence + len(events))
    rows = yield Statement(
        "UPDATE batches SET state = $4, files_done = $5, files_failed = $6, started_at = $7, completed_at = $8, "
        "cancelled_at = $9, last_sequence = $10, results_key = $11 "
        "WHERE id = $1 AND state = $2 AND last_sequence = $3 RETURNING id",
        (
            batch.id,
            batch.state.value,
            batch.last_sequence,
            changed.state.value,
            changed.files_done,
            changed.files_failed,
            micros(changed.started_at),
            micros(changed.completed_at),
            micros(changed.cancelled_at),
            changed.last_sequence,
            changed.results_key,
        ),
    )
    if not rows:
        return None
    if counted:
        yield Many(
            "UPDATE batch_files SET counted = 1 WHERE batch_id = $1 AND position = $2",
            [(batch.id, position) for position in counted],
        )
    if events:
        yield Many(
            "INSERT INTO batch_events (batch_id, sequence, kind, at, payload) VALUES ($1, $2, $3, $4, $5)",
            [
                (batch.id, batch.last_sequence + number, event.kind.value, micros(at), dump(event.payload))
                for number, event in enumerate(events, start=1)
            ],
        )
    return changed


def events(batch_id: str, after: int, limit: int) -> Op[Sequence[BatchEvent]]:
    """At most `limit` events after number `after`, in order."""
    rows = yield Statement(
        "SELECT sequence, kind, at, payload FROM batch_events WHERE batch_id = $1 AND sequence > $2 "
        "ORDER BY sequence LIMIT $3",
        (batch_id, after, limit),
    )
    return [
        BatchEvent(
            batch_id=batch_id, sequence=row[0], kind=BatchEventKind(row[1]), at=moment(row[2]), payload=load(row[3])
        )
        for row in rows
    ]


_BEHIND = """
SELECT b.id FROM batches b WHERE b.state != 'COMPLETED' AND (b.files_done = b.files_total OR EXISTS (
    SELECT 1 FROM batch_files f JOIN runs r ON r.id = f.run_id
    WHERE f.batch_id = b.id AND f.counted = 0 AND (
        r.state IN ('SUCCEEDED', 'FAILED', 'CANCELLED') OR (b.state = 'QUEUED' AND r.state = 'RUNNING')
    )
))
"""


def behind(limit: int) -> Op[Sequence[str]]:
    """Batches whose record is behind what their runs say, or that have yet to complete, oldest first."""
    rows = yield Statement(f"{_BEHIND} ORDER BY b.created_at LIMIT $1", (limit,))
    return [row[0] for row in rows]


def is_behind(batch_id: str) -> Op[bool]:
    """Whether the batch is one of `behind`; none of its files is loaded for that."""
    return bool((yield Statement(f"{_BEHIND} AND b.id = $1", (batch_id,))))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQuery:
    """Batches of one organization and mode, newest first."""

    org_id: str
    mode: Mode
    states: frozenset[BatchState] = frozenset()
    before: tuple[datetime, str] | None = None
    """Continue after the batch with this creation time and id."""


def find(query: BatchQuery, limit: int) -> Op[Sequence[Batch]]:
    """At most `limit` batches that match."""
    where, args = _where(query)
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM batches WHERE {where} ORDER BY created_at DESC, id DESC LIMIT ${len(args) + 1}",  # noqa: S608 - built from constants below
        (*args, limit),
    )
    return [_batch(row) for row in rows]


def count(query: BatchQuery) -> Op[int]:
    """How many batches match, wherever the list stands."""
    where, args = _where(replace(query, before=None))
    rows = yield Statement(f"SELECT count(*) FROM batches WHERE {where}", args)  # noqa: S608 - built from constants below
    return int(rows[0][0])


def _where(query: BatchQuery) -> tuple[str, tuple[Any, ...]]:
    terms, args = ["org_id = $1", "mode = $2"], [query.org_id, query.mode.value]
    if query.states:
        states = sorted(state.value for state in query.states)
        terms.append(f"state IN ({', '.join(f'${len(args) + number}' for number in range(1, len(states) + 1))})")
        args += states
    if query.before is None:
        return " AND ".join(terms), tuple(args)
    terms.append(f"(created_at, id) < (${len(args) + 1}, ${len(args) + 2})")
    return " AND ".join(terms), (*args, micros(query.before[0]), query.before[1])


def _batch(row: Row) -> Batch:
    return Batch(
        id=row[0],
        org_id=row[1],
        mode=Mode(row[2]),
        flow_id=row[3],
        flow_version=row[4],
        state=BatchState(row[5]),
        files_total=row[6],
        files_done=row[7],
        files_failed=row[8],
        metadata=load(row[9]),
        created_at=moment(row[10]),
        started_at=moment(row[11]),
        completed_at=moment(row[12]),
        cancelled_at=moment(row[13]),
        last_sequence=row[14],
        results_key=row[15],
        trace_id=row[16],
    )


def _file(row: Row) -> BatchFile:
    return BatchFile(
        index=row[1],
        run_id=row[2],
        document_id=row[3],
        filename=row[4],
        state=RunState(row[5]),
        pages_done=row[6],
        pages_failed=row[7],
        pages_total=row[8],
        fault=load_fault(row[9]),
        started_at=moment(row[10]),
        counted=bool(row[11]),
        output_key=row[12],
        tokens_used=row[13],
        media_type=row[14],
    )
