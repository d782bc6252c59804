"""Waiting for a worker's look at a document, for a moment."""

from __future__ import annotations

from docmill.domain.models import Document
from docmill.domain.states import ProbeState
from docmill.engine.context import Context
from docmill.engine.notify import wait
from docmill.store import documents


async def probed(ctx: Context, document: Document) -> Document:
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
