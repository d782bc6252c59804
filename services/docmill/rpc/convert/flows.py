"""Flows, and the run requests that name them."""

from __future__ import annotations

from typing import Any

from docmill.domain.flow_specs import FlowSpec, parse_flow
from docmill.domain.models import Flow, FlowVersion, JsonObject, Priority
from docmill.engine import Estimate, EstimateRequest, Listing, RunRequest, WebhookRequest
from docmill.rpc.convert.common import from_struct, to_struct, to_timestamp
from docmill.v1 import flows_pb2

__all__ = [
    "from_create_flow",
    "from_estimate_run",
    "from_run_flow",
    "page_size",
    "to_estimate",
    "to_flow",
    "to_flow_summary",
    "to_flows",
]

MAX_METADATA = 16 * 1024
MAX_VARIABLES = 256 * 1024
MAX_DEFINITION = 1024 * 1024
DEFAULT_PAGE_SIZE = 50

_PRIORITIES = {
    flows_pb2.PRIORITY_UNSPECIFIED: Priority.STANDARD,
    flows_pb2.PRIORITY_INTERACTIVE: Priority.INTERACTIVE,
    flows_pb2.PRIORITY_STANDARD: Priority.STANDARD,
    flows_pb2.PRIORITY_BULK: Priority.BULK,
}


def page_size(asked: int) -> int:
    """How many items a list shows: what was asked for, or the default."""
    return asked or DEFAULT_PAGE_SIZE


def to_flows(listing: Listing[Flow], request: flows_pb2.ListFlowsRequest) -> flows_pb2.ListFlowsResponse:
    """Answer to ListFlows."""
    return flows_pb2.ListFlowsResponse(
        flows=[to_flow_summary(flow) for flow in listing.items],
        total=listing.total,
        page_size=page_size(request.page_size),
        offset=request.offset,
        next_page_token=listing.next_page_token,
    )


def to_flow_summary(flow: Flow) -> flows_pb2.FlowSummary:
    """A flow at its current version."""
    current = flow.current
    return flows_pb2.FlowSummary(
        id=flow.id,
        name=current.name,
        description=current.description,
        version=current.version,
        created_at=to_timestamp(min(version.created_at for version in flow.versions)),
        updated_at=to_timestamp(current.created_at),
        input_schema=to_struct(current.input_schema),
    )


def to_flow(flow: Flow, version: FlowVersion) -> flows_pb2.Flow:
    """One version of a flow."""
    return flows_pb2.Flow(
        id=flow.id,
        name=version.name,
        description=version.description,
        version=version.version,
        versions=[each.version for each in flow.versions],
        created_at=to_timestamp(min(each.created_at for each in flow.versions)),
        updated_at=to_timestamp(version.created_at),
        schema=flows_pb2.FlowSchema(
            input=to_struct(input_schema(version.input_schema)), output=to_struct(version.output_schema)
        ),
        input_schema=to_struct(version.input_schema),
        config=flows_pb2.FlowConfig(
            supported_formats=version.limits.supported_formats,
            max_file_size_mb=version.limits.max_file_size_mb,
            max_pages=version.limits.max_pages,
            estimated_credits_per_page=version.limits.estimated_credits_per_page,
        ),
        definition=to_struct(version.definition),
        hidden=version.hidden,
    )


def input_schema(variables: JsonObject) -> dict[str, Any]:
    """JSON Schema of `input` in a run request, for a flow whose variables have the schema `variables`."""
    document = {
        "type": "object",
        "required": ["base64"],
        "properties": {
            "base64": {"type": "string", "contentEncoding": "base64"},
            "filename": {"type": "string", "maxLength": 255},
            "mimeType": {"type": "string", "maxLength": 127},
        },
    }
    required = ["document", "variables"] if variables.get("required") else ["document"]
    properties = {"document": document, "variables": dict(variables) or {"type": "object"}}
    return {"type": "object", "required": required, "properties": properties}


def from_create_flow(request: flows_pb2.CreateFlowRequest) -> FlowSpec:
    """A flow version to create: the request in the shape of a flow file, checked as one."""
    config = request.config
    return parse_flow(
        {
            "id": request.id,
            "version": request.version,
            "name": request.name,
            "description": request.description,
            "hidden": request.hidden,
            "inputSchema": from_struct(request.input_schema, "input_schema", max_bytes=MAX_VARIABLES),
            "outputSchema": from_struct(request.output_schema, "output_schema", max_bytes=MAX_VARIABLES),
            "config": {
                "supportedFormats": list(config.supported_formats),
                "maxFileSizeMB": config.max_file_size_mb,
                "maxPages": config.max_pages,
                "estimatedCreditsPerPage": config.estimated_credits_per_page,
            },
            "definition": from_struct(request.definition, "definition", max_bytes=MAX_DEFINITION),
        }
    )


def from_run_flow(request: flows_pb2.RunFlowRequest, *, trace_id: str = "") -> RunRequest:
    """A run to start. That it has a source and a known priority is checked by the contract's rules."""
    source = request.input
    inline = source.document if source.HasField("document") else None
    return RunRequest(
        flow_id=request.flow_id,
        version=request.version,
        document_id=source.document_id,
        content=inline.base64 if inline else None,
        filename=inline.filename if inline else "",
        declared_type=inline.mime_type if inline else "",
        variables=from_struct(source.variables, "input.variables", max_bytes=MAX_VARIABLES),
        metadata=from_struct(request.metadata, "metadata", max_bytes=MAX_METADATA),
        labels=dict(request.labels),
        idempotency_key=request.idempotency_key,
        webhook=_webhook(request),
        priority=_PRIORITIES[request.priority],
        timeout_s=_seconds(request),
        trace_id=trace_id,
    )


def from_estimate_run(request: flows_pb2.EstimateRunRequest) -> EstimateRequest:
    """A run to estimate."""
    return EstimateRequest(
        flow_id=request.flow_id, version=request.version, document_id=request.document_id, pages=request.page_count
    )


def to_estimate(estimate: Estimate) -> flows_pb2.Estimate:
    """What a run would cost."""
    return flows_pb2.Estimate(
        flow_id=estimate.flow_id,
        version=estimate.version,
        page_count=estimate.pages,
        credits=estimate.credits,
        available=estimate.available,
        sufficient=estimate.sufficient,
    )


def _webhook(request: flows_pb2.RunFlowRequest) -> WebhookRequest | None:
    if not request.webhook_url:
        return None
    return WebhookRequest(
        url=request.webhook_url,
        secret=request.webhook_secret,
        format=request.webhook_format,
        on_cancel=request.webhook_on_cancel,
    )


def _seconds(request: flows_pb2.RunFlowRequest) -> float | None:
    return request.time_limit.ToTimedelta().total_seconds() if request.HasField("time_limit") else None
