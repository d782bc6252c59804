"""JSON Schema checks with jsonschema-rs. No schema may make us fetch anything: remote references are refused."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

from docmill.domain.errors import InvalidArgument, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.models import JsonObject

__all__ = ["Finding", "check_schema", "check_variables", "findings"]

_MAX_FINDINGS = 50
_MAX_SCHEMA_BYTES = 256 * 1024
_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a value does not fit its schema."""

    path: str
    """JSON pointer (RFC 6901) into the value; empty for the value itself."""
    message: str


def check_schema(schema: JsonObject, field: str) -> None:
    """Raise `InvalidArgument` naming `field` unless `schema` is a valid JSON Schema without remote references."""
    try:
        _validator(_canonical(schema))
    except ValueError as error:  # jsonschema_rs.ValidationError is one
        message = str(error).partition("\n")[0][:_LONGEST_MESSAGE]
        raise InvalidArgument(
            Reason.FIELD_INVALID, f"{field}: not a usable JSON Schema: {message}", {"field": field}
        ) from error


def findings(schema: JsonObject, value: Any) -> list[Finding]:
    """Where `value` does not fit `schema` (at most 50 places). An empty schema fits everything."""
    if not schema:
        return []
    errors = _validator(_canonical(schema)).iter_errors(value)
    return [Finding(_pointer(error.instance_path), _message(error)) for error in islice(errors, _MAX_FINDINGS)]


def check_variables(schema: JsonObject, variables: JsonObject) -> None:
    """Raise `InvalidArgument` for the first variable of a run that does not fit the flow's input schema.

    `details.field` is its dotted path below `input.variables`, a missing one's own path.
    """
    found = next(iter(_errors(schema, dict(variables))), None)
    if found is None:
        return
    path, message, missing = found
    field = ".".join(["input.variables", *path, *([missing] if missing else [])])
    reason = Reason.VARIABLE_MISSING if missing else Reason.FIELD_INVALID
    raise InvalidArgument(reason, f"{field}: {message}", {"field": field})


def _errors(schema: JsonObject, value: Any) -> list[tuple[list[str], str, str]]:
    """Path, message, and the name of a missing property if that is the error."""
    if not schema:
        return []
    found = []
    for error in islice(_validator(_canonical(schema)).iter_errors(value), _MAX_FINDINGS):
        missing = error.kind.property if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required) else ""
        found.append(([str(part) for part in error.instance_path], _message(error), str(missing)))
    return found


def _message(error: jsonschema_rs.ValidationError) -> str:
    return str(error.message)[:_LONGEST_MESSAGE]


def _pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _canonical(schema: JsonObject) -> bytes:
    text = orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)
    if len(text) > _MAX_SCHEMA_BYTES:
        raise ValueError(f"it is larger than {_MAX_SCHEMA_BYTES // 1024} KiB")
    return text


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> jsonschema_rs.Validator:
    """Compiled once per schema. Without a `$schema` it is draft 2020-12.

    Patterns are matched in linear time: without look-around and back references, whose cost a caller could choose.
    """
    return jsonschema_rs.validator_for(
        orjson.loads(schema), retriever=_refuse, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
    )


def _refuse(uri: str) -> Any:
    raise ValueError(f"references to other documents are not followed ({uri})")
