"""The OpenAPI document says what the surface does: every operation, every documented field, in a form that tools take."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import validate

from docmill.gateway.bindings import SERVICES, bindings_of, bindings_under
from docmill.gateway.dialects.doclo.errors import ERRORS
from docmill.gateway.dialects.documentflow.errors import ERRORS as BATCH_ERRORS
from docmill.gateway.documentation import api_document
from docmill.gateway.openapi import reference_page


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document of all surfaces."""
    return api_document()


def schema_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Properties of a component."""
    properties: dict[str, Any] = document["components"]["schemas"][name]["properties"]
    return properties


def test_it_is_a_valid_document(document: dict[str, Any]) -> None:
    """A validator of the specification accepts it, references included."""
    validate(document)


def test_every_binding_is_in_it(document: dict[str, Any]) -> None:
    """Each method has its operation at its path, with a text."""
    operations = {
        operation["operationId"]: operation for verbs in document["paths"].values() for operation in verbs.values()
    }
    methods = [binding.method for binding in bindings_of(SERVICES)]
    bound = {method.name[0].lower() + method.name[1:] for method in methods}
    assert set(operations) == bound | {"extract", "monthlyUsage"}  # of the batch surface, and of no one method
    assert all(operation["description"] for operation in operations.values())
    assert document["paths"]["/api/v1/flows/{flowId}/run"]["post"]["operationId"] == "runFlow"


def test_documented_fields_are_in_it(document: dict[str, Any]) -> None:
    """The body of a run request, the Execution object, flow details and both list envelopes have their documented names."""
    run = document["paths"]["/api/v1/flows/{flowId}/run"]["post"]["requestBody"]["content"]["application/json"]
    body = run["schema"]["properties"]
    named = "input version wait timeout idempotencyKey webhookUrl webhookSecret metadata"
    assert set(body) >= set(named.split())
    assert set(body["input"]["properties"]["document"]["properties"]) == {"base64", "filename", "mimeType"}
    execution = "id flowId version status createdAt completedAt cancelledAt duration progress output error metrics"
    assert set(schema_of(document, "Run")) >= {*execution.split(), "artifacts", "traceId", "metadata"}
    metrics = schema_of(document, "Run")["metrics"]["properties"]
    assert set(metrics) >= {"durationMs", "pageCount", "creditsUsed", "tokensUsed", "cost", "stepsRun", "stepsTotal"}
    flow = "id name description version versions createdAt updatedAt schema inputSchema config"
    assert set(schema_of(document, "Flow")) >= set(flow.split())
    listed = document["paths"]["/api/v1/flows"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(listed["properties"]) == {"flows", "data", "total", "limit", "offset", "hasMore", "nextCursor"}


def test_every_status_of_the_error_table_is_told(document: dict[str, Any]) -> None:
    """Whatever status the surface answers with stands at every operation, with the error envelope."""
    for path, verbs in document["paths"].items():
        table = ERRORS if path.startswith("/api/v1/") else BATCH_ERRORS
        statuses = {str(status) for status, _ in table.values()} - {"501"}
        for operation in verbs.values():
            assert statuses <= set(operation["responses"]), operation["operationId"]


def test_every_path_of_the_batch_surface_is_served(document: dict[str, Any]) -> None:
    """What is written by hand has the paths and methods of the contract's bindings."""
    bound = {(binding.template.text, binding.verb.lower()) for binding in bindings_under("/v1")}
    told = {(path, verb) for path, verbs in document["paths"].items() if path.startswith("/v1/") for verb in verbs}
    assert told == bound | {("/v1/extract", "post"), ("/v1/usage", "get")}


def test_rules_of_the_contract_are_in_it(document: dict[str, Any]) -> None:
    """Limits that stand in the protos are limits in the document."""
    create = document["paths"]["/api/v1/flows"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert create["properties"]["id"]["pattern"] == "^[a-z0-9][a-z0-9_-]*$"
    assert set(create["required"]) == {"config", "definition"}
    assert schema_of(document, "FlowConfig")["maxPages"]["maximum"] == 10_000


def test_the_page_needs_nothing_else(document: dict[str, Any]) -> None:
    """The reference names every operation and object, and fetches nothing from anywhere."""
    page = reference_page(document)
    for verbs in document["paths"].values():
        for operation in verbs.values():
            assert f'id="{operation["operationId"]}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert set(re.findall(r'(?:src|href)="([^"#]+)', page)) == {"openapi.json"}
    assert "<script" not in page
    assert "@import" not in page
