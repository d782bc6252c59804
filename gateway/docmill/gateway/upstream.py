"""The services, as the gateway reaches them: one gRPC channel, calls by method descriptor, one kind of error.

This is the only file that knows gRPC. What goes with each call (`Call`) comes from the HTTP request; what comes back
beside the answer (the organization's request budget) is noted there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # its package has no py.typed
from grpc_health.v1 import health_pb2, health_pb2_grpc

from docmill.gateway.bindings import path_of
from docmill.gateway.problems import Problem
from docmill.gateway.transcode import json_path

__all__ = ["Call", "Upstream", "UpstreamError", "UpstreamOptions", "error_of", "serializers"]

_NEVER_TWICE = (
    ("FlowService", "RunFlow"),
    ("FlowService", "CreateFlow"),
    ("RunService", "CancelRun"),
    ("DocumentService", "UploadDocument"),
    ("DocumentService", "DeleteDocument"),
    ("AccountService", "CreateKey"),
    ("AccountService", "RevokeKey"),
    ("WebhookService", "Redeliver"),
    ("BatchService", "CreateBatch"),
)
"""A try that seemed to fail may have worked."""

_SERVICE_CONFIG = {
    "methodConfig": [
        {"name": [{"service": f"docmill.v1.{service}", "method": method} for service, method in _NEVER_TWICE]},
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        },
    ]
}

_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_receive_message_length", 512 * 1024 * 1024),
    ("grpc.max_send_message_length", -1),  # the services say what is too large
    # How long a lost connection waits before it is tried again: doubled, with jitter, up to the maximum.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    # A peer that went silent is noticed within 40 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Connections shared with other channels of this process would bring their back-off with them.
    ("grpc.use_local_subchannel_pool", 1),
]

_MAX_UPLOADS = 64
"""At the same time; others wait, and so do those who send them."""

_RATE = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
_STATUS = "grpc-status-details-bin"
_DOMAIN = "docmill"

_UNREACHABLE = "docmill is busy or a part of it is away for a moment; try again"
_BY_CODE = {
    grpc.StatusCode.UNAVAILABLE: ("OVERLOADED", _UNREACHABLE),
    grpc.StatusCode.CANCELLED: ("OVERLOADED", _UNREACHABLE),  # services that shut down end calls so
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("OVERLOADED", _UNREACHABLE),  # more calls, or a larger message, than they take
    grpc.StatusCode.DEADLINE_EXCEEDED: ("DEADLINE", "The call took longer than the server allows"),
    grpc.StatusCode.UNIMPLEMENTED: ("NOT_IMPLEMENTED", "The services behind this gateway do not know this call yet"),
}
"""What errors mean that were made on the way and carry no reason of docmill's; any other is our fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """How to reach the services."""

    target: str
    """Any gRPC target: `host:port`, `unix:/path`, `dns:///name:port`."""
    root_certificates: bytes | None = None
    """Certificate authorities (PEM) for a connection over TLS; None means a plain one."""
    timeout_s: float = 60.0
    """For one call with one answer."""


@dataclass(slots=True)
class Call:
    """What goes with every call made for one HTTP request."""

    metadata: tuple[tuple[str, str], ...] = ()
    """Credentials, ids and the client's address, as gRPC metadata."""
    rate: dict[str, str] = field(default_factory=dict)
    """The request budget as the last answer told it: `x-ratelimit-...` to value."""

    def note(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> None:
        """Keep what is said of the request budget."""
        for name, value in metadata or ():
            if name in _RATE:
                self.rate[name] = value.decode() if isinstance(value, bytes) else value


class UpstreamError(Problem):
    """A call that failed."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str, **facts: Any) -> None:
        super().__init__(reason, message, **facts)
        self.code = code


class Upstream:
    """The channel. Opens with the first call, reconnects by itself, and must be closed."""

    def __init__(self, options: UpstreamOptions) -> None:
        self.options = options
        certificates = options.root_certificates
        self._credentials = None if certificates is None else grpc.ssl_channel_credentials(certificates)
        if self._credentials is None:
            self._channel = grpc.aio.insecure_channel(options.target, options=_OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(options.target, self._credentials, options=_OPTIONS)
        self._methods: dict[str, Any] = {}
        self.uploads = asyncio.Semaphore(_MAX_UPLOADS)
        """Held by each upload under way."""
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)  # its stub has no attributes for types

    async def aclose(self) -> None:
        """End all calls and close the channels."""
        await self._channel.close()
        if "blocking_channel" in self.__dict__:
            self.blocking_channel.close()

    @cached_property
    def blocking_channel(self) -> grpc.Channel:
        """A channel for uploads, which grpc.aio does not do well."""
        if self._credentials is None:
            return grpc.insecure_channel(self.options.target, options=_OPTIONS)
        return grpc.secure_channel(self.options.target, self._credentials, options=_OPTIONS)

    async def serving(self, timeout_s: float = 2.0) -> bool:
        """Whether the services say that they serve."""
        with suppress(grpc.aio.AioRpcError):
            answer = await self._health.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
        return False

    async def unary(self, method: MethodDescriptor, request: Message, call: Call) -> Any:
        """The answer to one request. UpstreamError when there is none."""
        started = self._method(method)(request, metadata=call.metadata, timeout=self.options.timeout_s)
        try:
            answer = await started
        except grpc.aio.AioRpcError as error:
            raise error_of(error, method, call) from None
        call.note(await started.initial_metadata())
        call.note(await started.trailing_metadata())
        return answer

    async def stream(
        self, method: MethodDescriptor, request: Message, call: Call, *, wait: bool = False
    ) -> AsyncGenerator[Any, None]:
        """The answers to one request as they come; `wait`: until there is a connection. UpstreamError when it breaks."""
        started = self._method(method)(request, metadata=call.metadata, wait_for_ready=wait)
        try:
            call.note(await started.initial_metadata())
            while True:
                answer = await started.read()
                if answer is grpc.aio.EOF:
                    return
                yield answer
        except grpc.aio.AioRpcError as error:
            raise error_of(error, method, call) from None
        finally:
            started.cancel()  # does nothing to a call that ended

    def _method(self, method: MethodDescriptor) -> Any:
        known = self._methods.get(method.full_name)
        if known is None:
            make = self._channel.unary_stream if method.server_streaming else self._channel.unary_unary
            known = make(path_of(method), *serializers(method))
            self._methods[method.full_name] = known
        return known


def serializers(method: MethodDescriptor) -> tuple[Any, Any]:
    """From request to bytes, and from bytes to answer."""
    return GetMessageClass(method.input_type).SerializeToString, GetMessageClass(method.output_type).FromString


def error_of(error: Any, method: MethodDescriptor, call: Call) -> UpstreamError:
    """What a failed call (of grpc.aio or of gRPC's blocking channels) means."""
    code: grpc.StatusCode = error.code()
    trailing = tuple(error.trailing_metadata() or ())
    call.note(getattr(error, "initial_metadata", tuple)())
    call.note(trailing)
    status = _status(trailing)
    info, fields, retry_after = _details(status, method)
    if info is None:
        reason, message = _BY_CODE.get(code, ("INTERNAL", "Something went wrong on our side; try again"))
        return UpstreamError(code, reason, message, retry_after=1 if reason == "OVERLOADED" else None)
    details: dict[str, Any] = dict(info.metadata)
    message = status.message
    if "field" in details:
        details["field"], message = _in_json_names(method, details["field"], message)
    if "retryAfter" in details:
        retry_after = _seconds(details["retryAfter"]) or retry_after
    return UpstreamError(code, info.reason, message, details=details, fields=fields, retry_after=retry_after)


def _status(trailing: Iterable[tuple[str, str | bytes]]) -> Any:
    status = status_pb2.Status()
    for name, value in trailing:
        if name == _STATUS and isinstance(value, bytes):
            with suppress(DecodeError):
                status.ParseFromString(value)
    return status


def _details(status: Any, method: MethodDescriptor) -> tuple[Any, list[tuple[str, str]], int | None]:
    """ErrorInfo of docmill's, the fields to blame, and after how many seconds to try again."""
    info, fields, retry_after = None, [], None
    for packed in status.details:
        if packed.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            found = error_details_pb2.ErrorInfo.FromString(packed.value)
            info = found if found.domain == _DOMAIN else info
        elif packed.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            for each in error_details_pb2.BadRequest.FromString(packed.value).field_violations:
                path, description = _in_json_names(method, each.field, each.description)
                fields.append((path, description))
        elif packed.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            delay = error_details_pb2.RetryInfo.FromString(packed.value).retry_delay
            retry_after = max(1, delay.seconds + bool(delay.nanos))
    return info, fields, retry_after


def _in_json_names(method: MethodDescriptor, path: str, text: str) -> tuple[str, str]:
    """A field's path, and a text that may name it."""
    named = json_path(method.input_type, path)
    return named, text.replace(path, named) if path else text


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
