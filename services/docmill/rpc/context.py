"""What is known about the call being served: who calls, and the ids it is traced by."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, TypeAlias

import grpc.aio
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from docmill.domain.errors import InternalError
from docmill.domain.models import Caller

__all__ = ["Context", "caller", "current_caller", "metadata_value", "trace_id"]

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

current_caller: ContextVar[Caller | None] = ContextVar("current_caller", default=None)

_propagator = TraceContextTextMapPropagator()


def caller() -> Caller:
    """Who calls. The authentication interceptor has put it there."""
    found = current_caller.get()
    if found is None:
        raise InternalError
    return found


def metadata_value(context: Context, name: str) -> str:
    """The first value of a text header (lowercase name), or an empty string."""
    for key, value in context.invocation_metadata() or ():
        if key == name:
            return value if isinstance(value, str) else value.decode("ascii", errors="replace")
    return ""


def trace_id(context: Context) -> str:
    """32 hex digits from the caller's `traceparent` (W3C Trace Context); empty when there is no valid one."""
    extracted = _propagator.extract({"traceparent": metadata_value(context, "traceparent")})
    span = trace.get_current_span(extracted).get_span_context()
    return trace.format_trace_id(span.trace_id) if span.is_valid else ""
