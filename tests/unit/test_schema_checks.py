"""JSON Schema checks: variables of a run, findings in an output, and nothing fetched from anywhere."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from docmill.domain.errors import InvalidArgument, Reason
from docmill.extract.validate import Finding, check_schema, check_variables, findings

UNITS = {
    "type": "object",
    "required": ["units"],
    "properties": {
        "units": {"type": "string", "enum": ["SI", "US"]},
        "limits": {"type": "array", "items": {"type": "number"}},
    },
}


def test_right_variables_pass() -> None:
    """No schema, or a schema that is met, raises nothing."""
    check_variables({}, {"anything": 1})
    check_variables(UNITS, {"units": "SI", "limits": [1, 2.5]})


@pytest.mark.parametrize(
    ("variables", "field", "reason"),
    [
        ({}, "input.variables.units", Reason.VARIABLE_MISSING),
        ({"units": "metric"}, "input.variables.units", Reason.FIELD_INVALID),
        ({"units": "SI", "limits": [1, "two"]}, "input.variables.limits.1", Reason.FIELD_INVALID),
    ],
)
def test_a_wrong_variable_is_named(variables: dict[str, Any], field: str, reason: Reason) -> None:
    """The caller learns which variable to change."""
    with pytest.raises(InvalidArgument) as refused:
        check_variables(UNITS, variables)
    assert refused.value.details == {"field": field}
    assert refused.value.reason is reason


def test_findings_point_into_the_value() -> None:
    """Pointers are those of RFC 6901."""
    schema = {"type": "object", "properties": {"a/b": {"type": "number"}, "d": {"type": "string", "format": "date"}}}
    found = findings(schema, {"a/b": "x", "d": "31.12.2024"})
    assert [finding.path for finding in found] == ["/a~1b", "/d"]
    assert all(isinstance(finding, Finding) and finding.message for finding in found)


def test_a_remote_reference_is_refused_and_never_fetched() -> None:
    """A schema of a stranger must not make the server open connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        with pytest.raises(InvalidArgument, match="not followed"):
            check_schema({"$ref": url}, "outputSchema")
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("schema", [{"type": "objekt"}, {"pattern": "("}, {"properties": 3}])
def test_an_invalid_schema_names_the_field(schema: dict[str, Any]) -> None:
    """The message is one line about the caller's field."""
    with pytest.raises(InvalidArgument) as refused:
        check_schema(schema, "inputSchema")
    assert refused.value.details == {"field": "inputSchema"}
    assert "\n" not in refused.value.message
