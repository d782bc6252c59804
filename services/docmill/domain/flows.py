"""Flow definitions: the recipe of a flow version, checked and normalised before anything is stored or run.

The format is the documented one: `{version, steps: [{type, id, nodeType, config}]}`.
This release runs straight lines of `parse`, `categorize`, `extract`, `validate`, `assess` and `output`; what else the format
knows is refused with a message that says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docmill.domain.consensus import check_consensus
from docmill.domain.providers import check_model_options
from docmill.domain.schemas import check_extract_schema, invalid
from docmill.domain.versions import parse_version

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject

__all__ = ["Category", "FlowDefinition", "Step", "parse_definition", "parse_version"]

FORMAT_VERSION = "1.0.0"
NODE_TYPES = ("parse", "categorize", "extract", "validate", "assess", "output")
MAX_STEPS = 50
_LATER_NODES = frozenset({"split", "trigger", "chunk", "combine"})
_LATER_STEPS = frozenset({"conditional", "forEach"})
_MAY_FOLLOW: Mapping[str, frozenset[str]] = {
    "parse": frozenset({"categorize", "extract", "output"}),
    "categorize": frozenset({"parse", "categorize", "extract", "output"}),
    "extract": frozenset({"validate", "assess", "output"}),
    "validate": frozenset({"assess", "output"}),
    "assess": frozenset({"output"}),
    "output": frozenset({"output"}),
}
_TRANSFORMS = ("first", "last", "merge", "pick")
_STEP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PROVIDER_REF = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9][A-Za-z0-9_./-]{0,127})?")
_ANY_ENGINE = frozenset({"ocr", "auto"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One of the answers a categorize step may give."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One node of a flow, in the order of the flow."""

    id: str
    node_type: str
    """One of `NODE_TYPES`."""
    type: str = "step"
    name: str = ""
    config: JsonObject = field(default_factory=dict)

    @property
    def provider(self) -> str:
        """Label of the provider that does the work, or empty for the installation's default."""
        return str(self.config.get("providerRef", ""))

    @property
    def categories(self) -> tuple[Category, ...]:
        """The answers of a categorize step."""
        return tuple(Category(**entry) for entry in self.config.get("categories", ()))

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the steps whose results an assess or output step takes; empty for the step before it."""
        return tuple(self.config.get("source", ()))

    def to_json(self) -> dict[str, Any]:
        """The step in the stored format."""
        named = {"name": self.name} if self.name else {}
        return {"type": self.type, "id": self.id, **named, "nodeType": self.node_type, "config": dict(self.config)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDefinition:
    """A checked recipe."""

    steps: tuple[Step, ...]
    accepted_formats: tuple[str, ...] = ()
    """Media types the definition accepts; empty for those of the flow's limits."""

    @property
    def parse_step(self) -> Step | None:
        """The step that reads the pages; a flow without one reads them with default options."""
        return next((step for step in self.steps if step.node_type == "parse"), None)

    @property
    def read_options(self) -> JsonObject:
        """Options for reading a page (`JobMessage.read`): `engine` when the flow names one, `languages` when given."""
        step = self.parse_step
        if step is None:
            return {}
        engine = {"engine": step.provider} if step.provider and step.provider not in _ANY_ENGINE else {}
        languages = {"languages": list(step.config["languages"])} if "languages" in step.config else {}
        return {**engine, **languages}

    @property
    def document_steps(self) -> tuple[Step, ...]:
        """What comes after the pages are read, in order."""
        return tuple(step for step in self.steps if step.node_type != "parse")

    def to_json(self) -> dict[str, Any]:
        """The definition in the stored format, normalised."""
        checks = {"inputValidation": {"acceptedFormats": list(self.accepted_formats)}} if self.accepted_formats else {}
        return {"version": FORMAT_VERSION, **checks, "steps": [step.to_json() for step in self.steps]}


def parse_definition(definition: JsonObject) -> FlowDefinition:
    """The recipe in `definition`, or `InvalidArgument` whose `details.field` is the dotted path of what is wrong."""
    definition = _object(definition, "definition")
    if definition.get("version", FORMAT_VERSION) not in (FORMAT_VERSION, "1.0"):
        raise invalid("definition.version", f"only format version {FORMAT_VERSION} is known")
    raw_steps = definition.get("steps")
    if not isinstance(raw_steps, Sequence) or isinstance(raw_steps, str) or not raw_steps:
        raise invalid("definition.steps", "must be a list with at least one step")
    if len(raw_steps) > MAX_STEPS:
        raise invalid("definition.steps", f"has more than {MAX_STEPS} steps")
    steps = tuple(_step(raw, f"definition.steps.{index}") for index, raw in enumerate(raw_steps))
    _check_order(steps)
    _check_sources(steps)
    return FlowDefinition(steps=steps, accepted_formats=_accepted_formats(definition))


def _accepted_formats(definition: JsonObject) -> tuple[str, ...]:
    rules = _object(definition.get("inputValidation", {}), "definition.inputValidation")
    return _strings(rules.get("acceptedFormats", ()), "definition.inputValidation.acceptedFormats")


def _step(raw: Any, path: str) -> Step:
    raw = _object(raw, path)
    kind = _string(raw.get("type", "step"), f"{path}.type")
    if kind in _LATER_STEPS:
        raise invalid(f"{path}.type", f"'{kind}' steps are not supported yet")
    if kind != "step":
        raise invalid(f"{path}.type", f"'{kind}' is no type of step; use 'step'")
    step_id = _string(raw.get("id"), f"{path}.id")
    if not _STEP_ID.fullmatch(step_id):
        raise invalid(f"{path}.id", "use 1 to 64 letters, digits, '_', '.' or '-', starting with a letter or digit")
    node_type = _string(raw.get("nodeType"), f"{path}.nodeType")
    if node_type in _LATER_NODES:
        raise invalid(f"{path}.nodeType", f"'{node_type}' nodes are not supported yet")
    if node_type not in NODE_TYPES:
        raise invalid(f"{path}.nodeType", f"'{node_type}' is none of {', '.join(NODE_TYPES)}")
    config = _config(node_type, _object(raw.get("config", {}), f"{path}.config"), f"{path}.config")
    return Step(id=step_id, node_type=node_type, name=_string(raw.get("name", ""), f"{path}.name"), config=config)


def _config(node_type: str, raw: JsonObject, path: str) -> JsonObject:
    config = dict(raw)
    if "provider" in config:  # the older spelling of stored definitions
        config.setdefault("providerRef", config["provider"])
        del config["provider"]
    if "providerRef" in config:
        reference = _string(config["providerRef"], f"{path}.providerRef")
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
                config["languages"] = list(_strings(config["languages"], f"{path}.languages"))
        case "categorize":
            config["categories"] = _categories(config.get("categories"), f"{path}.categories")
            _string(config.get("hint", ""), f"{path}.hint")
        case "extract":
            config["schema"] = check_extract_schema(config.get("schema"), f"{path}.schema")
            if not isinstance(config.get("useEmbedded", True), bool):
                raise invalid(f"{path}.useEmbedded", "must be true or false")
            more = _object(config.get("byCategory", {}), f"{path}.byCategory")
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
        entry_object = {"name": entry} if isinstance(entry, str) else _object(entry, where)
        name = _string(entry_object.get("name"), f"{where}.name")
        if not name.strip():
            raise invalid(f"{where}.name", "must not be empty")
        if any(name == known["name"] for known in categories):
            raise invalid(f"{where}.name", f"'{name}' is there twice")
        description = _string(entry_object.get("description", ""), f"{where}.description")
        categories.append({"name": name, "description": description})
    return categories


def _check_output(config: dict[str, Any], path: str) -> None:
    _string(config.get("name", ""), f"{path}.name")
    _check_source(config, path)
    transform = config.get("transform")
    if transform is not None and transform not in _TRANSFORMS:
        raise invalid(f"{path}.transform", f"must be one of {', '.join(_TRANSFORMS)}")
    fields = _strings(config.get("fields", ()), f"{path}.fields")
    if transform == "pick" and not fields:
        raise invalid(f"{path}.fields", "'pick' needs the names of the fields to pick")


def _check_source(config: dict[str, Any], path: str) -> None:
    source = config.get("source", ())
    config["source"] = [source] if isinstance(source, str) else list(_strings(source, f"{path}.source"))


def _check_order(steps: Sequence[Step]) -> None:
    """Unique ids, one parse step at most, and only the documented connections."""
    seen: set[str] = set()
    for index, step in enumerate(steps):
        path = f"definition.steps.{index}"
        if step.id in seen:
            raise invalid(f"{path}.id", f"'{step.id}' is the id of an earlier step")
        seen.add(step.id)
        if index and step.node_type not in _MAY_FOLLOW[steps[index - 1].node_type]:
            before = steps[index - 1].node_type
            raise invalid(f"{path}.nodeType", f"'{step.node_type}' cannot follow '{before}'")
        if step.node_type == "parse" and any(other.node_type == "parse" for other in steps[:index]):
            raise invalid(f"{path}.nodeType", "a flow reads its pages once: one 'parse' step")
    if steps[0].node_type in {"validate", "assess", "output"}:
        raise invalid("definition.steps.0.nodeType", f"a flow cannot start with '{steps[0].node_type}'")


def _check_sources(steps: Sequence[Step]) -> None:
    """Outputs and assessments take what earlier steps made; names of several outputs differ."""
    names: set[str] = set()
    for index, step in enumerate(steps):
        path = f"definition.steps.{index}.config"
        earlier = {other.id for other in steps[:index]}
        for source in step.sources:
            if source not in earlier:
                raise invalid(f"{path}.source", f"'{source}' is no earlier step")
        if step.node_type != "output":
            continue
        name = str(step.config.get("name") or step.id)
        if name in names:
            raise invalid(f"{path}.name", f"'{name}' is the name of an earlier output")
        names.add(name)


def _object(value: Any, path: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise invalid(path, "must be an object")
    return value


def _string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise invalid(path, "must be a string")
    return value


def _strings(value: Any, path: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        raise invalid(path, "must be a list of strings")
    return tuple(value)
