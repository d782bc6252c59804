"""Accept a run: everything that can be known is checked before anything is created."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta

from docmill.domain import plan as planning
from docmill.domain.deliveries import Webhook
from docmill.domain.errors import Fault, InvalidArgument, MediaError, Reason
from docmill.domain.models import Caller, Document, EventKind, JsonObject, Mode, Run
from docmill.domain.states import ProbeState, RunState
from docmill.engine import advance, flows, ids, upload, webhooks
from docmill.engine.catalog import Recipe
from docmill.engine.context import Context
from docmill.engine.notify import wait
from docmill.engine.requests import RunRequest
from docmill.extract.validate import check_variables
from docmill.store import Op, documents, ledger, runs
from docmill.store.runs import NewEvent

_METADATA_BYTES = 16 * 1024
_METADATA_DEPTH = 5


async def run_flow(ctx: Context, caller: Caller, request: RunRequest) -> Run:
    """The accepted run. Raises NotFound for the flow, InvalidArgument for variables, MediaError for the document."""
    recipe = await flows.get_recipe(ctx, caller, request.flow_id, request.version)
    check_variables(recipe.version.input_schema, request.variables)
    _check_metadata(request.metadata)
    webhooks.check(ctx, request.webhook)
    document = await _document(ctx, caller, request)
    _raise_if(planning.check_size(recipe.version, document.size))
    document = await _probed(ctx, document)
    run = _new_run(ctx, caller, request, recipe, document)
    webhook = webhooks.of_run(ctx, run, request.webhook)
    accepted = await ctx.store.write(lambda: accept(ctx, run, recipe, webhook))
    ctx.work.set()
    return accepted


async def _document(ctx: Context, caller: Caller, request: RunRequest) -> Document:
    if request.document_id:
        return await upload.get_document(ctx, caller, request.document_id)
    if request.content is None:
        raise upload.reject_missing()
    return await upload.upload_document(
        ctx,
        caller,
        filename=request.filename,
        declared_type=request.declared_type,
        chunks=upload.one_chunk(request.content),
    )


async def _probed(ctx: Context, document: Document) -> Document:
    """The document as soon as it is probed, or as it is when the wait is over."""
    if document.probe is not ProbeState.PENDING:
        return document
    deadline = ctx.now() + ctx.options.probe_wait
    with ctx.notifier.listen(document.id) as news:
        while True:  # looked at after listening began: a probe that ended before is seen here, a later one wakes us
            found = await ctx.store.read(lambda: documents.get(document.id))  # noqa: B023 - awaited at once
            document = document if found is None else found
            left = (deadline - ctx.now()).total_seconds()
            if document.probe is not ProbeState.PENDING or left <= 0:
                return document
            await wait(news, left)


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
        deadline=now + timeout,
        credits_reserved=recipe.version.limits.estimated_credits_per_page if caller.mode is Mode.LIVE else 0,
        trace_id=request.trace_id or secrets.token_hex(16),
    )


def accept(ctx: Context, run: Run, recipe: Recipe, webhook: Webhook | None = None) -> Op[Run]:
    """Record the run, and plan it if its document is probed; MediaError when the probe says no."""
    # The document is read again under lock: a probe that ends now finds the run, or the run finds the probe.
    document = yield from documents.get(run.document_id, lock=True)
    assert document is not None
    if document.probe is not ProbeState.PENDING:
        decision = planning.plan(recipe.version, document)
        if isinstance(decision, Fault):
            _raise_if(decision)
    yield from runs.insert(run)
    yield from webhooks.subscribe(ctx, run, webhook)
    if run.credits_reserved:
        yield from ledger.reserve(ids.new("led"), run, run.credits_reserved, ctx.now())
    event = NewEvent(
        kind=EventKind.RUN_ACCEPTED,
        payload={"flow": run.flow_id, "version": run.flow_version, "document": run.document_id},
    )
    accepted = yield from runs.change(run, run, [event], ctx.now())
    assert accepted is not None
    if document.probe is ProbeState.PENDING:
        return accepted
    return (yield from advance.plan_run(accepted, recipe, document, ctx.now())) or accepted


def _raise_if(fault: Fault | None) -> None:
    if fault is not None:
        raise MediaError(fault.reason, fault.message, {**fault.details, "field": "input.document"})


def _check_metadata(metadata: JsonObject) -> None:
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
