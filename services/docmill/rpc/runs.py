# ruff: noqa: N802, ARG002  # names and arguments of the methods are the contract's
"""RunService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from google.api import httpbody_pb2  # type: ignore[import-untyped]  # its package has no py.typed

from docmill.domain.states import RunState
from docmill.engine import Engine
from docmill.rpc.context import Context, caller
from docmill.rpc.convert.common import to_struct
from docmill.rpc.convert.documents import to_page
from docmill.rpc.convert.flows import page_size
from docmill.rpc.convert.runs import add_output, from_filter, to_run, to_steps, to_watched
from docmill.v1 import runs_pb2, runs_pb2_grpc

__all__ = ["RunService"]


class RunService(runs_pb2_grpc.RunServiceServicer):
    """Shows, follows and cancels runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def GetRun(self, request: runs_pb2.GetRunRequest, context: Context) -> runs_pb2.GetRunResponse:
        """A run, with its output once it succeeded."""
        run = await self._engine.get_run(caller(), request.run_id)
        message = to_run(run)
        if request.include_step_metrics and run.ended_at:
            message.metrics.steps.extend(to_steps(await self._engine.get_steps(caller(), run)))
        if request.include_artifacts:
            made = await self._engine.get_artifacts(caller(), run)
            message.artifacts.CopyFrom(await asyncio.to_thread(to_struct, made))  # text of many pages
        if run.state is RunState.SUCCEEDED:
            output = await self._engine.get_output(caller(), run)
            form = {"as_json": request.output_as_json, "evidence": request.include_evidence}
            # A long document's output takes a good part of a second to convert: not on the loop that serves others.
            await asyncio.to_thread(add_output, message, output, **form)
        return runs_pb2.GetRunResponse(run=message)

    async def ListRuns(self, request: runs_pb2.ListRunsRequest, context: Context) -> runs_pb2.ListRunsResponse:
        """The caller's runs."""
        runs = await self._engine.list_runs(
            caller(), from_filter(request.filter), limit=page_size(request.page_size), page_token=request.page_token
        )
        return runs_pb2.ListRunsResponse(
            runs=[to_run(run) for run in runs.items], total=runs.total, next_page_token=runs.next_page_token
        )

    async def CancelRun(self, request: runs_pb2.CancelRunRequest, context: Context) -> runs_pb2.CancelRunResponse:
        """A run that is to end now."""
        run = await self._engine.cancel_run(caller(), request.run_id)
        return runs_pb2.CancelRunResponse(run=to_run(run))

    async def WatchRun(
        self, request: runs_pb2.WatchRunRequest, context: Context
    ) -> AsyncIterator[runs_pb2.WatchRunResponse]:
        """A run's events, as they are recorded."""
        shown = request.after_sequence
        async for item in self._engine.watch_run(caller(), request.run_id, shown):
            message = to_watched(item, shown)
            shown = message.sequence
            yield message

    async def ListPages(self, request: runs_pb2.ListPagesRequest, context: Context) -> runs_pb2.ListPagesResponse:
        """A run's pages, without their text."""
        pages = await self._engine.list_pages(
            caller(), request.run_id, limit=page_size(request.page_size), page_token=request.page_token
        )
        return runs_pb2.ListPagesResponse(
            pages=[to_page(page) for page in pages.items], total=pages.total, next_page_token=pages.next_page_token
        )

    async def GetPage(self, request: runs_pb2.GetPageRequest, context: Context) -> runs_pb2.GetPageResponse:
        """One page, with its text once it was read."""
        page, text = await self._engine.get_page(caller(), request.run_id, request.page_number)
        return runs_pb2.GetPageResponse(page=to_page(page, text))

    async def GetPageImage(
        self, request: runs_pb2.GetPageImageRequest, context: Context
    ) -> AsyncIterator[runs_pb2.GetPageImageResponse]:
        """A page's picture, in pieces."""
        content_type = "image/png"
        async for piece in self._engine.page_image(caller(), request.run_id, request.page_number, request.max_side):
            yield runs_pb2.GetPageImageResponse(image=httpbody_pb2.HttpBody(content_type=content_type, data=piece))
            content_type = ""  # the first piece has said it
