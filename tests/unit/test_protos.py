"""The contract: what every element owes its readers, and that the tables beside it know all of it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool

from buf.validate import validate_pb2
from docmill.client import FlowConfig
from docmill.domain import flow_specs
from docmill.domain.batches import BatchEventKind
from docmill.domain.models import EventKind
from docmill.domain.states import BatchState, PageState, ProbeState, RunState
from docmill.rpc.scopes import SCOPES, is_public
from docmill.v1 import (
    accounts_pb2,
    batches_pb2,
    documents_pb2,
    errors_pb2,
    flows_pb2,
    pages_pb2,
    runs_pb2,
    webhooks_pb2,
)

PROTOS = Path(__file__).parents[2] / "protos"
BUF = Path(sysconfig.get_path("scripts")) / "buf"
FILES = (documents_pb2, errors_pb2, flows_pb2, pages_pb2, runs_pb2, accounts_pb2, webhooks_pb2, batches_pb2)


def methods() -> Iterator[tuple[str, descriptor_pb2.MethodOptions]]:
    """Path and options of every RPC."""
    for module in FILES:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield f"/{service.full_name}/{method.name}", method.GetOptions()


def test_services_and_methods() -> None:
    """The API consists of these methods; another one is a decision."""
    assert [path.removeprefix("/docmill.v1.") for path, _ in methods()] == [
        "DocumentService/UploadDocument",
        "DocumentService/GetDocument",
        "DocumentService/DeleteDocument",
        "FlowService/ListFlows",
        "FlowService/GetFlow",
        "FlowService/CreateFlow",
        "FlowService/RunFlow",
        "FlowService/EstimateRun",
        "RunService/GetRun",
        "RunService/ListRuns",
        "RunService/CancelRun",
        "RunService/WatchRun",
        "RunService/ListPages",
        "RunService/GetPage",
        "RunService/GetPageImage",
        "AccountService/CheckKey",
        "AccountService/GetUsage",
        "AccountService/ListKeys",
        "AccountService/CreateKey",
        "AccountService/RevokeKey",
        "WebhookService/ListDeliveries",
        "WebhookService/Redeliver",
        "BatchService/CreateBatch",
        "BatchService/GetBatch",
        "BatchService/ListBatches",
        "BatchService/WatchBatch",
        "BatchService/CancelBatch",
        "BatchService/GetBatchResults",
        "BatchService/DownloadResults",
    ]


def test_rest_bindings() -> None:
    """Every RPC has its REST path, the documented ones as documented."""
    found = {}
    for path, options in methods():
        rule = options.Extensions[annotations_pb2.http]
        verb = rule.WhichOneof("pattern")
        found[path.rpartition("/")[2]] = f"{verb.upper()} {getattr(rule, verb)}"
    assert found == {
        "UploadDocument": "POST /api/v1/documents",
        "GetDocument": "GET /api/v1/documents/{document_id}",
        "DeleteDocument": "DELETE /api/v1/documents/{document_id}",
        "ListFlows": "GET /api/v1/flows",
        "GetFlow": "GET /api/v1/flows/{flow_id}",
        "CreateFlow": "POST /api/v1/flows",
        "RunFlow": "POST /api/v1/flows/{flow_id}/run",
        "EstimateRun": "POST /api/v1/flows/{flow_id}/estimate",
        "GetRun": "GET /api/v1/runs/{run_id}",
        "ListRuns": "GET /api/v1/runs",
        "CancelRun": "POST /api/v1/runs/{run_id}/cancel",
        "WatchRun": "GET /api/v1/runs/{run_id}/events",
        "ListPages": "GET /api/v1/runs/{run_id}/pages",
        "GetPage": "GET /api/v1/runs/{run_id}/pages/{page_number}",
        "GetPageImage": "GET /api/v1/runs/{run_id}/pages/{page_number}/image",
        "CheckKey": "GET /api/v1/keys/current",
        "GetUsage": "GET /api/v1/usage",
        "ListKeys": "GET /api/v1/keys",
        "CreateKey": "POST /api/v1/keys",
        "RevokeKey": "DELETE /api/v1/keys/{key_id}",
        "ListDeliveries": "GET /api/v1/runs/{run_id}/deliveries",
        "Redeliver": "POST /api/v1/runs/{run_id}/deliveries/{delivery_id}/redeliver",
        "CreateBatch": "POST /v1/batch",
        "GetBatch": "GET /v1/batch/{batch_id}",
        "ListBatches": "GET /v1/batch",
        "WatchBatch": "GET /v1/batch/{batch_id}/events",
        "CancelBatch": "POST /v1/batch/{batch_id}/cancel",
        "GetBatchResults": "GET /v1/batch/{batch_id}/results",
        "DownloadResults": "GET /v1/results/{results_token}",
    }


def test_rest_bindings_name_fields_that_exist() -> None:
    """What a REST path, body or response body names is a field of the request or the response."""
    pool = descriptor_pool.Default()
    for path, options in methods():
        service, _, name = path[1:].rpartition("/")
        method = pool.FindServiceByName(service).methods_by_name[name]
        rule = options.Extensions[annotations_pb2.http]
        pattern = getattr(rule, rule.WhichOneof("pattern"))
        named = {part[1:-1] for part in pattern.split("/") if part.startswith("{")}
        assert named <= set(method.input_type.fields_by_name), path
        assert not rule.response_body or rule.response_body in method.output_type.fields_by_name, path
        assert rule.body in {"", "*"}, path


def test_json_names_of_a_run() -> None:
    """A run's JSON has the documented names (docs of the REST surface), beside ours."""
    names = {field.json_name for field in runs_pb2.Run.DESCRIPTOR.fields}
    documented = "id flowId version status createdAt completedAt cancelledAt duration progress output error metrics"
    assert names >= {*documented.split(), "traceId", "metadata"}
    assert {field.json_name for field in runs_pb2.RunMetrics.DESCRIPTOR.fields} >= {
        "durationMs",
        "pageCount",
        "creditsUsed",
    }
    assert {field.json_name for field in runs_pb2.RunProgress.DESCRIPTOR.fields} >= {"step", "percentage"}
    assert {field.json_name for field in errors_pb2.Fault.DESCRIPTOR.fields} == {"code", "message", "step", "details"}


def test_json_names_of_flows() -> None:
    """Flow lists, flow details and run requests have the documented JSON names."""

    def json_names(message: type) -> set[str]:
        return {field.json_name for field in message.DESCRIPTOR.fields}

    assert json_names(flows_pb2.ListFlowsRequest) - {"includeHidden"} == {
        "limit",
        "offset",
        "cursor",
    }  # that one is ours
    assert json_names(flows_pb2.ListFlowsResponse) == {"flows", "total", "limit", "offset", "nextCursor"}
    detail = "id name description version versions createdAt updatedAt schema inputSchema config"
    assert json_names(flows_pb2.Flow) >= set(detail.split())
    assert json_names(flows_pb2.FlowConfig) == {
        "supportedFormats",
        "maxFileSizeMB",
        "maxPages",
        "estimatedCreditsPerPage",
    }
    assert json_names(flows_pb2.RunFlowRequest) >= {"input", "version", "metadata"}
    assert json_names(flows_pb2.RunInput) >= {"document", "variables"}
    assert json_names(flows_pb2.InlineDocument) == {"base64", "filename", "mimeType"}


def test_limits_of_flows_are_those_of_the_domain() -> None:
    """What the contract's rules let pass, the domain takes, and the other way round; so are the client's defaults."""

    def rules(message: type, name: str) -> validate_pb2.FieldRules:
        return message.DESCRIPTOR.fields_by_name[name].GetOptions().Extensions[validate_pb2.field]

    create, config = flows_pb2.CreateFlowRequest, flows_pb2.FlowConfig
    assert rules(create, "id").string.max_len == flow_specs.MAX_FLOW_ID
    assert rules(create, "id").string.pattern == f"^{flow_specs.FLOW_ID_PATTERN}$"
    assert rules(create, "name").string.max_len == flow_specs.MAX_NAME
    assert rules(create, "description").string.max_len == flow_specs.MAX_DESCRIPTION
    assert rules(config, "max_file_size_mb").int32.lte == flow_specs.MAX_FILE_SIZE_MB
    assert rules(config, "max_pages").int32.lte == flow_specs.MAX_PAGES
    assert rules(config, "estimated_credits_per_page").int32.lte == flow_specs.MAX_CREDITS_PER_PAGE
    read = {"version": "1.0.0", "steps": [{"id": "read", "nodeType": "parse"}]}
    limits = flow_specs.parse_flow({"id": "f", "version": "1.0.0", "definition": read}).limits
    assert asdict(limits) == asdict(FlowConfig(supported_formats=flow_specs.SUPPORTED_FORMATS))


def test_scope_table_is_complete() -> None:
    """Every RPC needs a scope but the one that asks for a token instead, and none of the table is served without a key."""
    by_token = "/docmill.v1.BatchService/DownloadResults"
    assert set(SCOPES) == {path for path, _ in methods()} - {by_token}
    assert is_public(by_token)
    assert not any(is_public(path) for path in SCOPES)


def test_public_methods_are_exact() -> None:
    """Health and reflection need no key; services whose names merely start alike do."""
    assert is_public("/grpc.health.v1.Health/Check")
    assert is_public("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    assert not is_public("/grpc.health.v1.HealthAndWealth/Check")
    assert not is_public("/grpc.reflection.v1beta.Something/Do")


@pytest.mark.parametrize(
    ("enum", "prefix", "names"),
    [
        (runs_pb2.RunStatus, "RUN_STATUS_", [state.value for state in RunState]),
        (pages_pb2.PageStatus, "PAGE_STATUS_", [state.value for state in PageState]),
        (documents_pb2.DocumentStatus, "DOCUMENT_STATUS_", [state.value for state in ProbeState]),
        (
            runs_pb2.RunEventKind,
            "RUN_EVENT_KIND_",
            [kind.value.upper().replace(".", "_") for kind in EventKind],
        ),
        (batches_pb2.BatchStatus, "BATCH_STATUS_", [state.value for state in BatchState]),
        (
            batches_pb2.BatchEventKind,
            "BATCH_EVENT_KIND_",
            [kind.value.upper().replace(".", "_") for kind in BatchEventKind],
        ),
    ],
    ids=["runs", "pages", "documents", "events", "batches", "batch events"],
)
def test_states_are_those_of_the_domain(enum: type, prefix: str, names: list[str]) -> None:
    """Every state and event kind of the domain has its value in the contract, and there is no other."""
    assert {name.removeprefix(prefix) for name in enum.keys()} == {"UNSPECIFIED", *names}  # noqa: SIM118 - no dict


def test_boxes_and_confidences_are_doubles() -> None:
    """No field is a 32-bit float: it would print 0.87 as 0.8700000047683716, slowly."""
    for module in FILES:
        for message in module.DESCRIPTOR.message_types_by_name.values():
            assert all(field.type != field.TYPE_FLOAT for field in message.fields), message.full_name


def test_generated_code_is_up_to_date() -> None:
    """protos/gen is what the protos say."""
    done = run(sys.executable, str(PROTOS / "generate.py"), "--check")
    assert done.returncode == 0, done.stderr


def test_buf_is_content() -> None:
    """Buf's lint (STANDARD and a comment on every element), its format and its breaking check pass, offline."""
    for arguments in (
        ["lint", "protos"],
        ["format", "protos", "--path", "protos/docmill", "--diff", "--exit-code"],
        ["breaking", "protos", "--against", "protos/baseline.binpb"],
    ):
        done = run(str(BUF), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """A finished command, started at the root of the repository."""
    return subprocess.run(command, cwd=PROTOS.parent, capture_output=True, text=True, check=False, timeout=60)
