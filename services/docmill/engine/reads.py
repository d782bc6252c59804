"""Look at runs: one, many, their pages, their output."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from docmill.blobs import BlobNotFound
from docmill.domain.errors import NotFound, Reason
from docmill.domain.messages import StepFacts
from docmill.domain.models import Caller, EventKind, Run, RunPage
from docmill.domain.pages import Page
from docmill.engine import page_tokens
from docmill.engine.context import Context
from docmill.engine.requests import Listing, RunFilter, RunOutput
from docmill.extract.outcome import outcome_from_json
from docmill.ocr.codec import page_from_json
from docmill.store import Op, jobs, line, runs


async def get_run(ctx: Context, caller: Caller, run_id: str) -> Run:
    """The caller's run, with its place in the line if it waits."""

    def op() -> Op[Run]:
        return (yield from line.placed(owned((yield from runs.get(run_id)), caller, run_id)))

    return await ctx.store.read(op)


def owned(run: Run | None, caller: Caller, run_id: str) -> Run:
    """`run` if it is the caller's; another tenant's does not exist."""
    if run is None or (run.org_id, run.mode) != (caller.org_id, caller.mode):
        raise NotFound(Reason.RUN_NOT_FOUND, f"There is no run {run_id}", {"field": "run_id"})
    return run


async def get_output(ctx: Context, run: Run) -> RunOutput:
    """What the run made; nothing for a run that did not succeed."""
    return await output_at(ctx, run.output_key)


async def output_at(ctx: Context, key: str) -> RunOutput:
    """The output under a key; nothing for the empty one."""
    if not key:
        return RunOutput()
    try:
        stored = await ctx.blobs.get(key)
    except BlobNotFound:
        return RunOutput(warnings=["The output is no longer kept"])
    # A long document's output takes a good part of a second to parse: not on the loop that serves others.
    outcome = await asyncio.to_thread(outcome_from_json, stored)
    return RunOutput(output=outcome.output, evidence=outcome.evidence, warnings=outcome.warnings)


async def get_steps(ctx: Context, run: Run) -> Sequence[StepFacts]:
    """What the steps that have ended took, in order; reading counts from when its pages were known and let in."""
    kinds = {EventKind.RUN_PLANNED, EventKind.STEP_DONE}
    began: datetime | None = None
    steps = []
    for event in await ctx.store.read(lambda: runs.events_of(run.id, kinds)):
        if event.kind is EventKind.RUN_PLANNED:
            began = max(event.at, run.admitted_at or event.at)
            continue
        known = event.payload.get("durationMs")
        took = known if known is not None else round((event.at - (began or event.at)).total_seconds() * 1000)
        steps.append(
            StepFacts(
                step_id=event.payload["step"],
                node_type=event.payload["nodeType"],
                duration_ms=max(0, took),
                input_tokens=event.payload.get("tokens", 0),  # the record has the sum of both only
            )
        )
    return steps


async def list_runs(ctx: Context, caller: Caller, filter_: RunFilter, *, limit: int, page_token: str) -> Listing[Run]:
    """Runs that match, newest first."""
    query = runs.RunQuery(
        org_id=caller.org_id,
        mode=caller.mode,
        states=filter_.states,
        flow_id=filter_.flow_id,
        created_after=filter_.created_after,
        created_before=filter_.created_before,
        label=filter_.label,
        before=page_tokens.decode_position(page_token) if page_token else None,
    )

    def both() -> Op[tuple[list[Run], int]]:
        found = yield from runs.find(query, limit + 1)
        total = yield from runs.count(query)
        return list((yield from line.all_placed(found))), total

    found, total = await ctx.store.read(both)
    items = found[:limit]
    more = len(found) > limit
    token = page_tokens.encode_position(items[-1].created_at, items[-1].id) if more else ""
    return Listing(items=items, total=total, next_page_token=token)


async def list_pages(ctx: Context, caller: Caller, run_id: str, *, limit: int, page_token: str) -> Listing[RunPage]:
    """The run's pages in order; none before the document is probed and the run let in."""
    run = await get_run(ctx, caller, run_id)
    after = _page_number(page_tokens.decode(page_token, 1)[0]) if page_token else 0
    items = await ctx.store.read(lambda: jobs.pages(run_id, after, limit + 1))
    more = len(items) > limit
    items = items[:limit]
    return Listing(
        items=items,
        total=run.pages_total or 0,
        next_page_token=page_tokens.encode(str(items[-1].number)) if more else "",
    )


def _page_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 6:  # no document has a million pages
        raise page_tokens.refused()
    return int(text)


async def get_page(ctx: Context, caller: Caller, run_id: str, number: int) -> tuple[RunPage, Page | None]:
    """A page's progress, and its text once it is read."""
    await get_run(ctx, caller, run_id)
    found = await ctx.store.read(lambda: jobs.pages(run_id, number - 1, 1))
    if not found or found[0].number != number:
        raise NotFound(Reason.PAGE_NOT_FOUND, f"Run {run_id} has no page {number}", {"field": "page_number"})
    page = found[0]
    if not page.page_key:
        return page, None
    try:
        stored = await ctx.blobs.get(page.page_key)
    except BlobNotFound:
        return page, None
    return page, await asyncio.to_thread(page_from_json, stored)  # a dense page takes a while
