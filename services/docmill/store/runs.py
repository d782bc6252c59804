"""Statements about runs and their events. A run's row is locked before anything of the run changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from docmill.domain.models import EventKind, JsonObject, Mode, Priority, Run, RunEvent
from docmill.domain.states import RunState, run_sources
from docmill.store import Many, Op, Row, Statement
from docmill.store._codec import dump, dump_fault, load, load_fault, micros, moment

_COLUMNS = (
    "id, org_id, mode, flow_id, flow_version, document_id, state, priority, variables, metadata, created_at, "
    "started_at, ended_at, deadline, last_sequence, pages_total, pages_done, pages_failed, step, output_key, fault, "
    "credits_reserved, credits_used, engine_ms, trace_id, labels, admitted_at, tokens_used, cost_micros, steps_run, "
    "steps_total, batch_id, documents_reserved"
)
_PRIORITIES = list(Priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event that has no number yet."""

    kind: EventKind
    payload: JsonObject = field(default_factory=dict)


def insert(run: Run) -> Op[None]:
    """Record a new run with its labels (without events: `change` gives them numbers)."""
    yield Statement(
        f"INSERT INTO runs ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "  # noqa: S608 - constant columns
        "$17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)",
        (
            run.id,
            run.org_id,
            run.mode.value,
            run.flow_id,
            run.flow_version,
            run.document_id,
            run.state.value,
            run.priority.rank,
            dump(run.variables),
            dump(run.metadata),
            micros(run.created_at),
            micros(run.started_at),
            micros(run.ended_at),
            micros(run.deadline),
            run.last_sequence,
            run.pages_total,
            run.pages_done,
            run.pages_failed,
            run.step,
            run.output_key,
            dump_fault(run.fault),
            run.credits_reserved,
            run.credits_used,
            run.engine_ms,
            run.trace_id,
            dump(run.labels),
            micros(run.admitted_at),
            run.tokens_used,
            run.cost_micros,
            run.steps_run,
            run.steps_total,
            run.batch_id or None,
            run.documents_reserved,
        ),
    )
    if run.labels:
        yield Many(
            "INSERT INTO run_labels (run_id, name, org_id, mode, value) VALUES ($1, $2, $3, $4, $5)",
            [(run.id, name, run.org_id, run.mode.value, value) for name, value in run.labels.items()],
        )


def get(run_id: str, *, lock: bool = False) -> Op[Run | None]:
    """The run, whoever owns it; `lock` keeps its row until the transaction ends."""
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM runs WHERE id = $1" + (" FOR UPDATE" if lock else ""),  # noqa: S608 - constant columns
        (run_id,),
    )
    return _run(rows[0]) if rows else None


def change(run: Run, to: Run, events: Sequence[NewEvent], at: datetime) -> Op[Run | None]:
    """Write what differs between the locked `run` and `to`, and append `events`, numbered on from the last one.

    The run as it now stands; None when its state is no longer `run.state` or may not become `to.state`: somebody was
    first, and nothing was written.
    """
    if to.state is not run.state and run.state not in run_sources(to.state):
        return None
    first = run.last_sequence + 1
    changed = replace(to, last_sequence=run.last_sequence + len(events))
    assignments = _differences(run, changed)
    names = ", ".join(f"{name} = ${number}" for number, name in enumerate(assignments, start=4))
    rows = yield Statement(
        f"UPDATE runs SET {names or 'id = id'} WHERE id = $1 AND state = $2 AND last_sequence = $3 RETURNING id",  # noqa: S608 - column names come from the table below
        (run.id, run.state.value, run.last_sequence, *assignments.values()),
    )
    if not rows:
        return None
    yield from _append(run.id, first, events, at)
    return changed


def _append(run_id: str, first: int, events: Sequence[NewEvent], at: datetime) -> Op[None]:
    if events:
        yield Many(
            "INSERT INTO run_events (run_id, sequence, kind, at, payload) VALUES ($1, $2, $3, $4, $5)",
            [
                (run_id, first + offset, event.kind.value, micros(at), dump(event.payload))
                for offset, event in enumerate(events)
            ],
        )


def events(run_id: str, after: int, limit: int) -> Op[Sequence[RunEvent]]:
    """At most `limit` events after number `after`, in order."""
    rows = yield Statement(
        "SELECT sequence, kind, at, payload FROM run_events WHERE run_id = $1 AND sequence > $2 "
        "ORDER BY sequence LIMIT $3",
        (run_id, after, limit),
    )
    return [_event(run_id, row) for row in rows]


def events_of(run_id: str, kinds: Collection[EventKind]) -> Op[Sequence[RunEvent]]:
    """All events of some kinds, in order."""
    names = [kind.value for kind in sorted(kinds)]
    places = ", ".join(f"${number}" for number in range(2, 2 + len(names)))
    rows = yield Statement(
        f"SELECT sequence, kind, at, payload FROM run_events WHERE run_id = $1 AND kind IN ({places}) ORDER BY sequence",  # noqa: S608 - numbers of placeholders
        (run_id, *names),
    )
    return [_event(run_id, row) for row in rows]


def _event(run_id: str, row: Row) -> RunEvent:
    return RunEvent(run_id=run_id, sequence=row[0], kind=EventKind(row[1]), at=moment(row[2]), payload=load(row[3]))


def waiting_for(document_id: str) -> Op[Sequence[str]]:
    """Open runs without a plan over a document, oldest first."""
    rows = yield Statement(
        "SELECT id FROM runs WHERE document_id = $1 AND pages_total IS NULL AND state = 'QUEUED' "
        "ORDER BY created_at, id",
        (document_id,),
    )
    return [row[0] for row in rows]


def overdue(now: datetime, limit: int) -> Op[Sequence[str]]:
    """Open runs whose deadline has passed."""
    rows = yield Statement(
        "SELECT id FROM runs WHERE state IN ('QUEUED', 'RUNNING') AND deadline IS NOT NULL AND deadline < $1 LIMIT $2",
        (micros(now), limit),
    )
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Runs of one organization and mode, newest first."""

    org_id: str
    mode: Mode
    states: frozenset[RunState] = frozenset()
    flow_id: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    label: str = ""
    """`name=value`, or `name` for any value."""
    before: tuple[datetime, str] | None = None
    """Continue after the run with this creation time and id."""


def find(query: RunQuery, limit: int) -> Op[Sequence[Run]]:
    """At most `limit` runs that match."""
    where, args = _where(query)
    rows = yield Statement(
        f"SELECT {_COLUMNS} FROM runs WHERE {where} ORDER BY created_at DESC, id DESC LIMIT ${len(args) + 1}",  # noqa: S608 - built from constants below
        (*args, limit),
    )
    return [_run(row) for row in rows]


def count(query: RunQuery) -> Op[int]:
    """How many runs match, wherever the list stands."""
    where, args = _where(replace(query, before=None))
    rows = yield Statement(f"SELECT count(*) FROM runs WHERE {where}", args)  # noqa: S608 - built from constants below
    return int(rows[0][0])


def _where(query: RunQuery) -> tuple[str, tuple[Any, ...]]:
    terms = ["org_id = $1", "mode = $2"]
    args: list[Any] = [query.org_id, query.mode.value]

    def add(term: str, *values: Any) -> None:
        numbers = range(len(args) + 1, len(args) + 1 + len(values))
        terms.append(term.format(*(f"${number}" for number in numbers)))
        args.extend(values)

    if query.states:
        states = sorted(state.value for state in query.states)
        add(f"state IN ({', '.join('{}' for _ in states)})", *states)
    if query.flow_id:
        add("flow_id = {}", query.flow_id)
    if query.created_after is not None:
        add("created_at >= {}", micros(query.created_after))
    if query.created_before is not None:
        add("created_at < {}", micros(query.created_before))
    if query.label:
        name, equals, value = query.label.partition("=")
        labelled = "SELECT run_id FROM run_labels WHERE org_id = $1 AND mode = $2 AND name = {}"
        if equals:
            add(f"id IN ({labelled} AND value = {{}})", name, value)
        else:
            add(f"id IN ({labelled})", name)
    if query.before is not None:
        add("(created_at, id) < ({}, {})", micros(query.before[0]), query.before[1])
    return " AND ".join(terms), tuple(args)


def _differences(old: Run, new: Run) -> Mapping[str, Any]:
    """Columns and values to write; only what may change during a run's life."""
    columns = {
        "state": (old.state.value, new.state.value),
        "started_at": (micros(old.started_at), micros(new.started_at)),
        "ended_at": (micros(old.ended_at), micros(new.ended_at)),
        "last_sequence": (old.last_sequence, new.last_sequence),
        "pages_total": (old.pages_total, new.pages_total),
        "pages_done": (old.pages_done, new.pages_done),
        "pages_failed": (old.pages_failed, new.pages_failed),
        "step": (old.step, new.step),
        "output_key": (old.output_key, new.output_key),
        "fault": (dump_fault(old.fault), dump_fault(new.fault)),
        "credits_reserved": (old.credits_reserved, new.credits_reserved),
        "credits_used": (old.credits_used, new.credits_used),
        "engine_ms": (old.engine_ms, new.engine_ms),
        "admitted_at": (micros(old.admitted_at), micros(new.admitted_at)),
        "tokens_used": (old.tokens_used, new.tokens_used),
        "cost_micros": (old.cost_micros, new.cost_micros),
        "steps_run": (old.steps_run, new.steps_run),
        "steps_total": (old.steps_total, new.steps_total),
    }
    return {name: after for name, (before, after) in columns.items() if before != after}


def _run(row: Row) -> Run:
    return Run(
        id=row[0],
        org_id=row[1],
        mode=Mode(row[2]),
        flow_id=row[3],
        flow_version=row[4],
        document_id=row[5],
        state=RunState(row[6]),
        priority=_PRIORITIES[row[7]],
        variables=load(row[8]),
        metadata=load(row[9]),
        created_at=moment(row[10]),
        started_at=moment(row[11]),
        ended_at=moment(row[12]),
        deadline=moment(row[13]),
        last_sequence=row[14],
        pages_total=row[15],
        pages_done=row[16],
        pages_failed=row[17],
        step=row[18],
        output_key=row[19],
        fault=load_fault(row[20]),
        credits_reserved=row[21],
        credits_used=row[22],
        engine_ms=row[23],
        trace_id=row[24],
        labels=load(row[25]),
        admitted_at=moment(row[26]),
        tokens_used=row[27],
        cost_micros=row[28],
        steps_run=row[29],
        steps_total=row[30],
        batch_id=row[31] or "",
        documents_reserved=row[32],
    )
