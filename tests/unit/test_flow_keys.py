"""Keys of a flow that nobody knows are refused where they stand; those of Doclo's flow format are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from docmill.domain.errors import InvalidArgument
from docmill.domain.flow_specs import parse_flow
from docmill.engine.flow_files import load_flow_files

ROOT = Path(__file__).parents[2]
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
READ = {"type": "step", "id": "read", "nodeType": "parse", "config": {}}


def publish(*steps: dict[str, Any], **more: Any) -> None:
    """Check a flow of these steps as it is checked when it is published."""
    parse_flow({"id": "lab", "version": "1.0.0", "definition": {"steps": list(steps), **more}})


def node(node_type: str, **config: Any) -> dict[str, Any]:
    """A step with this configuration."""
    return {"id": "s", "nodeType": node_type, "config": config}


CATEGORIES = ["a", "b"]
INNER = {"steps": [READ, node("extract", schema=SCHEMA, useEmbeded=False)]}


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        (node("extract", schema=SCHEMA, useEmbeded=False), "0.config.useEmbeded", "did you mean 'useEmbedded'?"),
        (node("categorize", category=["x"]), "0.config.category", "did you mean 'categories'?"),
        ({"id": "s", "nodeType": "extract", "schema": SCHEMA}, "0.schema", "inside the step's 'config'"),
        (node("parse", provider_ref="ocr"), "0.config.provider_ref", "did you mean 'providerRef'?"),
        (node("extract", schema=SCHEMA, MAXTOKENS=9), "0.config.MAXTOKENS", "did you mean 'maxTokens'?"),
        ({**READ, "configuration": {}}, "0.configuration", "did you mean 'config'?"),
        (node("extract", schema=SCHEMA, consensus={"run": 3}), "0.config.consensus.run", "did you mean 'runs'?"),
        (node("extract", schema=SCHEMA, reasoning={"efort": "low"}), "0.config.reasoning.efort", "did you mean 'effort'?"),
        (node("categorize", categories=[{"name": "a", "desc": "b"}]), "0.config.categories.0.desc", "it has description, name"),
        ({"type": "conditional", "id": "c", "config": {"categories": CATEGORIES}, "branches": {"a": INNER}},
         "0.branches.a.steps.1.config.useEmbeded", "did you mean 'useEmbedded'?"),
        ({"type": "forEach", "id": "c", "config": {"categories": CATEGORIES}, "itemFlow": INNER},
         "0.itemFlow.steps.1.config.useEmbeded", "did you mean 'useEmbedded'?"),
        ({"type": "forEach", "id": "c", "config": {"categories": CATEGORIES, "itemFlow": INNER}},
         "0.config.itemFlow", "beside 'config'"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_refused_with_its_path_and_a_suggestion(wrong: dict[str, Any], field: str, says: str) -> None:
    """A misspelt key would do nothing, and nobody would notice."""
    with pytest.raises(InvalidArgument) as refused:
        publish(wrong)
    assert refused.value.details["field"] == f"definition.steps.{field}"
    assert says in refused.value.message


def test_keys_around_the_steps_are_checked_too() -> None:
    """Those of the definition, of its validation and of the flow's limits, and the flow's own."""
    with pytest.raises(InvalidArgument, match=r"definition\.inputvalidation: .*'inputValidation'"):
        publish(READ, inputvalidation={})
    with pytest.raises(InvalidArgument, match=r"definition\.inputValidation\.formats: "):
        publish(READ, inputValidation={"formats": []})
    for change, says in (({"config": {"maxPage": 3}}, "'maxPages'"), ({"inputschema": {}}, "'inputSchema'")):
        with pytest.raises(InvalidArgument, match=says):
            parse_flow({"id": "lab", "version": "1.0.0", "definition": {"steps": [READ]}, **change})


MODEL = {
    "type": "x",
    "providerRef": "layout",
    "maxTokens": 100,
    "reasoning": {"enabled": True, "effort": "low", "max_tokens": 5},
    "citations": {"enabled": True},
    "promptRef": "panel@1.0.0",
    "promptVariables": {"a": 1},
    "additionalInstructions": "Be brief.",
}


@pytest.mark.parametrize(
    "step",
    [
        node(
            "parse", **MODEL, format="text", chunked={"maxPagesPerChunk": 2}, describeFigures=True, includeImages=True
        ),
        node("extract", **MODEL, schema=SCHEMA, inputMode="auto", preferVisual=True, useOriginalSource=False),
        node("extract", schema=SCHEMA, consensus={"runs": 3, "onTie": "fail", "level": "field", "threshold": 0.5}),
        node("categorize", **MODEL, categories=[{"name": "a", "description": "b"}]),
        node("split", **MODEL, categories=CATEGORIES, includeOther=False),
        node("categorize", provider="layout", categories=CATEGORIES),
    ],
)
def test_what_doclo_knows_is_taken(step: dict[str, Any]) -> None:
    """Also where docmill reads past it."""
    publish(step, inputValidation={"acceptedFormats": ["application/pdf"], "throwOnInvalid": True})


def test_the_flows_of_files_and_docs_are_taken() -> None:
    """Those that come with docmill, the examples, and those written out in the docs."""
    assert load_flow_files([ROOT / "flows", *(ROOT / "examples").glob("*.yaml")])
    blocks = [
        block.partition("```")[0]
        for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
        for block in page.read_text("utf-8").split("```yaml\n")[1:]
    ]
    flows = [found for found in map(_definition, blocks) if found]
    assert len(flows) >= 3
    for flow in flows:
        parse_flow({"id": "lab", "version": "1.0.0", "definition": flow})


def _definition(block: str) -> Any:
    """The definition in a block of YAML, or None: some are of Kubernetes, some are a piece with `...`."""
    found = yaml.safe_load(block) if "steps:" in block and "{...}" not in block else None
    return found.get("definition", found) if isinstance(found, dict) else None
