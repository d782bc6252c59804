"""Webhooks from the record to their receivers: at least once, on a schedule, under one id.

A delivery is leased, sent, and its outcome recorded. A crash in between costs the lease's time and perhaps a second
copy at the receiver, which knows it by its id.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.metadata import version

import structlog

from docmill.blobs import BlobNotFound
from docmill.domain.deliveries import DeliveryAttempt, DeliveryState
from docmill.domain.errors import DocmillError
from docmill.domain.models import Run
from docmill.engine import reads
from docmill.engine.batches import seen as view_of
from docmill.engine.batches import with_token
from docmill.engine.context import Context
from docmill.engine.notices import BatchNotice, Notice, Webhooks
from docmill.engine.notify import wait
from docmill.engine.requests import RunOutput
from docmill.store import Op, StoreUnavailable, batches, deliveries, runs
from docmill.store.deliveries import Parcel
from docmill.webhooks import Answer
from docmill.webhooks.signing import standard_headers

log = structlog.get_logger(__name__)

_PAUSE = 0.5  # seconds after the store was away
_RENDERED_AT_ONCE = 4  # outputs of long documents are large before they are found to be too large
_EVIDENCE_FACTOR = 16  # an output is kept with where its values were read, which is some ten times as long
_USER_AGENT = f"docmill-webhooks/{version('docmill')}"


@dataclass(slots=True)
class Desk:
    """What this process is sending now."""

    hooks: Webhooks
    under_way: int = 0
    hosts: Counter[str] = field(default_factory=Counter)
    orgs: Counter[str] = field(default_factory=Counter)
    rendering: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_RENDERED_AT_ONCE))

    def room(self) -> int:
        """Attempts that may begin, even if all went to one host, or were one organization's, that is not busy yet."""
        host, org = self.hooks.at_once_to_host, self.hooks.at_once_of_org
        return min(
            self.hooks.at_once - self.under_way,
            host - max((count for count in self.hosts.values() if count < host), default=0),
            org - max((count for count in self.orgs.values() if count < org), default=0),
        )

    def busy_hosts(self) -> list[str]:
        """Hosts that get no more for now."""
        return [host for host, count in self.hosts.items() if count >= self.hooks.at_once_to_host]

    def busy_orgs(self) -> list[str]:
        """Organizations that send no more for now."""
        return [org for org, count in self.orgs.items() if count >= self.hooks.at_once_of_org]

    def take(self, parcel: Parcel) -> None:
        """An attempt begins."""
        self.under_way += 1
        self.hosts[parcel.host] += 1
        self.orgs[parcel.org_id] += 1

    def put_back(self, parcel: Parcel) -> None:
        """It has ended."""
        self.under_way -= 1
        for counter, key in ((self.hosts, parcel.host), (self.orgs, parcel.org_id)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]


async def run(ctx: Context) -> None:
    """Send what is due, for ever; at once nothing, where no webhooks are sent."""
    if ctx.webhooks is None:
        return
    desk = Desk(ctx.webhooks)
    async with asyncio.TaskGroup() as attempts:
        while True:
            try:
                taken = await take(ctx, desk)
                idle = 0.0 if taken else await _until_due(ctx, desk.hooks)
            except StoreUnavailable as error:
                log.warning("webhooks are waiting", event_key="deliver.waiting", error=str(error))
                await wait(ctx.mail, _PAUSE)
                continue
            for parcel in taken:
                attempts.create_task(attempt(ctx, desk, parcel), name=parcel.delivery_id)
            if not taken:
                await wait(ctx.mail, idle)


async def take(ctx: Context, desk: Desk) -> list[Parcel]:
    """Lease what is due, as far as there is room for it."""
    ctx.mail.clear()  # before the look: what becomes due from now on sets it again
    room = desk.room()
    if room <= 0:
        return []
    now = ctx.now()
    busy = desk.busy_hosts(), desk.busy_orgs()
    parcels = await ctx.store.write(lambda: deliveries.claim(now, now + desk.hooks.lease, room, *busy))
    for parcel in parcels:
        desk.take(parcel)
    return list(parcels)


async def attempt(ctx: Context, desk: Desk, parcel: Parcel) -> None:
    """Send once and record what came of it."""
    at = ctx.now()
    try:
        answer = await _send(ctx, desk, parcel)
        error = _complaint(desk.hooks, answer)
        made = DeliveryAttempt(
            number=parcel.number, at=at, http_status=answer.status, duration_ms=answer.duration_ms, error=error
        )
        # Whatever ends us now: what the receiver got is written down.
        await asyncio.shield(ctx.store.write(lambda: _record(ctx, desk.hooks, parcel, made)))
    except StoreUnavailable as outage:  # its lease runs out, and it is sent again
        log.warning("webhooks are waiting", event_key="deliver.waiting", error=str(outage))
    except Exception:
        log.exception(
            "a webhook's outcome could not be recorded", event_key="deliver.lost", delivery=parcel.delivery_id
        )
    else:
        subject = {"batch": parcel.batch_id} if parcel.batch_id else {"run": parcel.run_id}
        facts = {"delivery": parcel.delivery_id, **subject, "host": parcel.host, "attempt": parcel.number}
        log.info("a webhook was sent", event_key="deliver.sent", status=answer.status, error=error, **facts)
    finally:
        desk.put_back(parcel)
        ctx.mail.set()


async def _send(ctx: Context, desk: Desk, parcel: Parcel) -> Answer:
    try:
        async with desk.rendering:
            headers, body = await _render(ctx, desk.hooks, parcel)
        return await desk.hooks.sender.post(parcel.url, headers, body)
    except StoreUnavailable:
        raise
    except DocmillError as error:  # its message says what the operator has to do
        log.error(error.message, event_key="deliver.unsigned", delivery=parcel.delivery_id)  # noqa: TRY400
        return Answer(error="the signing secret cannot be used; the operator of this installation can help")
    except Exception:
        log.exception("a webhook could not be written", event_key="deliver.unwritten", delivery=parcel.delivery_id)
        return Answer(error="the webhook could not be written; the operator of this installation can help")


async def _render(ctx: Context, hooks: Webhooks, parcel: Parcel) -> tuple[dict[str, str], bytes]:
    """Headers and body, stamped and signed now."""
    if parcel.batch_id:
        return await _render_batch(ctx, hooks, parcel)
    run_ = await ctx.store.read(lambda: runs.get(parcel.run_id))
    assert run_ is not None  # runs are never deleted
    notice = Notice(
        event=parcel.event,
        run=run_,
        output=await _output(ctx, hooks, run_),
        delivery_id=parcel.delivery_id,
        attempt=parcel.number,
        at=ctx.now(),
        secret=hooks.vault.unseal(parcel.secret),
    )
    form = hooks.forms[parcel.format]
    headers, body = await asyncio.to_thread(form.render, notice)
    if len(body) > hooks.max_body:
        headers, body = await asyncio.to_thread(form.render, replace(notice, output=None))
    return _sealed(headers, body, notice), body


async def _render_batch(ctx: Context, hooks: Webhooks, parcel: Parcel) -> tuple[dict[str, str], bytes]:
    """As `_render`; a form may want the body of the first attempt in every one."""
    batch = await ctx.store.read(lambda: batches.get(parcel.batch_id))
    assert batch is not None  # batches are never deleted
    notice = BatchNotice(
        event=parcel.event,
        view=with_token(ctx, await ctx.store.read(lambda: view_of(ctx, batch))),
        delivery_id=parcel.delivery_id,
        attempt=parcel.number,
        at=ctx.now(),
        secret=hooks.vault.unseal(parcel.secret),
    )
    form = hooks.batch_forms[parcel.format]
    body = parcel.body.encode() or await asyncio.to_thread(form.body, notice)
    if form.same and not parcel.body:
        fresh = body.decode()
        body = (await ctx.store.write(lambda: deliveries.keep_body(parcel.delivery_id, fresh))).encode()
    return _sealed(form.headers(notice, body), body, notice), body


def _sealed(headers: Mapping[str, str], body: bytes, notice: Notice | BatchNotice) -> dict[str, str]:
    own = {"Content-Type": "application/json", "User-Agent": _USER_AGENT}
    return {**own, **headers, **standard_headers(notice.secret, notice.delivery_id, notice.at, body)}


async def _output(ctx: Context, hooks: Webhooks, run_: Run) -> RunOutput | None:
    """What the run made; None when it is surely more than a body holds."""
    if not run_.output_key:
        return RunOutput()
    with suppress(BlobNotFound):
        if await ctx.blobs.size(run_.output_key) > hooks.max_body * _EVIDENCE_FACTOR:
            return None
    return await reads.get_output(ctx, run_)


def _complaint(hooks: Webhooks, answer: Answer) -> str:
    if answer.error or hooks.policy.taken(answer.status):
        return answer.error
    return f"the receiver answered {answer.status}"


def _record(ctx: Context, hooks: Webhooks, parcel: Parcel, made: DeliveryAttempt) -> Op[None]:
    delivery = yield from deliveries.get(parcel.delivery_id, lock=True)
    assert delivery is not None
    yield from deliveries.add_attempt(parcel.delivery_id, made)
    now, state, next_at = ctx.now(), DeliveryState.DELIVERED, None
    policy = (hooks.batch_forms[parcel.format].policy if parcel.batch_id else None) or hooks.policy
    if not policy.taken(made.http_status):
        gap = policy.gap_after(delivery.attempt + 1, made.http_status, _roll())
        state = DeliveryState.FAILED if gap is None else DeliveryState.PENDING
        next_at = None if gap is None else now + timedelta(seconds=gap)
    yield from deliveries.settle(parcel, state, next_at, now)


def _roll() -> float:
    """From [-1, 1], as the jitter wants it."""
    return secrets.randbelow(2_000_001) / 1_000_000 - 1


async def _until_due(ctx: Context, hooks: Webhooks) -> float:
    """Seconds until the next delivery is due, at most `idle`."""
    due = await ctx.store.read(lambda: deliveries.next_due(ctx.now()))
    idle = hooks.idle.total_seconds()
    return idle if due is None else max(0.001, min(idle, (due - ctx.now()).total_seconds()))
