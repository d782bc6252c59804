"""The gRPC server: services, interceptors, health, reflection, listeners and an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from docmill.domain.errors import InvalidArgument, Reason
from docmill.engine import Engine
from docmill.rpc.accounts import AccountService
from docmill.rpc.batches import BatchService
from docmill.rpc.budgets import Budgets
from docmill.rpc.documents import DocumentService
from docmill.rpc.flows import FlowService
from docmill.rpc.interceptors import Authentication, Deadlines, Errors, Logging, Scopes, Validation
from docmill.rpc.runs import RunService
from docmill.rpc.webhooks import WebhookService
from docmill.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    batches_pb2,
    batches_pb2_grpc,
    documents_pb2,
    documents_pb2_grpc,
    flows_pb2,
    flows_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
    webhooks_pb2,
    webhooks_pb2_grpc,
)

__all__ = ["RpcServer", "ServerOptions"]

log = structlog.stdlib.get_logger(__name__)

SERVICES: tuple[str, ...] = tuple(
    service.full_name
    for module in (documents_pb2, flows_pb2, runs_pb2, accounts_pb2, webhooks_pb2, batches_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
)

LIVENESS = "liveness"
"""Service of the health checks that is SERVING as long as this process answers, whatever it needs is away."""

MIB = 1024 * 1024
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to serve. Times are seconds."""

    listen: Sequence[str] = ("127.0.0.1:0",)
    """`host:port` (port 0 takes a free one) or `unix:/path`."""
    credentials: grpc.ServerCredentials | None = None
    """TLS for the `host:port` listeners; a Unix socket is always plain."""
    reflection: bool = True
    """Whether tools may ask for the contract."""
    max_concurrent_calls: int = 1000
    """Further calls are refused with RESOURCE_EXHAUSTED; an open watch counts as one."""
    max_message_bytes: int = 64 * MIB
    """Largest message taken: a document of 50 MiB fits into RunFlow."""
    call_timeout_s: float = 60.0
    """Longest life of a call with one request and one answer."""
    stream_timeout_s: float = 3600.0
    """Longest life of an upload or a watch."""
    max_connection_age_s: float = 1800.0
    """Clients are asked to reconnect after this time, so that load spreads over new replicas."""
    reuse_port: bool = False
    """Whether several processes may listen on one port."""


class RpcServer:
    """Serves the public API of one engine.

    `start`, then `addresses` tells where; `stop` refuses new calls, ends watches so that their clients resume
    elsewhere, and lets the others finish.
    """

    def __init__(self, engine: Engine, options: ServerOptions | None = None) -> None:
        self._options = options or ServerOptions()
        self._deadlines = Deadlines(
            call_timeout_s=self._options.call_timeout_s, stream_timeout_s=self._options.stream_timeout_s
        )
        authentication, budgets = Authentication(engine), Budgets(engine)
        layers = [Logging(), Errors(), self._deadlines, authentication, budgets, Scopes(), Validation()]
        self._server = grpc.aio.server(
            interceptors=layers,
            options=_channel_options(self._options),
            maximum_concurrent_rpcs=self._options.max_concurrent_calls,
        )
        self._health = health.aio.HealthServicer()
        self._addresses: tuple[str, ...] = ()
        documents_pb2_grpc.add_DocumentServiceServicer_to_server(DocumentService(engine), self._server)
        flows_pb2_grpc.add_FlowServiceServicer_to_server(FlowService(engine), self._server)
        runs_pb2_grpc.add_RunServiceServicer_to_server(RunService(engine), self._server)
        webhooks_pb2_grpc.add_WebhookServiceServicer_to_server(WebhookService(engine), self._server)
        batches_pb2_grpc.add_BatchServiceServicer_to_server(BatchService(engine), self._server)
        accounts_pb2_grpc.add_AccountServiceServicer_to_server(AccountService(engine), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if self._options.reflection:
            names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, in the order of `ServerOptions.listen`, with real ports."""
        return self._addresses

    async def start(self) -> tuple[str, ...]:
        """Listen and serve; gives `addresses`. Raises `InvalidArgument` if an address cannot be had."""
        await self.set_serving(serving=True)
        await self._health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        self._addresses = tuple(self._listen(address) for address in self._options.listen)
        await self._server.start()
        log.info("the gRPC server listens", event_key="rpc.started", addresses=self._addresses)
        return self._addresses

    def _listen(self, address: str) -> str:
        try:
            if address.startswith("unix:"):
                self._server.add_insecure_port(address)
                return address
            host = _host(address)
            credentials = self._options.credentials
            if credentials is None:
                return f"{host}:{self._server.add_insecure_port(address)}"
            return f"{host}:{self._server.add_secure_port(address, credentials)}"
        except RuntimeError as error:
            raise _unusable(
                f"Nobody can listen on {address}: another program does, or it is no address of this machine. Choose another"
            ) from error

    async def set_serving(self, *, serving: bool) -> None:
        """What health checks hear."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *SERVICES):
            await self._health.set(name, status)

    async def stop(self, grace_s: float = 10.0) -> None:
        """Stop serving; calls still open after `grace_s` are cancelled."""
        await self._health.enter_graceful_shutdown()
        stopping = asyncio.ensure_future(self._server.stop(grace_s))
        self._deadlines.drain()
        await stopping
        log.info("the gRPC server has stopped", event_key="rpc.stopped")

    async def wait(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()


def _host(address: str) -> str:
    """Of `host:port`. gRPC would listen on port 443 where none is named, and on another one than a number beyond all ports."""
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and int(port) <= _MAX_PORT):
        raise _unusable(f"{address} is no address to listen on: write host:port or unix:/path")
    return host


def _unusable(wrong: str) -> InvalidArgument:
    return InvalidArgument(Reason.FIELD_INVALID, f"{wrong} (DOCMILL_GRPC, --grpc)", {"field": "grpc"})


def _channel_options(options: ServerOptions) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", options.max_message_bytes),
        ("grpc.max_send_message_length", -1),  # our own answers: a long document's output is large
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.so_reuseport", int(options.reuse_port)),
        # A silent peer (a lost network, a sleeping laptop) is noticed within 40 s, an idle watch stays open.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.max_connection_age_ms", int(options.max_connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", int(options.stream_timeout_s * 1000)),
    ]
