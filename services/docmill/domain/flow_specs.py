"""A flow version as its author writes it (a flow file, a CreateFlow call), checked before it becomes one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import Reason
from docmill.domain.flow_keys import check_keys, refuse_unknown
from docmill.domain.flow_kinds import check_kinds
from docmill.domain.flows import FLOW_ID_PATTERN, FlowDefinition, parse_definition, parse_version
from docmill.domain.models import FlowLimits, FlowVersion, JsonObject
from docmill.domain.schemas import MAX_SCHEMA_BYTES, check_size, invalid, refuse_references

if TYPE_CHECKING:
    from datetime import datetime

SUPPORTED_FORMATS = (
    "application/pdf",
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/tiff",
    "image/bmp",
    "image/heic",
    "image/heif",
    "image/gif",
    "application/xml",
)
"""Media types that can be read."""

MAX_FLOW_ID, MAX_NAME, MAX_DESCRIPTION = 64, 200, 2000  # characters
MAX_DEFINITION_BYTES = 256 * 1024  # as JSON in UTF-8 without spaces
MAX_NESTING = 14
"""Levels of objects and lists in a definition. The schemas in it count as one each: they have a limit of their own."""
_SCHEMAS = frozenset({"schema", "byCategory"})
MAX_FILE_SIZE_MB, MAX_PAGES, MAX_CREDITS_PER_PAGE = 1024, 10_000, 1000
_RESHAPING = frozenset({"split", "chunk", "combine"})
_KEYS = frozenset(
    {"id", "version", "name", "description", "hidden", "inputSchema", "outputSchema", "config", "definition"}
)

_LIMITS = frozenset({"supportedFormats", "maxFileSizeMB", "maxPages", "estimatedCreditsPerPage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSpec:
    """What an author says about one version of a flow."""

    id: str
    version: str
    name: str
    description: str
    hidden: bool
    input_schema: JsonObject
    output_schema: JsonObject
    limits: FlowLimits
    definition: FlowDefinition

    def published(self, *, org_id: str, at: datetime) -> FlowVersion:
        """The immutable version that `org_id` (empty for the installation) publishes."""
        return FlowVersion(
            flow_id=self.id,
            org_id=org_id,
            version=self.version,
            name=self.name,
            description=self.description,
            hidden=self.hidden,
            input_schema=self.input_schema,
            output_schema=self.output_schema,
            limits=self.limits,
            definition=self.definition.to_json(),
            created_at=at,
        )


def parse_flow(document: Any) -> FlowSpec:
    """The flow in `document`; `InvalidArgument` with `details.field` for the first thing that is wrong.

    The keys are those of a flow file: `id version name description hidden inputSchema outputSchema config
    definition`. Without an `outputSchema` the schema of the last extract step is the flow's.
    """
    if not isinstance(document, Mapping):
        raise invalid("flow", "must be an object")
    refuse_unknown(document, _KEYS, "", "a flow")
    flow_id = _text(document, "id", required=True)
    if len(flow_id) > MAX_FLOW_ID or not re.fullmatch(FLOW_ID_PATTERN, flow_id):
        raise invalid(
            "id", f"use 1 to {MAX_FLOW_ID} lower-case letters, digits, '-' or '_', starting with a letter or digit"
        )
    version = _text(document, "version", required=True)
    parse_version(version)
    if "definition" not in document:
        raise invalid("definition", "is missing", reason=Reason.FIELD_MISSING)
    check_size(document["definition"], "definition", most=MAX_DEFINITION_BYTES)
    _check_nesting(document["definition"])
    check_keys(document["definition"])
    definition = parse_definition(document["definition"])
    check_kinds(definition)
    return FlowSpec(
        id=flow_id,
        version=version,
        name=_text(document, "name", most=MAX_NAME) or flow_id,
        description=_text(document, "description", most=MAX_DESCRIPTION),
        hidden=_flag(document, "hidden"),
        input_schema=_schema(document, "inputSchema"),
        output_schema=_schema(document, "outputSchema") or _extract_schema(definition),
        limits=_limits(document.get("config", {}), definition),
        definition=definition,
    )


def _extract_schema(definition: FlowDefinition) -> JsonObject:
    """That of the last extract step, where the flow's output is the object this step makes."""
    if any(step.node_type in _RESHAPING or step.type != "step" for step in definition.steps):
        return {}
    schemas = [step.config["schema"] for step in definition.steps if step.node_type == "extract"]
    return schemas[-1] if schemas else {}


def _check_nesting(definition: Any) -> None:
    nodes = [(definition, "definition", 1)]
    while nodes:
        node, path, depth = nodes.pop()
        if depth > MAX_NESTING:
            raise invalid(
                path,
                f"is nested deeper than {MAX_NESTING} levels; publish the inner flow by itself and name it: "
                '{"flowRef": "its-id"}',
            )
        named = node.items() if isinstance(node, Mapping) else enumerate(node)
        nodes.extend(
            (child, f"{path}.{name}", depth + 1)
            for name, child in named
            if isinstance(child, Mapping | list | tuple) and name not in _SCHEMAS
        )


def _limits(config: Any, definition: FlowDefinition) -> FlowLimits:
    if not isinstance(config, Mapping):
        raise invalid("config", "must be an object")
    refuse_unknown(config, _LIMITS, "config", "the config of a flow")
    formats = config.get("supportedFormats", definition.accepted_formats or SUPPORTED_FORMATS)
    if isinstance(formats, str) or not isinstance(formats, Sequence) or not formats:
        raise invalid("config.supportedFormats", "must be a list of media types")
    for media_type in formats:
        if media_type not in SUPPORTED_FORMATS:
            raise invalid(
                "config.supportedFormats", f"'{media_type}' cannot be read; known: {', '.join(SUPPORTED_FORMATS)}"
            )
    return FlowLimits(
        supported_formats=tuple(formats),
        max_file_size_mb=_number(config, "maxFileSizeMB", default=50, most=MAX_FILE_SIZE_MB),
        max_pages=_number(config, "maxPages", default=500, most=MAX_PAGES),
        estimated_credits_per_page=_number(
            config, "estimatedCreditsPerPage", default=1, most=MAX_CREDITS_PER_PAGE, least=0
        ),
    )


def _text(document: JsonObject, key: str, *, required: bool = False, most: int | None = None) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise invalid(key, "must be a string")
    if most is not None and len(value) > most:
        raise invalid(key, f"has more than {most} characters")
    if required and not value:
        raise invalid(key, "is missing", reason=Reason.FIELD_MISSING)
    return value


def _flag(document: JsonObject, key: str) -> bool:
    value = document.get(key, False)
    if not isinstance(value, bool):
        raise invalid(key, "must be true or false")
    return value


def _schema(document: JsonObject, key: str) -> JsonObject:
    value = document.get(key, {})
    if not isinstance(value, Mapping):
        raise invalid(key, "must be a JSON Schema object")
    check_size(value, key, most=MAX_SCHEMA_BYTES)
    refuse_references(value, key)
    return value


def _number(config: JsonObject, key: str, *, default: int, most: int, least: int = 1) -> int:
    value = config.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid(f"config.{key}", f"must be a whole number from {least} to {most}")
    return value
