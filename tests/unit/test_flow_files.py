"""Flow files: the shipped ones are right, and a wrong one says where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from docmill.domain.errors import InvalidArgument
from docmill.domain.flow_specs import SUPPORTED_FORMATS, FlowSpec
from docmill.engine.flow_files import builtin_flows, load_flow_files
from docmill.extract.validate import check_schema, findings
from tests.data.invoices import generate_invoice
from tests.data.receipts import generate_receipt

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """
id: lab
version: {version}
definition: {{version: 1.0.0, steps: [{{type: step, id: read, nodeType: {node}}}]}}
"""


def shipped(flow_id: str, version: str) -> FlowSpec:
    """One of the flows that come with docmill."""
    return next(flow for flow in builtin_flows() if (flow.id, flow.version) == (flow_id, version))


def test_the_shipped_flows_are_those_that_were_promised() -> None:
    """Names and versions are part of the public surface."""
    assert [(flow.id, flow.version, flow.hidden) for flow in builtin_flows()] == [
        ("document-text", "1.0.0", False),
        ("invoice-extractor", "1.0.0", False),
        ("invoice-extractor", "1.1.0", False),
        ("invoice-extractor", "1.2.0", False),
        ("receipt-extractor", "1.0.0", False),
        ("universal-extract", "1.2.0", True),
    ]


@pytest.mark.parametrize("flow", builtin_flows(), ids=lambda flow: f"{flow.id}@{flow.version}")
def test_a_shipped_flow_is_described_and_has_valid_schemas(flow: FlowSpec) -> None:
    """Every version stands on its own: texts, limits, and schemas a validator accepts."""
    assert flow.name
    assert flow.description.endswith(".")
    assert flow.output_schema["type"] == "object"
    assert (flow.limits.max_file_size_mb, flow.limits.max_pages) == (50, 500)
    assert tuple(flow.limits.supported_formats) == SUPPORTED_FORMATS
    check_schema(flow.output_schema, "outputSchema")
    check_schema(flow.input_schema, "inputSchema")


def test_the_public_invoice_schema_has_exactly_the_documented_fields() -> None:
    """Version 1.2.0 is the one of the public page."""
    properties: dict[str, Any] = dict(shipped("invoice-extractor", "1.2.0").output_schema["properties"])
    assert list(properties) == ["invoiceNumber", "date", "vendor", "lineItems", "subtotal", "tax", "total"]
    assert list(properties["vendor"]["properties"]) == ["name", "address"]
    assert list(properties["lineItems"]["items"]["properties"]) == ["description", "quantity", "unitPrice", "total"]


def test_true_data_fits_the_shipped_schemas() -> None:
    """The ground truth of generated documents is what the flows promise to give."""
    assert findings(shipped("invoice-extractor", "1.2.0").output_schema, generate_invoice(1).truth) == []
    assert findings(shipped("receipt-extractor", "1.0.0").output_schema, generate_receipt(1).truth) == []


def test_a_file_holds_several_versions_and_a_folder_several_files(tmp_path: Path) -> None:
    """YAML documents in one file are versions; files are read in the order of their names."""
    (tmp_path / "a.yaml").write_text(
        FLOW.format(version="1.0.0", node="parse") + "---" + FLOW.format(version="1.1.0", node="parse")
    )
    (tmp_path / "b.json").write_text(
        '{"id": "other", "version": "1.0.0", "definition": {"steps": [{"id": "r", "nodeType": "parse"}]}}'
    )
    assert [(flow.id, flow.version) for flow in load_flow_files([tmp_path])] == [
        ("lab", "1.0.0"),
        ("lab", "1.1.0"),
        ("other", "1.0.0"),
    ]  # fmt: skip


SLIPS = (
    ("{propertis: {total: {type: number}}}", "outputSchema", "did you mean 'properties'?"),
    ("{properties: {lines: {items: {desciption: One}}}}", "outputSchema.properties.lines.items", "'description'?"),
    ("{properties: {total: }}", "outputSchema.properties", "'total' has no value"),
    ("{properties: {day: {format: dat}}}", "outputSchema.properties.day.format", "did you mean 'date'?"),
    ("{properties: {total: {}}, required: [totel]}", "outputSchema.required", "did you mean 'total'?"),
    ("{anyOf: [{type: string}, {typ: number}]}", "outputSchema.anyOf.1", "did you mean 'type'?"),
    ("{properties: {a: {x-docmill: {lables: [Sum]}}}}", "outputSchema.properties.a.x-docmill", "'labels'?"),
    ("{properties: {a: {x-docmill: {labels: Sum}}}}", "outputSchema.properties.a.x-docmill.labels", "list of texts"),
    ("{properties: {a: {x-docmill: {means: sjop name}}}}", "outputSchema.properties.a.x-docmill.means", "'shop name'?"),
    ("{properties: {a: {x-docmill: total}}}", "outputSchema.properties.a.x-docmill", "must be an object"),
)


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        (FLOW.format(version="1.0.0", node="shred"), "definition.steps.0.nodeType", "document 1"),
        (
            FLOW.format(version="1.0.0", node="parse") + "---" + FLOW.format(version="1.0.0", node="parse"),
            "version",
            "document 2",
        ),
        (
            FLOW.format(version="1.0.0", node="parse")
            + "inputSchema: {properties: {ward: {description: Where, exactly}}}",
            "inputSchema.properties.ward",
            "'exactly' has no value",
        ),
        *(
            (FLOW.format(version="1.0.0", node="parse") + f"outputSchema: {schema}", field, says)
            for schema, field, says in SLIPS
        ),
        ("id: [", None, "not YAML"),
        ("just words", "flow", "must be an object"),
    ],
)
def test_a_wrong_file_names_file_and_field(tmp_path: Path, text: str, field: str | None, says: str) -> None:
    """Somebody with ten files finds the line to change."""
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(InvalidArgument) as refused:
        load_flow_files([path])
    assert str(path) in refused.value.message
    assert says in refused.value.message
    assert refused.value.details.get("field") == field


@pytest.mark.parametrize(
    "schema",
    [
        "{properties: {tpye: {type: string}, note: {note: mine, x-unit: EUR, default: null, enum: [a, null]}}}",
        "{properties: {a: {}}, required: [b], additionalProperties: true}",
        "{properties: {a: {}}, required: [b], allOf: [{properties: {b: {}}}]}",
        "{properties: {a: {format: [date]}}, required: [[a], 1]}",
        "{properties: {a: {format: iban}, b: {x-docmill: {means: Grand Total}}, c: {x-docmill: {means: unit price}}}}",
    ],
)
def test_a_schema_that_may_be_meant_is_taken(tmp_path: Path, schema: str) -> None:
    """Names of properties, remarks, keywords and formats of others: JSON Schema has room for all of them.

    What is no schema at all is not refused here but when it is published.
    """
    path = tmp_path / "flow.yaml"
    path.write_text(FLOW.format(version="1.0.0", node="parse") + f"outputSchema: {schema}")
    assert len(load_flow_files([path])) == 1


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    """No traceback for a typing error."""
    with pytest.raises(InvalidArgument, match="No such file"):
        load_flow_files([tmp_path / "nothing.yaml"])


def test_flows_come_after_those_they_refer_to(tmp_path: Path) -> None:
    """Whatever their files are called; without references the order is that of the files, and circles end too."""

    def write(name: str, flow_id: str, version: str, *references: str) -> None:
        kinds = ["a", "b", "c"][: len(references)]
        branches = {kind: {"flowRef": reference} for kind, reference in zip(kinds, references, strict=True)}
        kind = {"type": "conditional", "id": "kind", "config": {"categories": kinds}, "branches": branches}
        steps = [kind] if references else [{"id": "read", "nodeType": "parse"}]
        flow = {"id": flow_id, "version": version, "definition": {"steps": steps}}
        (tmp_path / name).write_text(json.dumps(flow))

    write("1.json", "desk", "1.0.0", "lab@2.0.0", "mail", "elsewhere")
    write("2.json", "lab", "1.0.0")
    write("3.json", "lab", "2.0.0", "lab@1.0.0")
    write("4.json", "mail", "1.0.0", "desk")
    found = [(spec.id, spec.version) for spec in load_flow_files([tmp_path])]
    assert found == [("lab", "1.0.0"), ("lab", "2.0.0"), ("mail", "1.0.0"), ("desk", "1.0.0")]
