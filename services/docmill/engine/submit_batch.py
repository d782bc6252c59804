"""Accept a batch: one transaction for its runs, their credits and their documents of the month. All or nothing.

A document that cannot be read is no reason to refuse the others: its run fails, and the results say so in its place.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from docmill.domain import plan as planning
from docmill.domain.batches import Batch, BatchEventKind
from docmill.domain.deliveries import Webhook
from docmill.domain.errors import AlreadyExists, Fault, InvalidArgument, MediaError, NotFound, PaymentRequired, Reason
from docmill.domain.models import Caller, Document, Priority, Run
from docmill.domain.states import BatchState, ProbeState, RunState
from docmill.engine import (
    admission,
    advance,
    batches,
    billing,
    flows,
    idempotency,
    ids,
    quota,
    submit,
    upload,
    webhooks,
)
from docmill.engine.catalog import Recipe
from docmill.engine.context import Context
from docmill.engine.requests import BatchRequest, BatchView
from docmill.extract.validate import check_variables
from docmill.store import Op, documents, runs
from docmill.store import batches as record
from docmill.store.batches import Claim, NewBatchEvent


async def create_batch(ctx: Context, caller: Caller, request: BatchRequest) -> BatchView:
    """The accepted batch, or the one that the request's idempotency key made before.

    Raises PaymentRequired where the plan has no batches and for credits, NotFound for the flow or a document,
    InvalidArgument, MediaError for a document that is larger than the flow takes, QuotaExhausted, LimitReached, and
    AlreadyExists for a key that came with another request. A refused request leaves nothing behind.
    """
    _check_count(ctx, caller, len(request.document_ids))
    recipe = await flows.get_recipe(ctx, caller, request.flow_id, request.version)
    found = await ctx.store.read(lambda: _named(caller, request.document_ids))
    claim = _claim(ctx, request, found)
    if claim is not None:
        known = await ctx.store.read(lambda: _first(ctx, caller, claim))
        if known is not None:
            return known
    check_variables(recipe.version.input_schema, request.variables)
    submit.check_metadata(request.metadata)
    webhooks.check(ctx, request.webhook, of_batch=True)
    for index, document in enumerate(found):
        _raise_if(planning.check_size(recipe.version, document.size), index, document)
    batch = _new_batch(ctx, caller, request, recipe)
    made = [_new_run(ctx, caller, request, recipe, batch, document) for document in found]
    webhook = webhooks.recorded(ctx, request.webhook, batch_id=batch.id)
    accepted = await ctx.store.write(lambda: accept(ctx, caller, batch, made, recipe, claim, webhook))
    ctx.work.set()
    ctx.agenda.note(accepted.batch.id)
    return accepted


def _check_count(ctx: Context, caller: Caller, count: int) -> None:
    plan = ctx.plans.get(caller.plan_id)
    most = plan.files_per_batch
    if most is None:
        message = f"Plan {plan.id} has no batches; send the documents one by one, or take another plan"
        raise PaymentRequired(Reason.PLAN_FEATURE_MISSING, message, {"feature": "batch", "plan": plan.id})
    if not count:
        raise InvalidArgument(Reason.FIELD_MISSING, "A batch needs documents", {"field": "document_ids"})
    if count > most:
        message = f"A batch has at most {most} files; these are {count}"
        raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "document_ids", "limit": str(most)})


def _named(caller: Caller, document_ids: Sequence[str]) -> Op[list[Document]]:
    found = []
    for index, document_id in enumerate(document_ids):
        try:
            found.append(upload.owned((yield from documents.get(document_id)), caller, document_id))
        except NotFound as error:
            raise _absent(document_id, index) from error
    return found


def _absent(document_id: str, index: int) -> NotFound:
    return NotFound(
        Reason.DOCUMENT_NOT_FOUND, f"There is no document {document_id}", {"field": f"document_ids[{index}]"}
    )


def _raise_if(fault: Fault | None, index: int, document: Document) -> None:
    if fault is not None:
        details = {**fault.details, "field": f"document_ids[{index}]", "filename": document.filename}
        raise MediaError(fault.reason, f"File {index + 1} ({document.filename}): {fault.message}", details)


def _claim(ctx: Context, request: BatchRequest, found: Sequence[Document]) -> Claim | None:
    """The same request: flow and version as asked for, documents by their bytes in order, variables."""
    if not request.idempotency_key:
        return None
    version = "" if request.version == "latest" else request.version
    facts = [request.flow_id, version, [document.sha256 for document in found], request.variables]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return Claim(key=request.idempotency_key, request_sha256=digest, since=ctx.now() - idempotency.WINDOW)


def _first(ctx: Context, caller: Caller, claim: Claim) -> Op[BatchView | None]:
    """The batch that the key made, if it did. AlreadyExists when it made one for another request."""
    bound = yield from record.find_by_key(caller.org_id, caller.mode, claim)
    if bound is None:
        return None
    batch, digest = bound
    if digest != claim.request_sha256:
        raise AlreadyExists(
            Reason.IDEMPOTENCY_CONFLICT,
            f"The idempotency key came before, with another request: it made {batch.id}. Take a new key",
            {"batchId": batch.id, "field": "idempotency_key"},
        )
    return (yield from batches.seen(ctx, batch))


def _new_batch(ctx: Context, caller: Caller, request: BatchRequest, recipe: Recipe) -> Batch:
    return Batch(
        id=str(uuid4()),  # the one id that is a UUID: so the surface that knows batches shows them
        org_id=caller.org_id,
        mode=caller.mode,
        flow_id=recipe.version.flow_id,
        flow_version=recipe.version.version,
        state=BatchState.QUEUED,
        files_total=len(request.document_ids),
        metadata=request.metadata,
        created_at=ctx.now(),
        trace_id=request.trace_id or secrets.token_hex(16),
    )


def _new_run(
    ctx: Context, caller: Caller, request: BatchRequest, recipe: Recipe, batch: Batch, document: Document
) -> Run:
    return Run(
        id=ids.new("run"),
        org_id=batch.org_id,
        mode=batch.mode,
        flow_id=batch.flow_id,
        flow_version=batch.flow_version,
        document_id=document.id,
        state=RunState.QUEUED,
        priority=Priority.BULK,
        variables=request.variables,
        created_at=batch.created_at,
        admitted_at=admission.at_once(ctx, caller.plan_id, caller.mode, batch.created_at),
        deadline=batch.created_at + ctx.options.run_timeout,
        credits_reserved=billing.price_of_page(ctx, caller, recipe.version),
        documents_reserved=quota.documents_of_run(ctx, caller),
        steps_total=recipe.steps_total,
        trace_id=batch.trace_id,
        batch_id=batch.id,
    )


def accept(
    ctx: Context,
    caller: Caller,
    batch: Batch,
    made: Sequence[Run],
    recipe: Recipe,
    claim: Claim | None = None,
    webhook: Webhook | None = None,
) -> Op[BatchView]:
    """Record the batch and its runs, which have the price of one page reserved each; or the batch that was first."""
    now = batch.created_at
    if not (yield from record.insert(batch, claim)):
        assert claim is not None
        first = yield from _first(ctx, caller, claim)
        assert first is not None
        return first
    # Documents first: whoever holds one (a probe that ends now) then waits for no quota and no account of ours.
    taken = yield from _taken(made)
    held = [_priced(run, recipe, taken[run.document_id]) for run in made]
    for run in held:
        yield from runs.insert(run)
    yield from record.add_files(batch.id, [run.id for run in held])
    yield from webhooks.subscribe(ctx, batch.org_id, webhook)
    yield from quota.hold(ctx, held)
    yield from billing.hold_all(held, now)
    for run in held:
        accepted = yield from submit.accepted_event(run, now)
        document = taken[run.document_id]
        if document.probe is not ProbeState.PENDING:
            pages = len(document.pages) or 1
            yield from advance.plan_run(accepted, recipe, document, now, held_pages=pages)
    event = NewBatchEvent(kind=BatchEventKind.BATCH_ACCEPTED, payload={"progress": {"filesTotal": batch.files_total}})
    recorded = yield from record.change(batch, batch, [event], [], now)
    assert recorded is not None
    if held[0].admitted_at is None:
        yield from admission.enter_line(ctx, batch.org_id, batch.mode)
    return (yield from batches.seen(ctx, recorded))


def _taken(made: Sequence[Run]) -> Op[dict[str, Document]]:
    """The documents under lock, in one order for everybody: probes that end now find the runs, or the runs the probes."""
    places = {run.document_id: index for index, run in reversed(list(enumerate(made)))}
    taken = {}
    for document_id in sorted(places):
        document = yield from documents.take(document_id)
        if document is None:
            raise _absent(document_id, places[document_id])
        taken[document_id] = document
    return taken


def _priced(run: Run, recipe: Recipe, document: Document) -> Run:
    """The run with all its pages reserved, where they are known; what cannot be read costs one page until it fails."""
    if document.probe is ProbeState.PENDING or isinstance(planning.plan(recipe.version, document), Fault):
        return run
    return replace(run, credits_reserved=run.credits_reserved * len(document.pages))
