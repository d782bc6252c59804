"""The HTTP bindings of the public API, read from the `google.api.http` options of its methods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2  # type: ignore[import-untyped]  # its package has no py.typed
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor

from docmill.gateway.template import Template
from docmill.v1 import accounts_pb2, batches_pb2, documents_pb2, flows_pb2, runs_pb2, webhooks_pb2

__all__ = ["SERVICES", "Binding", "bindings_of", "bindings_under", "chain_of", "path_of"]

SERVICES: Sequence[ServiceDescriptor] = [
    service
    for module in (accounts_pb2, documents_pb2, flows_pb2, runs_pb2, webhooks_pb2, batches_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]
"""All services of the public API."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One way to call a method over HTTP."""

    method: MethodDescriptor
    verb: str
    """`GET`, `POST`, ..."""
    template: Template
    body: str
    """Which part of the request message the body is: `*` for all that the path does not give, a field, or empty."""
    response_body: str
    """Which field of the answer is the body; empty for all of it."""


def bindings_of(services: Iterable[ServiceDescriptor]) -> list[Binding]:
    """Every binding of the methods of `services`. ValueError for one that names a field that is not there."""
    found = []
    for service in services:
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            found += [
                _binding(method, each) for each in (rule, *rule.additional_bindings) if each.WhichOneof("pattern")
            ]
    return found


def bindings_under(prefix: str) -> list[Binding]:
    """The bindings of the public API whose paths begin so: those of one surface."""
    return [binding for binding in bindings_of(SERVICES) if binding.template.text.startswith(f"{prefix}/")]


def _binding(method: MethodDescriptor, rule: http_pb2.HttpRule) -> Binding:
    kind = rule.WhichOneof("pattern")
    verb, path = (rule.custom.kind, rule.custom.path) if kind == "custom" else (kind.upper(), getattr(rule, kind))
    template = Template.parse(path)
    for variable in template.variables:
        field = chain_of(method.input_type, variable.field)[-1]
        if field.is_repeated or field.message_type is not None:
            raise ValueError(f"{method.full_name}: {variable.field} cannot be a part of a path")
    if rule.body not in {"", "*"}:
        chain_of(method.input_type, rule.body)
    if rule.response_body:
        chain_of(method.output_type, rule.response_body)
    return Binding(method, verb, template, rule.body, rule.response_body)


def chain_of(descriptor: Descriptor | None, path: str) -> list[FieldDescriptor]:
    """The fields that a dotted path of proto names leads through. ValueError when there are none."""
    chain: list[FieldDescriptor] = []
    for name in path.split("."):
        field = descriptor.fields_by_name.get(name) if descriptor is not None else None
        if field is None:
            raise ValueError(f"there is no field {path}")
        chain.append(field)
        descriptor = field.message_type
    return chain


def path_of(method: MethodDescriptor) -> str:
    """`/docmill.v1.RunService/GetRun`: how gRPC calls the method."""
    return f"/{method.containing_service.full_name}/{method.name}"
