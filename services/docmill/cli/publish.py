"""A version of a flow file, published unless it is there already."""

from collections.abc import Mapping
from json import dumps, loads
from typing import Any, Literal

from docmill.client import (
    ApiError,
    AsyncDocmill,
    ConflictError,
    Flow,
    FlowConfig,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from docmill.domain.flow_specs import FlowSpec

_KEYS = {"input_schema": "inputSchema", "output_schema": "outputSchema"}
"""Names in flow files, where the client has others."""


class Refused(ApiError):
    """docmill does not take this version; it may take others."""


async def publish(docmill: AsyncDocmill, spec: FlowSpec) -> tuple[Literal["created", "unchanged"], Flow]:
    """Create a version, or find it as it should be. `Refused` names the version and says why it can be neither."""
    content = _content(spec)
    try:
        return "created", await docmill.flows.create(spec.id, spec.version, **content)
    except (ConflictError, InvalidArgumentError) as error:
        refusal = error
    try:
        found = await docmill.flows.get(spec.id, version=spec.version)
    except (NotFoundError, PermissionDeniedError):
        raise _refused(spec, refusal) from refusal
    other = [_KEYS.get(name, name) for name, value in content.items() if not _same(getattr(found, name), value)]
    if other:
        raise _refused(spec, refusal, other) from refusal
    return "unchanged", found


def _refused(spec: FlowSpec, error: ApiError, other: list[str] | None = None) -> Refused:
    message = f"{spec.id} {spec.version}: {error.message}"
    if other and isinstance(error, ConflictError):
        message = (
            f"{spec.id} {spec.version} is there with another {', '.join(other)}, and versions never change: "
            "give the new one a new number"
        )
    details = {**error.details, "flow": spec.id, "version": spec.version}
    return Refused(message, code=error.code, reason=error.reason, details=details)


def _content(spec: FlowSpec) -> dict[str, Any]:
    limits = spec.limits
    return {
        "name": spec.name,
        "description": spec.description,
        "hidden": spec.hidden,
        "input_schema": spec.input_schema,
        "output_schema": spec.output_schema,
        "definition": spec.definition.to_json(),
        "config": FlowConfig(
            supported_formats=tuple(limits.supported_formats),
            max_file_size_mb=limits.max_file_size_mb,
            max_pages=limits.max_pages,
            estimated_credits_per_page=limits.estimated_credits_per_page,
        ),
    }


def _same(published: Any, given: Any) -> bool:
    if isinstance(given, Mapping):
        return bool(_as_published(_as_sent(given), published) == _as_sent(published))
    return bool(published == given)


def _as_published(given: Any, published: Any) -> Any:
    """`given` with the version in each reference to a flow that publishing put there: `lab` is `lab@1.2.0` by now."""
    if isinstance(given, list) and isinstance(published, list) and len(given) == len(published):
        return [_as_published(one, other) for one, other in zip(given, published, strict=True)]
    if not isinstance(given, dict) or not isinstance(published, Mapping):
        return given
    there = str(published.get("flowRef", ""))
    if given.keys() == {"flowRef"} and there.partition("@")[0] == given["flowRef"]:
        return {"flowRef": there}
    return {name: _as_published(value, published.get(name)) for name, value in given.items()}


def _as_sent(value: Mapping[str, Any]) -> Any:
    """A JSON object after its way through a message, where every number is a floating point number."""
    return loads(dumps(value), parse_int=float)
