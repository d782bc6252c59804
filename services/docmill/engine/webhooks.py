"""Webhooks as their owners meet them: asked for with a run, looked at, sent again."""

from __future__ import annotations

from collections.abc import Sequence

from docmill.domain.deliveries import Delivery, Webhook
from docmill.domain.errors import InvalidArgument, NotFound, Reason
from docmill.domain.models import Caller
from docmill.engine import batches, reads
from docmill.engine.context import Context
from docmill.engine.notices import Webhooks
from docmill.engine.requests import WebhookRequest
from docmill.store import Op, accounts, deliveries, runs
from docmill.store import batches as record
from docmill.webhooks import TargetRefused


def check(ctx: Context, wanted: WebhookRequest | None, *, of_batch: bool = False) -> None:
    """Raise InvalidArgument for a webhook that can never be sent."""
    if wanted is None:
        return
    hooks = _offered(ctx)
    try:
        hooks.sender.check(wanted.url)
    except TargetRefused as error:
        raise _invalid("webhookUrl", f"No webhook can go there: {error}") from None
    if wanted.format not in (hooks.batch_forms if of_batch else hooks.forms):
        raise _invalid("webhookFormat", f"This installation knows no webhooks in the form {wanted.format}")
    hooks.vault.seal("")


def recorded(ctx: Context, wanted: WebhookRequest | None, *, run_id: str = "", batch_id: str = "") -> Webhook | None:
    """What to record with the run, or the batch, of a request that was checked."""
    if wanted is None:
        return None
    hooks = _offered(ctx)
    target = hooks.sender.check(wanted.url)
    return Webhook(
        run_id=run_id,
        batch_id=batch_id,
        url=target.url,
        host=target.host,
        secret=hooks.vault.seal(wanted.secret) if wanted.secret else "",
        format=wanted.format,
        on_cancel=wanted.on_cancel,
    )


def subscribe(ctx: Context, org_id: str, webhook: Webhook | None) -> Op[None]:
    """Record the webhook with its run or batch; an organization older than webhooks gets its secret here."""
    if webhook is None:
        return
    yield from deliveries.subscribe(webhook)
    if not webhook.secret:
        yield from accounts.set_webhook_secret(org_id, _offered(ctx).vault.new_secret(), only_if_none=True)


async def list_deliveries(ctx: Context, caller: Caller, run_id: str, batch_id: str = "") -> Sequence[Delivery]:
    """The deliveries of the caller's run, or batch, with their attempts, oldest first."""
    return await ctx.store.read(lambda: _deliveries(caller, run_id, batch_id))


async def redeliver(ctx: Context, caller: Caller, run_id: str, batch_id: str, delivery_id: str) -> Delivery:
    """Send a delivery again from its first attempt on, under its id."""
    again = await ctx.store.write(lambda: _redeliver(ctx, caller, run_id, batch_id, delivery_id))
    ctx.mail.set()
    return again


def _deliveries(caller: Caller, run_id: str, batch_id: str) -> Op[Sequence[Delivery]]:
    if bool(run_id) == bool(batch_id):
        raise InvalidArgument(Reason.FIELD_MISSING, "Name either a run or a batch", {"field": "run_id"})
    if batch_id:
        batches.owned((yield from record.get(batch_id)), caller, batch_id)
        return (yield from deliveries.of_batch(batch_id))
    reads.owned((yield from runs.get(run_id)), caller, run_id)
    return (yield from deliveries.of_run(run_id))


def _redeliver(ctx: Context, caller: Caller, run_id: str, batch_id: str, delivery_id: str) -> Op[Delivery]:
    found = yield from _deliveries(caller, run_id, batch_id)
    if delivery_id not in {delivery.id for delivery in found}:
        whose = f"Run {run_id}" if run_id else f"Batch {batch_id}"
        raise NotFound(Reason.DELIVERY_NOT_FOUND, f"{whose} has no delivery {delivery_id}", {"field": "delivery_id"})
    yield from deliveries.get(delivery_id, lock=True)
    yield from deliveries.restart(delivery_id, ctx.now())
    found = yield from _deliveries(caller, run_id, batch_id)
    (again,) = [each for each in found if each.id == delivery_id]
    return again


def _offered(ctx: Context) -> Webhooks:
    if ctx.webhooks is None:
        raise _invalid("webhookUrl", "This installation sends no webhooks")
    return ctx.webhooks


def _invalid(name: str, message: str) -> InvalidArgument:
    return InvalidArgument(Reason.FIELD_INVALID, message, {"field": name})
