"""From an HTTP request to the message of the bound method, and from its answer to JSON: led by the descriptors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from docmill.gateway.bindings import Binding, chain_of
from docmill.gateway.decode import Decoder
from docmill.gateway.encode import Encoder

__all__ = ["Transcoder", "json_path"]

Query = Sequence[tuple[str, str]]
"""Names and values of a query, decoded, in their order."""

_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\[[^\]]*\])*)(?:\.|$)")


class Transcoder:
    """One binding, ready to be used."""

    def __init__(self, binding: Binding, decoder: Decoder, encoder: Encoder) -> None:
        self.binding = binding
        self._decoder = decoder
        self._encoder = encoder
        request = binding.method.input_type
        self._request_class = GetMessageClass(request)
        self._variables = {each.field: chain_of(request, each.field) for each in binding.template.variables}
        self._parameters = {} if binding.body == "*" else self._free_parameters(request)

    def _free_parameters(self, request: Descriptor) -> dict[str, list[FieldDescriptor]]:
        """What neither the path nor the body gives, by JSON name and by proto name."""
        taken = {self.binding.body, *self._variables}
        found = {}
        for name, chain in self._decoder.parameters(request):
            proto_name = ".".join(field.name for field in chain)
            if proto_name not in taken and proto_name.partition(".")[0] not in taken:
                found[name] = found[proto_name] = chain
        return found

    def request(self, variables: Mapping[str, str], query: Query, body: Any = None) -> Message:
        """The request message: the body first, then the query, the path last. FieldError for what does not fit.

        `body` is the JSON value of a binding that has one; None stands for an empty body.
        """
        message = self._request_class()
        if self.binding.body == "*":
            self._decoder.merge(message, {} if body is None else body)
        elif self.binding.body and body is not None:
            self._decoder.merge(message, {self.binding.body: body})
        given: dict[str, list[str]] = {}
        for name, value in query:
            given.setdefault(name, []).append(value)
        for name, values in given.items():
            chain = self._parameters.get(name)
            if chain is not None:
                self._decoder.set_text(message, chain, values, ".".join(str(field.json_name) for field in chain))
        for name, value in variables.items():
            chain = self._variables[name]
            self._decoder.set_text(message, chain, [value], ".".join(str(field.json_name) for field in chain))
        return message

    def body_of(self, answer: Message) -> Message:
        """The message that is the body of the answer."""
        return getattr(answer, self.binding.response_body) if self.binding.response_body else answer

    def json(self, answer: Message) -> Any:
        """The JSON value of the answer."""
        return self._encoder(self.body_of(answer))


def json_path(descriptor: Descriptor, path: str) -> str:
    """`filter.created_after` as JSON names it, `filter.createdAfter`; what is no path stays as it is."""
    made: list[str] = []
    current: Descriptor | None = descriptor
    for step in _STEP.finditer(path):
        field = current.fields_by_name.get(step[1]) if current is not None else None
        made.append(f"{field.json_name if field is not None else step[1]}{step[2]}")
        current = field.message_type if field is not None else None
    return ".".join(made) or path
