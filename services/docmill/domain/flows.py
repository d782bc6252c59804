"""Flow definitions: the recipe of a flow version, checked and normalised before anything is stored or run.

The format is the documented one: `{version, steps: [{type, id, nodeType, config}]}`. A `conditional` step has a flow for
each category besides, a `forEach` step one for every document of a stack; either may be written out or named by
`{flowRef}`. `docs/flows.md` says what each node does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from docmill.domain.consensus import check_consensus
from docmill.domain.errors import InvalidArgument
from docmill.domain.flow_nodes import check_chunk, check_combine, check_split
from docmill.domain.flow_order import check_item_flow_start, check_order, check_sources
from docmill.domain.flow_steps import (
    DEFAULT_BRANCH,
    FORMAT_VERSION,
    Category,
    FlowDefinition,
    FlowRef,
    Step,
    Subflow,
)
from docmill.domain.flow_values import as_flag, as_object, as_string, as_strings
from docmill.domain.providers import check_model_options
from docmill.domain.schemas import check_extract_schema, invalid
from docmill.domain.versions import parse_version

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject

__all__ = ["Category", "FlowDefinition", "FlowRef", "Step", "Subflow", "parse_definition", "parse_version"]

NODE_TYPES = ("parse", "categorize", "extract", "split", "chunk", "combine", "validate", "assess", "output")
MAX_STEPS = 50
"""In one flow; the flows inside its steps have as many each."""
FLOW_ID_PATTERN = "[a-z0-9][a-z0-9_-]*"
_NODE_OF = {"conditional": "categorize", "forEach": "split"}  # by type of step
_INSIDE = {"conditional": "branches", "forEach": "itemFlow"}
_BRANCHES_EXAMPLE = (
    "branches: {invoice: {flowRef: invoice-extractor}, default: {steps: [...]}}, a flow for each category"
)
_ITEM_FLOW_EXAMPLE = (
    "itemFlow: {flowRef: invoice-extractor} or itemFlow: {steps: [...]}, what is done with each document"
)
_TRANSFORMS = ("first", "last", "merge", "pick")
_STEP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FLOW_REF = re.compile(rf"({FLOW_ID_PATTERN})(?:@(.+))?")
_PROVIDER_REF = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9][A-Za-z0-9_./-]{0,127})?")


def parse_definition(definition: JsonObject) -> FlowDefinition:
    """The recipe in `definition`, or `InvalidArgument` whose `details.field` is the dotted path of what is wrong."""
    return _flow(definition, "definition")


def _flow(raw: Any, path: str) -> FlowDefinition:
    definition = as_object(raw, path)
    if definition.get("version", FORMAT_VERSION) not in (FORMAT_VERSION, "1.0"):
        raise invalid(f"{path}.version", f"only format version {FORMAT_VERSION} is known")
    raw_steps = definition.get("steps")
    if not isinstance(raw_steps, Sequence) or isinstance(raw_steps, str) or not raw_steps:
        raise invalid(f"{path}.steps", "must be a list with at least one step")
    if len(raw_steps) > MAX_STEPS:
        raise invalid(f"{path}.steps", f"has more than {MAX_STEPS} steps")
    steps = tuple(_step(step, f"{path}.steps.{index}") for index, step in enumerate(raw_steps))
    check_order(steps, path)
    check_sources(steps, path)
    return FlowDefinition(steps=steps, accepted_formats=_accepted_formats(definition, path))


def _accepted_formats(definition: JsonObject, path: str) -> tuple[str, ...]:
    rules = as_object(definition.get("inputValidation", {}), f"{path}.inputValidation")
    return as_strings(rules.get("acceptedFormats", ()), f"{path}.inputValidation.acceptedFormats")


def _step(raw: Any, path: str) -> Step:
    raw = as_object(raw, path)
    kind = as_string(raw.get("type", "step"), f"{path}.type")
    if kind not in ("step", *_NODE_OF):
        raise invalid(f"{path}.type", f"'{kind}' is no type of step; use 'step', 'conditional' or 'forEach'")
    step_id = as_string(raw.get("id"), f"{path}.id")
    if not _STEP_ID.fullmatch(step_id):
        raise invalid(f"{path}.id", "use 1 to 64 letters, digits, '_', '.' or '-', starting with a letter or digit")
    node_type = _node_type(raw, kind, path)
    config = _config(node_type, as_object(raw.get("config", {}), f"{path}.config"), f"{path}.config")
    for other, inside in _INSIDE.items():
        if inside in raw and other != kind:
            raise invalid(f"{path}.{inside}", f"only a step of type '{other}' has it")
    return Step(
        id=step_id,
        node_type=node_type,
        type=kind,
        name=as_string(raw.get("name", ""), f"{path}.name"),
        config=config,
        branches=_branches(raw, config, path) if kind == "conditional" else {},
        item_flow=_item_flow(raw, path) if kind == "forEach" else None,
    )


def _node_type(raw: JsonObject, kind: str, path: str) -> str:
    node_type = as_string(raw.get("nodeType", _NODE_OF.get(kind)), f"{path}.nodeType")
    if node_type == "trigger":
        raise invalid(f"{path}.nodeType", "'trigger' nodes are not supported yet")
    if node_type not in NODE_TYPES:
        raise invalid(f"{path}.nodeType", f"'{node_type}' is none of {', '.join(NODE_TYPES)}")
    if kind in _NODE_OF and node_type != _NODE_OF[kind]:
        raise invalid(f"{path}.nodeType", f"a {kind} step has nodeType '{_NODE_OF[kind]}'")
    return node_type


def _branches(raw: JsonObject, config: JsonObject, path: str) -> Mapping[str, Subflow]:
    branches = _inside(raw, "branches", path, _BRANCHES_EXAMPLE)
    if not branches:
        raise invalid(f"{path}.branches", "must have a flow for at least one category")
    names = [category["name"] for category in config["categories"]]
    for name in branches:
        if name not in (*names, DEFAULT_BRANCH):
            known = ", ".join(f"'{known}'" for known in names)
            raise invalid(f"{path}.branches.{name}", f"is none of the step's categories ({known}) and not 'default'")
    return {name: _subflow(flow, f"{path}.branches.{name}") for name, flow in branches.items()}


def _item_flow(raw: JsonObject, path: str) -> Subflow:
    flow = _subflow(_inside(raw, "itemFlow", path, _ITEM_FLOW_EXAMPLE), f"{path}.itemFlow")
    if isinstance(flow, FlowDefinition):
        check_item_flow_start(flow.steps[0], f"{path}.itemFlow")
    return flow


def _inside(raw: JsonObject, key: str, path: str, example: str) -> JsonObject:
    """What a step with flows inside cannot do without."""
    if isinstance(raw.get(key), Mapping):
        found: JsonObject = raw[key]
        return found
    wrong = "is missing; it stands beside 'config'" if raw.get(key) is None else "must be an object"
    raise invalid(f"{path}.{key}", f"{wrong}, for example {example}")


def _subflow(raw: Any, path: str) -> Subflow:
    flow = as_object(raw, path)
    if "flowRef" not in flow:
        return _flow(flow, path)
    if "steps" in flow:
        raise invalid(path, "has both 'flowRef' and 'steps'; keep one")
    reference = as_string(flow["flowRef"], f"{path}.flowRef")
    parts = _FLOW_REF.fullmatch(reference)
    if parts is None:
        raise invalid(f"{path}.flowRef", "must be the id of a flow, or id@version such as 'invoice-extractor@1.2.0'")
    version = parts[2] or ""
    if version in ("", "latest"):
        return FlowRef(flow_id=parts[1])
    try:
        parse_version(version)
    except InvalidArgument as error:
        raise invalid(f"{path}.flowRef", f"'{version}' is no version; write it like 1.2.0") from error
    return FlowRef(flow_id=parts[1], version=version)


def _config(node_type: str, raw: JsonObject, path: str) -> JsonObject:
    config = dict(raw)
    if "provider" in config:  # the older spelling of stored definitions
        config.setdefault("providerRef", config["provider"])
        del config["provider"]
    if "providerRef" in config:
        reference = as_string(config["providerRef"], f"{path}.providerRef")
        if not _PROVIDER_REF.fullmatch(reference):
            raise invalid(f"{path}.providerRef", "must be a provider's label such as 'layout' or 'vendor:model'")
    if "consensus" in config and node_type not in {"categorize", "extract"}:
        raise invalid(
            f"{path}.consensus", f"'{node_type}' steps know no consensus; use it in 'categorize' or 'extract'"
        )
    if "consensus" in config:
        config["consensus"] = check_consensus(config["consensus"], f"{path}.consensus")
    if node_type in {"categorize", "extract"}:
        check_model_options(config, path)
    match node_type:
        case "parse":
            if config.get("onPageFailure", "fail") not in ("fail", "skip"):
                raise invalid(f"{path}.onPageFailure", "must be 'fail' or 'skip'")
            if "languages" in config:
                config["languages"] = list(as_strings(config["languages"], f"{path}.languages"))
        case "categorize":
            config["categories"] = _categories(config.get("categories"), f"{path}.categories")
            as_string(config.get("hint", ""), f"{path}.hint")
        case "split":
            config["categories"] = _categories(config.get("categories"), f"{path}.categories")
            check_split(config, path)
        case "chunk":
            check_chunk(config, path)
        case "combine":
            check_combine(config, path)
        case "extract":
            config["schema"] = check_extract_schema(config.get("schema"), f"{path}.schema")
            as_flag(config.get("useEmbedded", True), f"{path}.useEmbedded")
            more = as_object(config.get("byCategory", {}), f"{path}.byCategory")
            for name, schema in more.items():
                check_extract_schema(schema, f"{path}.byCategory.{name}")
        case "validate":
            if config.get("onInvalid", "fail") not in ("fail", "warn"):
                raise invalid(f"{path}.onInvalid", "must be 'fail' or 'warn'")
        case "assess":
            _check_source(config, path)
        case _:
            _check_output(config, path)
    return config


def _categories(raw: Any, path: str) -> list[dict[str, str]]:
    if not isinstance(raw, Sequence) or isinstance(raw, str) or not raw:
        raise invalid(path, "must be a list with at least one category")
    categories: list[dict[str, str]] = []
    for index, entry in enumerate(raw):
        where = f"{path}.{index}"
        entry_object = {"name": entry} if isinstance(entry, str) else as_object(entry, where)
        name = as_string(entry_object.get("name"), f"{where}.name")
        if not name.strip():
            raise invalid(f"{where}.name", "must not be empty")
        if any(name == known["name"] for known in categories):
            raise invalid(f"{where}.name", f"'{name}' is there twice")
        description = as_string(entry_object.get("description", ""), f"{where}.description")
        categories.append({"name": name, "description": description})
    return categories


def _check_output(config: dict[str, Any], path: str) -> None:
    as_string(config.get("name", ""), f"{path}.name")
    _check_source(config, path)
    transform = config.get("transform")
    if transform is not None and transform not in _TRANSFORMS:
        raise invalid(f"{path}.transform", f"must be one of {', '.join(_TRANSFORMS)}")
    fields = as_strings(config.get("fields", ()), f"{path}.fields")
    if transform == "pick" and not fields:
        raise invalid(f"{path}.fields", "'pick' needs the names of the fields to pick")


def _check_source(config: dict[str, Any], path: str) -> None:
    source = config.get("source", ())
    config["source"] = [source] if isinstance(source, str) else list(as_strings(source, f"{path}.source"))
