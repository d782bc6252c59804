"""Accept a run: everything that can be known is checked before anything is created."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from docmill.domain import plan as planning
from docmill.domain.deliveries import Webhook
from docmill.domain.errors import Fault, InvalidArgument, MediaError, Reason
from docmill.domain.models import Caller, Document, EventKind, JsonObject, Run
from docmill.domain.states import ProbeState, RunState
from docmill.engine import admission, advance, billing, delete, flows, idempotency, ids, quota, upload, webhooks
from docmill.engine.catalog import Recipe
from docmill.engine.context import Context
from docmill.engine.idempotency import Claim
from docmill.engine.probing import probed
from docmill.engine.requests import RunRequest
from docmill.extract.validate import check_variables
from docmill.store import Op, documents, runs
from docmill.store.runs import NewEvent

_METADATA_BYTES = 16 * 1024
_METADATA_DEPTH = 5


async def run_flow(ctx: Context, caller: Caller, request: RunRequest) -> Run:
    """The accepted run, or the one that the request's idempotency key made before.

    Raises NotFound for the flow, InvalidArgument for variables, MediaError for the document, PaymentRequired for
    credits, AlreadyExists for a key that came with another request. A refused request leaves nothing behind.
    """
    recipe = await flows.get_recipe(ctx, caller, request.flow_id, request.version)
    named = await _named(ctx, caller, request)
    claim = idempotency.claim_of(caller, request, named.sha256 if named else await _sha256(request))
    if claim is not None:
        known = await ctx.store.read(lambda: idempotency.find(claim, ctx.now()))
        if known is not None:
            return known
    check_variables(recipe.version.input_schema, request.variables)
    check_metadata(request.metadata)
    webhooks.check(ctx, request.webhook)
    _raise_if(planning.check_size(recipe.version, named.size if named else len(request.content or b"")))
    if named is not None:
        return await _accepted(ctx, caller, request, recipe, named, claim)
    document = await _uploaded(ctx, caller, request)
    accepted = None
    try:
        accepted = await _accepted(ctx, caller, request, recipe, document, claim)
    finally:
        if accepted is None or accepted.document_id != document.id:
            await delete.discard(ctx, document)
    return accepted


async def _named(ctx: Context, caller: Caller, request: RunRequest) -> Document | None:
    """The uploaded document that the request names; None when it brings its own."""
    if request.document_id:
        return await upload.get_document(ctx, caller, request.document_id)
    if request.content is None:
        raise upload.reject_missing()
    return None


async def _sha256(request: RunRequest) -> str:
    """Of the request's own document, where it counts."""
    if not request.idempotency_key:
        return ""
    digest = await asyncio.to_thread(hashlib.sha256, request.content or b"")  # 64 MiB take a while
    return digest.hexdigest()


async def _uploaded(ctx: Context, caller: Caller, request: RunRequest) -> Document:
    return await upload.upload_document(
        ctx,
        caller,
        filename=request.filename,
        declared_type=request.declared_type,
        chunks=upload.one_chunk(request.content or b""),
        limit=await upload.limit_of(ctx, caller, "", ""),
    )


async def _accepted(
    ctx: Context, caller: Caller, request: RunRequest, recipe: Recipe, document: Document, claim: Claim | None
) -> Run:
    document = await probed(ctx, document)
    run = _new_run(ctx, caller, request, recipe, document)
    webhook = webhooks.recorded(ctx, request.webhook, run_id=run.id)
    accepted = await ctx.store.write(lambda: accept(ctx, run, recipe, claim, webhook))
    ctx.work.set()
    return accepted


def _new_run(ctx: Context, caller: Caller, request: RunRequest, recipe: Recipe, document: Document) -> Run:
    now = ctx.now()
    timeout = timedelta(seconds=request.timeout_s) if request.timeout_s else ctx.options.run_timeout
    return Run(
        id=ids.new("run"),
        org_id=caller.org_id,
        mode=caller.mode,
        flow_id=recipe.version.flow_id,
        flow_version=recipe.version.version,
        document_id=document.id,
        state=RunState.QUEUED,
        priority=request.priority,
        variables=request.variables,
        metadata=request.metadata,
        labels=request.labels,
        created_at=now,
        admitted_at=admission.at_once(ctx, caller.plan_id, caller.mode, now),
        deadline=now + timeout,
        credits_reserved=billing.price_of_page(ctx, caller, recipe.version),
        documents_reserved=quota.documents_of_run(ctx, caller),
        steps_total=recipe.steps_total,
        trace_id=request.trace_id or secrets.token_hex(16),
    )


def accept(
    ctx: Context, run: Run, recipe: Recipe, claim: Claim | None = None, webhook: Webhook | None = None
) -> Op[Run]:
    """Record the run, which has the price of one page reserved, plan it if its document is probed, let it in or have it wait.

    The run that was first under the claimed key, if one was. MediaError when the probe says no, PaymentRequired when
    the credits do not reach, LimitReached when too many wait.
    """
    now = ctx.now()
    if claim is not None:
        first = yield from idempotency.bind(claim, run.id, now)
        if first is not None:
            return first
    # The document is read again under lock: a probe that ends now finds the run, or the run finds the probe.
    document = yield from documents.take(run.document_id)
    if document is None:
        raise upload.absent(run.document_id)
    pages = _pages(recipe, document)
    run = replace(run, credits_reserved=run.credits_reserved * (pages or 1))
    yield from runs.insert(run)
    yield from webhooks.subscribe(ctx, run.org_id, webhook)
    yield from quota.hold(ctx, [run])
    yield from billing.hold(run, now)
    accepted = yield from accepted_event(run, now)
    if pages is not None:
        accepted = (yield from advance.plan_run(accepted, recipe, document, now, held_pages=pages)) or accepted
    return (yield from admission.enter(ctx, accepted))


def accepted_event(run: Run, now: datetime) -> Op[Run]:
    """The recorded run with its first event."""
    event = NewEvent(
        kind=EventKind.RUN_ACCEPTED,
        payload={"flow": run.flow_id, "version": run.flow_version, "document": run.document_id},
    )
    accepted = yield from runs.change(run, run, [event], now)
    assert accepted is not None
    return accepted


def _pages(recipe: Recipe, document: Document) -> int | None:
    """The pages to read, None as long as nobody has looked at the document."""
    if document.probe is ProbeState.PENDING:
        return None
    decision = planning.plan(recipe.version, document)
    if isinstance(decision, Fault):
        raise _refused(decision)
    return decision.pages


def _refused(fault: Fault) -> MediaError:
    return MediaError(fault.reason, fault.message, {**fault.details, "field": "input.document"})


def _raise_if(fault: Fault | None) -> None:
    if fault is not None:
        raise _refused(fault)


def check_metadata(metadata: JsonObject) -> None:
    """Raise InvalidArgument for metadata that is too much to keep."""
    size = len(json.dumps(metadata).encode())
    if size > _METADATA_BYTES:
        raise InvalidArgument(
            Reason.FIELD_INVALID,
            f"metadata has {size:,} bytes as JSON; at most {_METADATA_BYTES:,} are kept",
            {"field": "metadata"},
        )
    if _depth(metadata) > _METADATA_DEPTH:
        raise InvalidArgument(
            Reason.FIELD_INVALID, f"metadata is nested deeper than {_METADATA_DEPTH} levels", {"field": "metadata"}
        )


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0
