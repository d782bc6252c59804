"""An OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1) from the bindings of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from docmill.gateway.bindings import Binding, chain_of
from docmill.gateway.openapi.comments import comments
from docmill.gateway.openapi.overlay import Operation, Overlay
from docmill.gateway.openapi.schemas import Schemas

__all__ = ["openapi_document"]

_JSON = "application/json"


def openapi_document(bindings: Iterable[Binding], overlay: Overlay) -> dict[str, Any]:
    """The document of all `bindings`, in the form of the dialect that `overlay` describes."""
    schemas = Schemas(overlay)
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, str] = {}
    for binding in bindings:
        service = binding.method.containing_service
        tags[str(service.name).removesuffix("Service")] = comments().get(service.full_name, "")
        path = "/".join(
            f"{{{_json_name(binding, part)}}}" if part.startswith("{") else part for part in _parts(binding)
        )
        paths.setdefault(path, {})[binding.verb.lower()] = _operation(binding, overlay, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": overlay.title, "version": version("docmill"), "description": overlay.description},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}},
            "schemas": dict(sorted(schemas.components.items())),
        },
    }


def _parts(binding: Binding) -> list[str]:
    return binding.template.text.split("/")


def _json_name(binding: Binding, part: str) -> str:
    return str(chain_of(binding.method.input_type, part.strip("{}").partition("=")[0])[-1].json_name)


def _operation(binding: Binding, overlay: Overlay, schemas: Schemas) -> dict[str, Any]:
    method = binding.method
    own = overlay.operations.get(method.name, Operation())
    text = comments().get(method.full_name, "")
    made: dict[str, Any] = {
        "operationId": method.name[0].lower() + method.name[1:],
        "tags": [str(method.containing_service.name).removesuffix("Service")],
        "summary": text.partition(". ")[0].rstrip("."),
        "description": text,
        "parameters": [*_path_parameters(binding, schemas), *_parameters(binding, own, schemas)],
    }
    if binding.body:
        content = own.request or {_JSON: {"schema": _request(binding, schemas)}}
        made["requestBody"] = {"required": True, "content": dict(content)}
    usual = {_JSON: {"schema": _response(binding, schemas)}}  # made in any case: its parts become components
    content = own.response or usual
    headers = {name: dict(header) for name, header in overlay.headers.items()}
    answers: dict[str, Any] = {"200": {"description": "Done.", "headers": headers, "content": dict(content)}}
    if own.empty:
        answers["204"] = {"description": own.empty, "headers": headers}
    for status, when in overlay.errors.items():
        answers[str(status)] = {"description": when, "headers": headers, "content": {_JSON: {"schema": overlay.error}}}
    made["responses"] = answers
    return made


def _path_parameters(binding: Binding, schemas: Schemas) -> Iterator[dict[str, Any]]:
    for variable in binding.template.variables:
        field = chain_of(binding.method.input_type, variable.field)[-1]
        yield _parameter("path", str(field.json_name), schemas.field(field)) | {"required": True}


def _parameters(binding: Binding, own: Operation, schemas: Schemas) -> Iterator[dict[str, Any]]:
    if own.parameters is not None:
        yield from (dict(parameter) for parameter in own.parameters)
    elif binding.body != "*":
        taken = {variable.field for variable in binding.template.variables}
        for field in binding.method.input_type.fields:
            if field.name not in taken and _is_plain(field):
                yield _parameter("query", str(field.json_name), schemas.field(field))


def _is_plain(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is None or message.full_name in {"google.protobuf.Timestamp", "google.protobuf.Duration"}


def _parameter(place: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    text = schema.pop("description", "")
    return {"name": name, "in": place, "description": text, "schema": schema}


def _request(binding: Binding, schemas: Schemas) -> dict[str, Any]:
    if binding.body != "*":
        return schemas.field(chain_of(binding.method.input_type, binding.body)[-1])
    return schemas.object(
        binding.method.input_type, without=frozenset(variable.field for variable in binding.template.variables)
    )


def _response(binding: Binding, schemas: Schemas) -> dict[str, Any]:
    if not binding.response_body:
        return schemas.object(binding.method.output_type)
    message = chain_of(binding.method.output_type, binding.response_body)[-1].message_type
    assert message is not None
    return schemas.message(message)
