"""Statements about webhooks and their deliveries. A delivery's row is locked before anything of it changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from docmill.domain.batches import Batch
from docmill.domain.deliveries import EVENT_OF, Delivery, DeliveryAttempt, DeliveryEvent, DeliveryState, Webhook
from docmill.domain.models import Mode, Run
from docmill.domain.states import RunState
from docmill.store import Many, Op, Row, Statement
from docmill.store._codec import micros, moment

ATTEMPTS_KEPT = 100
"""Of a delivery: it may be asked for again without end."""

_DELIVERY = (
    "d.id, d.org_id, d.mode, d.run_id, d.event, coalesce(w.url, b.url), d.state, d.attempt, d.next_at, d.created_at, "
    "d.ended_at, d.batch_id FROM deliveries d LEFT JOIN webhooks w ON w.run_id = d.run_id "
    "LEFT JOIN batch_webhooks b ON b.batch_id = d.batch_id"
)


def subscribe(webhook: Webhook) -> Op[None]:
    """Record who wants word of a run, or a batch, that was just recorded."""
    if webhook.batch_id:
        yield Statement(
            "INSERT INTO batch_webhooks (batch_id, url, host, secret, format) VALUES ($1, $2, $3, $4, $5)",
            (webhook.batch_id, webhook.url, webhook.host, webhook.secret, webhook.format),
        )
        return
    yield Statement(
        "INSERT INTO webhooks (run_id, url, host, secret, format, on_cancel) VALUES ($1, $2, $3, $4, $5, $6)",
        (webhook.run_id, webhook.url, webhook.host, webhook.secret, webhook.format, int(webhook.on_cancel)),
    )


def announce(delivery_id: str, run: Run, now: datetime) -> Op[bool]:
    """Record that word of the ended `run` is to be sent; False when nobody wants it."""
    rows = yield Statement("SELECT on_cancel FROM webhooks WHERE run_id = $1", (run.id,))
    if not rows or (run.state is RunState.CANCELLED and not rows[0][0]):
        return False
    yield Statement(
        "INSERT INTO deliveries (id, org_id, mode, run_id, event, state, attempt, next_at, created_at) "
        "VALUES ($1, $2, $3, $4, $5, 'PENDING', 0, $6, $6)",
        (delivery_id, run.org_id, run.mode.value, run.id, EVENT_OF[run.state].value, micros(now)),
    )
    return True


def any_of(run_ids: Sequence[str]) -> Op[bool]:
    """Whether word of any of the runs is yet to be sent."""
    found = False
    for run_id in run_ids:
        rows = yield Statement("SELECT 1 FROM deliveries WHERE run_id = $1 AND state = 'PENDING' LIMIT 1", (run_id,))
        found = found or bool(rows)
    return found


def announce_batch(delivery_id: str, batch: Batch, now: datetime) -> Op[bool]:
    """Record that word of the completed `batch` is to be sent, once; False when nobody wants it."""
    rows = yield Statement(
        "INSERT INTO deliveries (id, org_id, mode, batch_id, event, state, attempt, next_at, created_at) "
        "SELECT $1, $2, $3, $4, $5, 'PENDING', 0, $6, $6 FROM batch_webhooks WHERE batch_id = $4 RETURNING id",
        (
            delivery_id,
            batch.org_id,
            batch.mode.value,
            batch.id,
            DeliveryEvent.BATCH_COMPLETED.value,
            micros(now),
        ),
    )
    return bool(rows)


def keep_body(delivery_id: str, body: str) -> Op[str]:
    """Keep what every attempt sends, unless an earlier one has: what is kept now."""
    rows = yield Statement(
        "UPDATE deliveries SET body = coalesce(body, $2) WHERE id = $1 RETURNING body", (delivery_id, body)
    )
    return str(rows[0][0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A delivery whose turn it is, with what its attempt needs."""

    delivery_id: str
    org_id: str
    run_id: str
    """Empty when it is about a batch."""
    event: DeliveryEvent
    number: int
    """Of the attempt, of all ever made."""
    lease_until: datetime
    """Fences the outcome: whoever has the delivery later has another lease."""
    url: str
    host: str
    secret: str
    """Encrypted; empty for an organization that has none."""
    format: str
    batch_id: str = ""
    body: str = ""
    """What an earlier attempt sent, where all have to send the same."""


_HOST = "coalesce(w.host, b.host)"
_CLAIM = """
SELECT d.id, d.org_id, d.run_id, d.event, coalesce(w.url, b.url), coalesce(w.host, b.host),
       coalesce(w.secret, b.secret), o.webhook_secret, coalesce(w.format, b.format),
       (SELECT coalesce(max(a.number), 0) FROM delivery_attempts a WHERE a.delivery_id = d.id), d.batch_id, d.body
FROM deliveries d LEFT JOIN webhooks w ON w.run_id = d.run_id LEFT JOIN batch_webhooks b ON b.batch_id = d.batch_id
JOIN organizations o ON o.id = d.org_id
WHERE d.state = 'PENDING' AND d.next_at <= $1 AND (d.lease_until IS NULL OR d.lease_until <= $1){busy}
ORDER BY d.next_at LIMIT $2
FOR UPDATE OF d SKIP LOCKED
"""


def claim(
    now: datetime, lease_until: datetime, limit: int, hosts: Collection[str], orgs: Collection[str]
) -> Op[Sequence[Parcel]]:
    """Lease at most `limit` deliveries that are due, the longest due first; none to `hosts`, none of `orgs`."""
    busy = _none_of(_HOST, hosts, 3) + _none_of("d.org_id", orgs, 3 + len(hosts))
    rows = yield Statement(_CLAIM.format(busy=busy), (micros(now), limit, *hosts, *orgs))
    if rows:
        yield Many(
            "UPDATE deliveries SET lease_until = $2 WHERE id = $1 AND state = 'PENDING'",
            [(row[0], micros(lease_until)) for row in rows],
        )
    return [_parcel(row, lease_until) for row in rows]


def _none_of(column: str, values: Collection[str], first: int) -> str:
    numbers = ", ".join(f"${number}" for number in range(first, first + len(values)))
    return f" AND {column} NOT IN ({numbers})" if values else ""


def next_due(now: datetime) -> Op[datetime | None]:
    """When the earliest delivery that is not yet due becomes so."""
    rows = yield Statement(
        "SELECT min(next_at) FROM deliveries WHERE state = 'PENDING' AND next_at > $1", (micros(now),)
    )
    return moment(rows[0][0])


def get(delivery_id: str, *, lock: bool = False) -> Op[Delivery | None]:
    """One delivery without its attempts, whoever owns it; `lock` keeps its row until the transaction ends."""
    rows = yield Statement(f"SELECT {_DELIVERY} WHERE d.id = $1" + (" FOR UPDATE OF d" if lock else ""), (delivery_id,))
    return _delivery(rows[0]) if rows else None


def of_run(run_id: str) -> Op[Sequence[Delivery]]:
    """The deliveries of a run with their attempts, oldest first."""
    return (yield from _of("d.run_id", run_id))


def of_batch(batch_id: str) -> Op[Sequence[Delivery]]:
    """The delivery of a batch with its attempts, if there is one."""
    return (yield from _of("d.batch_id", batch_id))


def _of(column: str, id_: str) -> Op[Sequence[Delivery]]:
    rows = yield Statement(f"SELECT {_DELIVERY} WHERE {column} = $1 ORDER BY d.created_at, d.id", (id_,))
    tries = yield Statement(
        "SELECT a.delivery_id, a.number, a.at, a.http_status, a.duration_ms, a.error "  # noqa: S608 - one of two columns
        f"FROM delivery_attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE {column} = $1 ORDER BY a.number",
        (id_,),
    )
    attempts: defaultdict[str, list[DeliveryAttempt]] = defaultdict(list)
    for delivery_id, number, at, status, duration, error in tries:
        attempts[delivery_id].append(
            DeliveryAttempt(number=number, at=moment(at), http_status=status, duration_ms=duration, error=error)
        )
    return [replace(_delivery(row), attempts=tuple(attempts[row[0]])) for row in rows]


def add_attempt(delivery_id: str, attempt: DeliveryAttempt) -> Op[None]:
    """Record an attempt of the locked delivery under the next free number, and forget very old ones."""
    rows = yield Statement(
        "SELECT coalesce(max(number), 0) + 1 FROM delivery_attempts WHERE delivery_id = $1", (delivery_id,)
    )
    number = int(rows[0][0])
    yield Statement(
        "INSERT INTO delivery_attempts (delivery_id, number, at, http_status, duration_ms, error) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        (delivery_id, number, micros(attempt.at), attempt.http_status, attempt.duration_ms, attempt.error),
    )
    if number > ATTEMPTS_KEPT:
        yield Statement(
            "DELETE FROM delivery_attempts WHERE delivery_id = $1 AND number <= $2",
            (delivery_id, number - ATTEMPTS_KEPT),
        )


def settle(parcel: Parcel, state: DeliveryState, next_at: datetime | None, now: datetime) -> Op[bool]:
    """PENDING -> `state` after an attempt of this lease; False when somebody has the delivery anew, or asked for it."""
    rows = yield Statement(
        "UPDATE deliveries SET state = $3, attempt = attempt + 1, next_at = $4, ended_at = $5, lease_until = NULL "
        "WHERE id = $1 AND state = 'PENDING' AND lease_until = $2 RETURNING id",
        (
            parcel.delivery_id,
            micros(parcel.lease_until),
            state.value,
            micros(next_at),
            None if state is DeliveryState.PENDING else micros(now),
        ),
    )
    return bool(rows)


def restart(delivery_id: str, now: datetime) -> Op[None]:
    """Any -> PENDING, due now, from its first attempt on."""
    yield Statement(
        "UPDATE deliveries SET state = 'PENDING', attempt = 0, next_at = $2, lease_until = NULL, ended_at = NULL "
        "WHERE id = $1",
        (delivery_id, micros(now)),
    )


def _parcel(row: Row, lease_until: datetime) -> Parcel:
    return Parcel(
        delivery_id=row[0],
        org_id=row[1],
        run_id=row[2] or "",
        event=DeliveryEvent(row[3]),
        url=row[4],
        host=row[5],
        secret=row[6] or row[7],
        format=row[8],
        number=row[9] + 1,
        lease_until=lease_until,
        batch_id=row[10] or "",
        body=row[11] or "",
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row[0],
        org_id=row[1],
        mode=Mode(row[2]),
        run_id=row[3] or "",
        event=DeliveryEvent(row[4]),
        url=row[5],
        state=DeliveryState(row[6]),
        attempt=row[7],
        next_at=moment(row[8]),
        created_at=moment(row[9]),
        ended_at=moment(row[10]),
        batch_id=row[11] or "",
    )
