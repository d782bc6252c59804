"""Flow definitions: what is accepted, normalised, and refused with the path of what is wrong."""

from __future__ import annotations

import json
import random
from datetime import date
from typing import Any

import pytest

from docmill.domain.errors import InvalidArgument, Reason
from docmill.domain.flow_specs import parse_flow
from docmill.domain.flows import parse_definition, parse_version

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
READ = {"type": "step", "id": "read", "nodeType": "parse", "config": {"providerRef": "ocr"}}
EXTRACT = {"type": "step", "id": "fields", "nodeType": "extract", "config": {"providerRef": "layout", "schema": SCHEMA}}


def definition(*steps: dict[str, Any]) -> dict[str, Any]:
    """A definition with these steps."""
    return {"version": "1.0.0", "steps": list(steps)}


def step(node_type: str, step_id: str = "s", **config: Any) -> dict[str, Any]:
    """A step with this configuration."""
    return {"type": "step", "id": step_id, "nodeType": node_type, "config": config}


def each(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A forEach step with these steps in its item flow."""
    config = {"categories": ["invoice"]}
    flow = definition(*steps)
    return {"type": "forEach", "id": "each", "nodeType": "split", "config": config, "itemFlow": flow, **changes}


def either(branches: dict[str, Any]) -> dict[str, Any]:
    """A conditional step with these branches for `a` and `b`."""
    config = {"categories": ["a", "b"]}
    return {"type": "conditional", "id": "kind", "nodeType": "categorize", "config": config, "branches": branches}


def test_a_definition_gives_its_steps_in_order() -> None:
    """The parse step is told apart from the steps that come after the pages."""
    flow = parse_definition(definition(READ, EXTRACT))
    assert flow.parse_step is not None
    assert flow.parse_step.id == "read"
    assert [s.id for s in flow.document_steps] == ["fields"]
    assert flow.document_steps[0].provider == "layout"


def test_older_spellings_are_normalised() -> None:
    """`provider` becomes `providerRef`, format 1.0 becomes 1.0.0, categories become objects."""
    older = {"version": "1.0", "steps": [step("categorize", provider="layout", categories=["a", {"name": "b"}])]}
    stored = parse_definition(older).to_json()
    assert stored["version"] == "1.0.0"
    assert stored["steps"][0]["config"] == {
        "providerRef": "layout",
        "categories": [{"name": "a", "description": ""}, {"name": "b", "description": ""}],
    }
    assert parse_definition(stored).to_json() == stored


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ({"providerRef": "ocr"}, {}),
        ({}, {}),
        ({"providerRef": "easyocr", "languages": ["en", "de"]}, {"engine": "easyocr", "languages": ["en", "de"]}),
    ],
)
def test_read_options_name_an_engine_only_when_the_flow_does(config: dict[str, Any], options: dict[str, Any]) -> None:
    """The role label `ocr` leaves the choice to the installation."""
    assert parse_definition(definition(step("parse", **config))).read_options == options


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ([], "definition"),
        ({"version": "2.0.0", "steps": [READ]}, "definition.version"),
        (definition(), "definition.steps"),
        (definition(READ, EXTRACT, {**EXTRACT, "nodeType": "output"}), "definition.steps.2.id"),
        (definition(step("parse", "spaces are bad")), "definition.steps.0.id"),
        (definition(step("shred")), "definition.steps.0.nodeType"),
        (definition(step("chunk", strategy="page"), EXTRACT), "definition.steps.0.nodeType"),
        (definition(step("combine"), EXTRACT), "definition.steps.0.nodeType"),
        (definition(step("trigger")), "definition.steps.0.nodeType"),
        (definition(step("split")), "definition.steps.0.config.categories"),
        (definition(READ, step("split", categories=["a"])), "definition.steps.1.nodeType"),
        (definition(step("split", categories=["a"]), EXTRACT), "definition.steps.1.nodeType"),
        (definition(step("split", categories=["a"], includeOther="yes")), "definition.steps.0.config.includeOther"),
        (definition(step("split", categories=["a"], schemas={})), "definition.steps.0.config.schemas"),
        (definition(READ, step("chunk")), "definition.steps.1.config.strategy"),
        (definition(READ, step("chunk", strategy="page", pagesPerChunk=0)), "definition.steps.1.config.pagesPerChunk"),
        (definition(READ, step("chunk", strategy="page", maxSize=100)), "definition.steps.1.config.maxSize"),
        (definition(READ, step("chunk", strategy="fixed", unit="words")), "definition.steps.1.config.unit"),
        (definition(READ, step("chunk", strategy="fixed", size=100, overlap=51)), "definition.steps.1.config.overlap"),
        (definition(READ, step("chunk", strategy="fixed", size=9)), "definition.steps.1.config.size"),
        (definition(READ, step("chunk", strategy="recursive", separators=["\n", ""])), "definition.steps.1.config.separators"),
        (definition(READ, EXTRACT, step("combine", strategy="shuffle")), "definition.steps.2.config.strategy"),
        (definition({"type": "loop", "id": "x", "nodeType": "split"}), "definition.steps.0.type"),
        (definition(each(READ, nodeType="categorize")), "definition.steps.0.nodeType"),
        (definition({**each(READ), "itemFlow": None}), "definition.steps.0.itemFlow"),
        (definition(each(step("split", categories=["a"]))), "definition.steps.0.itemFlow.steps.0.nodeType"),
        (definition(each(READ, {**EXTRACT, "id": "read"})), "definition.steps.0.itemFlow.steps.1.id"),
        (definition({**each(READ), "branches": {}}), "definition.steps.0.branches"),
        (definition(each(READ), EXTRACT), "definition.steps.1.nodeType"),
        (definition(either({})), "definition.steps.0.branches"),
        (definition(either({"c": definition(READ)})), "definition.steps.0.branches.c"),
        (definition(either({"a": definition()})), "definition.steps.0.branches.a.steps"),
        (definition(either({"a": definition(READ, step("shred"))})), "definition.steps.0.branches.a.steps.1.nodeType"),
        (definition(either({"a": {"flowRef": "Invoice Extractor"}})), "definition.steps.0.branches.a.flowRef"),
        (definition(either({"a": {"flowRef": "lab@2"}})), "definition.steps.0.branches.a.flowRef"),
        (definition(either({"a": {"flowRef": "lab", "steps": []}})), "definition.steps.0.branches.a"),
        (definition(EXTRACT, READ), "definition.steps.1.nodeType"),
        (definition(step("output")), "definition.steps.0.nodeType"),
        (definition(READ, step("output", "o", source="nobody")), "definition.steps.1.config.source"),
        (definition(READ, step("output", "o", transform="shuffle")), "definition.steps.1.config.transform"),
        (definition(READ, step("output", "o", transform="pick")), "definition.steps.1.config.fields"),
        (definition(step("extract", schema={"type": "object"}, providerRef="no spaces")), "definition.steps.0.config.providerRef"),
        (definition(step("extract")), "definition.steps.0.config.schema"),
        (definition(step("extract", schema={"type": "array", "items": {"type": "string"}})), "definition.steps.0.config.schema.type"),
        (definition(step("extract", schema={"type": "object", "properties": {"a": {}}})), "definition.steps.0.config.schema.properties.a.type"),
        (definition(step("extract", schema={"type": "object", "properties": {"a": {"type": ["string", "null"]}}})), "definition.steps.0.config.schema.properties.a.type"),
        (definition(step("extract", schema={"type": "object", "properties": {"a": {"type": "array"}}})), "definition.steps.0.config.schema.properties.a.items"),
        (definition(step("extract", schema={"type": "object", "properties": {"a": {"$ref": "#/x", "type": "string"}}})), "definition.steps.0.config.schema.properties.a.$ref"),
        (definition(step("categorize", categories=[])), "definition.steps.0.config.categories"),
        (definition(step("categorize", categories=["a", "a"])), "definition.steps.0.config.categories.1.name"),
        (definition(step("extract", schema=SCHEMA, consensus={"runs": 30})), "definition.steps.0.config.consensus.runs"),
        (definition(step("parse", consensus={"runs": 3})), "definition.steps.0.config.consensus"),
        (definition(step("extract", schema=SCHEMA, maxTokens=0)), "definition.steps.0.config.maxTokens"),
        ({"version": [], "steps": [READ]}, "definition.version"),
        (definition(step("parse", onPageFailure="skipp")), "definition.steps.0.config.onPageFailure"),
        (definition(step("parse", onPageFailure=["skip"])), "definition.steps.0.config.onPageFailure"),
        (definition(READ, EXTRACT, step("validate", "v", onInvalid=["warn"])), "definition.steps.2.config.onInvalid"),
        (definition(step("assess")), "definition.steps.0.nodeType"),
        (definition(READ, step("assess", "a")), "definition.steps.1.nodeType"),
        (definition(READ, EXTRACT, step("assess", "a", source=["nobody"])), "definition.steps.2.config.source"),
        (definition(step("categorize", categories=["a"], hint=1)), "definition.steps.0.config.hint"),
        (definition(step("extract", schema=SCHEMA, byCategory=[])), "definition.steps.0.config.byCategory"),
        (definition(step("extract", schema=SCHEMA, byCategory={"a": {"type": "string"}})), "definition.steps.0.config.byCategory.a.type"),
    ],
)  # fmt: skip
def test_a_wrong_definition_is_refused_with_the_path_of_what_is_wrong(bad: Any, field: str) -> None:
    """`details.field` is the dotted path, and the message begins with it."""
    with pytest.raises(InvalidArgument) as refused:
        parse_definition(bad)
    assert refused.value.details["field"] == field
    assert refused.value.message.startswith(field)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            {**each(READ), "itemFlow": None},
            r"itemFlow: is missing; it stands beside 'config', for example itemFlow: \{",
        ),
        ({**each(READ), "itemFlow": "lab"}, r"itemFlow: must be an object, for example itemFlow: \{flowRef: "),
        (
            {**either({}), "branches": None},
            r"branches: is missing; it stands beside 'config', for example branches: \{",
        ),
        (each(step("split", categories=["a"])), r"cannot start with 'split': it gets one document"),
    ],
)
def test_what_belongs_inside_a_step_is_shown(wrong: dict[str, Any], says: str) -> None:
    """Where it goes, and how it looks."""
    with pytest.raises(InvalidArgument, match=says):
        parse_definition(definition(wrong))


def test_flows_inside_steps_are_normalised_and_stay() -> None:
    """Defaults are written out at every level, references keep what their author said, and what is stored reads back."""
    nested = each(READ, step("chunk", "parts", strategy="page"), EXTRACT, step("combine", "all"))
    flows = {"a": definition(nested), "default": {"flowRef": "lab@1.2.0"}, "b": {"flowRef": "lab@latest"}}
    flow = parse_definition(definition(either(flows)))
    stored = flow.to_json()
    assert parse_definition(stored) == flow
    branches = stored["steps"][0]["branches"]
    assert (branches["default"], branches["b"]) == ({"flowRef": "lab@1.2.0"}, {"flowRef": "lab"})
    inner = branches["a"]["steps"][0]
    assert inner["config"]["includeOther"] is True
    assert inner["itemFlow"]["steps"][1]["config"] == {
        "strategy": "page", "pagesPerChunk": 1, "combineShortPages": True, "minPageContent": 100,
    }  # fmt: skip
    assert inner["itemFlow"]["steps"][3]["config"] == {"strategy": "merge"}
    assert {path: str(ref) for path, ref in flow.refs.items()} == {
        "definition.steps.0.branches.default": "lab@1.2.0",
        "definition.steps.0.branches.b": "lab",
    }


def test_small_chunks_need_no_smaller_least() -> None:
    """A default never stands in the way of what the author wrote."""
    chunk = step("chunk", "parts", strategy="recursive", maxSize=50)
    config = parse_definition(definition(READ, chunk)).steps[1].config
    assert (config["maxSize"], config["minSize"], config["overlap"]) == (50, 25, 0)


def test_pages_are_read_as_the_first_parse_step_says_outer_flows_first() -> None:
    """Pages are read once, whichever flow they go through later."""
    inner = either({"a": definition(step("parse", languages=["fr"])), "b": definition(step("parse", languages=["de"]))})
    assert parse_definition(definition(inner)).read_options == {"languages": ["fr"]}
    outer = definition(step("parse", languages=["en"]), {**inner, "id": "x"})
    assert parse_definition(outer).read_options == {"languages": ["en"]}
    assert parse_definition(definition(each(EXTRACT))).read_options == {}


def test_a_definition_is_not_nested_without_end() -> None:
    """Fourteen levels of objects and lists, each schema counted as one; deeper flows are named instead."""
    four = definition(each(each(step("categorize", categories=["a"]))))
    for _ in range(2):
        four = definition(either({"a": four}))
    flow = {"id": "deep", "version": "1.0.0", "definition": definition(either({"a": definition(each(EXTRACT))}))}
    parse_flow(flow)
    with pytest.raises(InvalidArgument, match=r"deeper than 14 levels.*flowRef") as refused:
        parse_flow({**flow, "definition": four})
    assert refused.value.details["field"].startswith("definition.steps.0.branches.a.steps.0.branches.a.steps")


def test_a_schema_deeper_than_fifty_levels_is_refused() -> None:
    """The depth is counted in schema nodes."""

    def nested(levels: int) -> dict[str, Any]:
        node: dict[str, Any] = {"type": "string"}
        for _ in range(levels - 1):
            node = {"type": "object", "properties": {"x": node}}
        return node

    parse_definition(definition(step("extract", schema=nested(50))))
    with pytest.raises(InvalidArgument, match="deeper than 50"):
        parse_definition(definition(step("extract", schema=nested(51))))


def test_versions_compare_as_semver_says() -> None:
    """The example of SemVer 2.0.0 section 11.4.3, with neighbours."""
    ascending = [
        "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
        "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "10.0.0",
    ]  # fmt: skip
    shuffled = random.Random(1).sample(ascending, len(ascending))
    assert sorted(shuffled, key=parse_version) == ascending


@pytest.mark.parametrize(
    "text", ["", "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0-01", "1.0.0-", "1.0.0+b1", "1.0.0 ", "latest"]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    """Two part versions, leading zeros and build metadata are no versions of flows."""
    with pytest.raises(InvalidArgument) as refused:
        parse_version(text)
    assert refused.value.details == {"field": "version"}


def test_a_flow_takes_its_output_schema_from_its_extract_step() -> None:
    """An author need not write the schema twice."""
    spec = parse_flow({"id": "lab", "version": "1.0.0", "definition": definition(READ, EXTRACT)})
    assert spec.output_schema == SCHEMA
    assert spec.name == "lab"
    assert spec.limits.max_file_size_mb == 50
    for reshaped in ([each(EXTRACT)], [READ, step("chunk", strategy="page"), EXTRACT]):
        assert parse_flow({"id": "lab", "version": "1.0.0", "definition": definition(*reshaped)}).output_schema == {}


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"id": ""}, "id", Reason.FIELD_MISSING),
        ({"id": "Upper Case"}, "id", Reason.FIELD_INVALID),
        ({"version": "1.0"}, "version", Reason.FIELD_INVALID),
        ({"version": 1.0}, "version", Reason.FIELD_INVALID),
        ({"hidden": "yes"}, "hidden", Reason.FIELD_INVALID),
        ({"id": "a" * 65}, "id", Reason.FIELD_INVALID),
        ({"name": "a" * 201}, "name", Reason.FIELD_INVALID),
        ({"description": "a" * 2001}, "description", Reason.FIELD_INVALID),
        ({"inputSchema": []}, "inputSchema", Reason.FIELD_INVALID),
        ({"inputSchema": {"default": date(2026, 1, 1)}}, "inputSchema", Reason.FIELD_INVALID),
        ({"outputSchema": {"default": float("nan")}}, "outputSchema", Reason.FIELD_INVALID),
        ({"config": {"maxPages": 0}}, "config.maxPages", Reason.FIELD_INVALID),
        ({"config": {"maxPages": 10_001}}, "config.maxPages", Reason.FIELD_INVALID),
        ({"config": {"estimatedCreditsPerPage": 1001}}, "config.estimatedCreditsPerPage", Reason.FIELD_INVALID),
        ({"config": {"supportedFormats": ["text/html"]}}, "config.supportedFormats", Reason.FIELD_INVALID),
        ({"colour": "red"}, "colour", Reason.FIELD_INVALID),
    ],
)
def test_a_wrong_flow_names_its_field(change: dict[str, Any], field: str, reason: Reason) -> None:
    """Unknown keys are refused too: they are usually misspelt ones."""
    flow = {"id": "lab", "version": "1.0.0", "definition": definition(READ, EXTRACT), **change}
    with pytest.raises(InvalidArgument) as refused:
        parse_flow(flow)
    assert (refused.value.details["field"], refused.value.reason) == (field, reason)


@pytest.mark.parametrize(
    ("key", "most"), [("definition", 256 * 1024), ("inputSchema", 128 * 1024), ("outputSchema", 128 * 1024)]
)
def test_what_a_flow_carries_has_a_size(key: str, most: int) -> None:
    """JSON of exactly the limit is taken, one byte more is refused with the name of the part."""

    def flow(size: int) -> dict[str, Any]:
        def filled(text: str) -> dict[str, Any]:
            return definition({**READ, "name": text}) if key == "definition" else {"description": text}

        text = "é" * ((size - len(compact(filled("")))) // 2)
        text += "x" * (size - len(compact(filled(text))))
        assert len(compact(filled(text))) == size
        return {"id": "lab", "version": "1.0.0", "definition": definition(READ), key: filled(text)}

    parse_flow(flow(most))
    with pytest.raises(InvalidArgument, match=f"larger than {most // 1024} KiB") as refused:
        parse_flow(flow(most + 1))
    assert refused.value.details == {"field": key}


def compact(value: Any) -> bytes:
    """The shortest JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def test_the_schema_of_an_extract_step_has_a_size() -> None:
    """It becomes the schema of the flow's output, so the same limit holds."""
    large = {**SCHEMA, "description": "x" * 128 * 1024}
    with pytest.raises(InvalidArgument, match="larger than 128 KiB") as refused:
        parse_definition(definition(READ, {**EXTRACT, "config": {"schema": large}}))
    assert refused.value.details == {"field": "definition.steps.1.config.schema"}


def test_a_small_file_that_stands_for_a_large_flow_is_refused() -> None:
    """Aliases of YAML share one object many times over; what they stand for is bounded, and refused at once."""
    bomb: Any = ["x"] * 10
    for _ in range(30):
        bomb = [bomb] * 10
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for key in ("definition", "inputSchema"):
        for value in (bomb, deep):
            with pytest.raises(InvalidArgument, match=r"larger than|nested too deeply") as refused:
                parse_flow({"id": "lab", "version": "1.0.0", "definition": definition(READ), key: {"steps": value}})
            assert refused.value.details == {"field": key}


@pytest.mark.parametrize("key", ["inputSchema", "outputSchema"])
def test_schemas_refer_nowhere(key: str) -> None:
    """A short chain of references can cost a validator hours: a flow's schemas are written out."""
    links = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    schema = {"type": "object", "$defs": {**links, "a40": {}}, "allOf": [{"$ref": "#/$defs/a0"}]}
    flow = {
        "id": "chain",
        "version": "1.0.0",
        key: schema,
        "definition": {"version": "1.0.0", "steps": [{"type": "step", "id": "read", "nodeType": "parse"}]},
    }
    with pytest.raises(InvalidArgument, match="references are not supported"):
        parse_flow(flow)
