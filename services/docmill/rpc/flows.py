# ruff: noqa: N802, ARG002  # names and arguments of the methods are the contract's
"""FlowService."""

from __future__ import annotations

from docmill.engine import Engine
from docmill.rpc.context import Context, caller, trace_id
from docmill.rpc.convert.flows import (
    from_create_flow,
    from_estimate_run,
    from_run_flow,
    page_size,
    to_estimate,
    to_flow,
    to_flows,
)
from docmill.rpc.convert.runs import to_run
from docmill.v1 import flows_pb2, flows_pb2_grpc

__all__ = ["FlowService"]


class FlowService(flows_pb2_grpc.FlowServiceServicer):
    """Shows and creates flows, estimates and starts their runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ListFlows(self, request: flows_pb2.ListFlowsRequest, context: Context) -> flows_pb2.ListFlowsResponse:
        """Flows the caller may use."""
        listing = await self._engine.list_flows(
            caller(),
            limit=page_size(request.page_size),
            offset=request.offset,
            page_token=request.page_token,
            include_hidden=request.include_hidden,
        )
        return to_flows(listing, request)

    async def GetFlow(self, request: flows_pb2.GetFlowRequest, context: Context) -> flows_pb2.GetFlowResponse:
        """One version of a flow."""
        flow, version = await self._engine.get_flow(caller(), request.flow_id, request.version)
        return flows_pb2.GetFlowResponse(flow=to_flow(flow, version))

    async def CreateFlow(self, request: flows_pb2.CreateFlowRequest, context: Context) -> flows_pb2.CreateFlowResponse:
        """A new flow, or a new version of one."""
        created = await self._engine.create_flow(caller(), from_create_flow(request))
        flow, version = await self._engine.get_flow(caller(), created.flow_id, created.version)
        return flows_pb2.CreateFlowResponse(flow=to_flow(flow, version))

    async def RunFlow(self, request: flows_pb2.RunFlowRequest, context: Context) -> flows_pb2.RunFlowResponse:
        """A new run."""
        run = await self._engine.run_flow(caller(), from_run_flow(request, trace_id=trace_id(context)))
        return flows_pb2.RunFlowResponse(run=to_run(run))

    async def EstimateRun(
        self, request: flows_pb2.EstimateRunRequest, context: Context
    ) -> flows_pb2.EstimateRunResponse:
        """The price of a run."""
        estimate = await self._engine.estimate_run(caller(), from_estimate_run(request))
        return flows_pb2.EstimateRunResponse(estimate=to_estimate(estimate))
