"""What a run's steps made on the way: the text of its pages so far, categories, extracted data. Never document bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from docmill.blobs import BlobNotFound
from docmill.domain.models import JsonObject, Run, RunPage
from docmill.engine.context import Context
from docmill.extract.outcome import outcome_from_json
from docmill.ocr.codec import page_from_json
from docmill.store import jobs

MAX_TEXT = 2 * 1024 * 1024
"""Characters of all pages together; `GetPage` has the rest."""
MAX_PAGES = 1000
_FETCHES = 16  # pages at the same time


async def get_artifacts(ctx: Context, run: Run) -> JsonObject:
    """An object for each step that made something, by id of the step. Empty before the run's pages are known.

    Its `type` says the rest: `parse` has pageCount and pages: [{pageNumber, text}], with truncated: true where not all
    is there; `categorize` has category and confidence; `extract` has data; `split` has documents: [{type, pages}]; `chunk` has
    chunks. Steps of inner flows are named by the way to them: `kind/invoice/fields`, `each/0/fields` for the first document.
    """
    if run.pages_total is None:
        return {}
    recipe = await ctx.store.read(lambda: ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version))
    assert recipe is not None  # versions are never deleted
    return {recipe.read_step_id: await _read(ctx, run), **(await _made(ctx, run))}


async def _read(ctx: Context, run: Run) -> JsonObject:
    """What reading made so far."""
    pages = await ctx.store.read(lambda: jobs.pages(run.id, 0, MAX_PAGES))
    read = [page for page in pages if page.page_key]
    shown: list[JsonObject] = []
    left = MAX_TEXT
    for start in range(0, len(read), _FETCHES):
        for page, text in await _texts(ctx, read[start : start + _FETCHES]):
            shown.append({"pageNumber": page.number, "text": text[:left]})
            left -= len(text)
        if left <= 0:
            break
    whole = left >= 0 and len(shown) == run.pages_done
    parse: dict[str, Any] = {"type": "parse", "pageCount": run.pages_done, "pages": shown}
    return parse if whole else parse | {"truncated": True}


async def _texts(ctx: Context, pages: Sequence[RunPage]) -> list[tuple[RunPage, str]]:
    """The pages whose text is still kept, with it."""
    texts = await asyncio.gather(*(_text(ctx, page.page_key) for page in pages))
    return [(page, text) for page, text in zip(pages, texts, strict=True) if text is not None]


async def _text(ctx: Context, key: str) -> str | None:
    try:
        stored = await ctx.blobs.get(key)
    except BlobNotFound:
        return None
    page = await asyncio.to_thread(page_from_json, stored)  # a dense page takes a while
    return "\n".join(line.text for line in page.lines)


async def _made(ctx: Context, run: Run) -> JsonObject:
    """What the steps after the pages made, once the run succeeded."""
    if not run.output_key:
        return {}
    try:
        stored = await ctx.blobs.get(run.output_key)
    except BlobNotFound:
        return {}
    outcome = await asyncio.to_thread(outcome_from_json, stored)
    return dict(outcome.artifacts)
