"""The OpenAPI document against the running surface: requests made from it are never answered by a fault, and always as it says."""

from __future__ import annotations

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from docmill.gateway.documentation import api_document
from tests.fixtures.stack import Stack

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


DOCUMENT = api_document()
OPERATIONS = {
    operation["operationId"]: path for path, verbs in DOCUMENT["paths"].items() for operation in verbs.values()
}


@pytest.fixture(scope="module")
def keys(stack: Stack) -> dict[str, str]:
    """Keys of both surfaces that may do everything but see to keys: they must not revoke themselves or others."""
    return {
        "/api/v1": str(stack.new_key(stack.new_organization_of("doclo.enterprise"))["key"]),
        "/v1": str(stack.new_key(stack.new_organization_of("documentflow.enterprise"), "--mode", "af")["key"]),
    }


def test_the_gateway_serves_this_document(stack: Stack) -> None:
    """What the checks below go by is what the running gateway says of itself."""
    assert requests.get(f"http://{stack.rest}/openapi.json", timeout=30).json() == DOCUMENT


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_whatever_the_document_allows_is_answered_as_it_says(
    stack: Stack, keys: dict[str, str], operation_id: str
) -> None:
    """No status, type, header or body that the document does not have, and no 5xx."""
    (key,) = (key for prefix, key in keys.items() if OPERATIONS[operation_id].startswith(prefix))
    operation = schemathesis.openapi.from_dict(DOCUMENT).find_operation_by_id(operation_id)

    @given(case=operation.as_strategy())
    @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def holds(case: schemathesis.Case) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        case.call_and_validate(base_url=f"http://{stack.rest}", headers=headers, checks=CHECKS, timeout=30)

    holds()
