"""One gRPC channel to docmill: the target, the key, the retries, and the mapping of errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from typing import TypeVar

import grpc

from docmill.client._source import UploadRequests
from docmill.client.errors import from_rpc_error
from docmill.v1 import (
    accounts_pb2_grpc,
    batches_pb2_grpc,
    documents_pb2,
    documents_pb2_grpc,
    flows_pb2_grpc,
    runs_pb2_grpc,
    webhooks_pb2_grpc,
)

Q = TypeVar("Q")
R = TypeVar("R")

TLS = bool | grpc.ChannelCredentials
"""False: plain text. True: TLS with the system's certificate authorities. Credentials: TLS as they say."""

MAX_MESSAGE = 512 * 1024 * 1024
"""Largest answer taken, in bytes: the text of thousands of pages with all boxes; gRPC's default is 4 MiB."""

_NEVER_TWICE = [
    {"service": "docmill.v1.FlowService", "method": "RunFlow"},
    {"service": "docmill.v1.FlowService", "method": "CreateFlow"},
    {"service": "docmill.v1.RunService", "method": "CancelRun"},
    {"service": "docmill.v1.WebhookService", "method": "Redeliver"},
    {"service": "docmill.v1.AccountService", "method": "CreateKey"},
    {"service": "docmill.v1.BatchService", "method": "CreateBatch"},
]
"""A try that seemed to fail may have worked; a second one would start a second run, or answer with a conflict."""

_SERVICE_CONFIG = {
    "methodConfig": [
        {"name": _NEVER_TWICE},
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        },
    ]
}

_OPTIONS: Sequence[tuple[str, str | int]] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    # How long a broken connection waits before it is tried again: doubled, with jitter, up to the maximum.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # How long one attempt to connect may take, whatever the name says: far hosts with TLS need several round trips.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # Connections shared with other clients of this process would bring their back-off with them.
    ("grpc.use_local_subchannel_pool", 1),
]


class Connection:
    """A channel and everything that goes with each call on it. The channel opens on the loop that first uses it."""

    def __init__(self, target: str, api_key: str, *, tls: TLS, timeout: float) -> None:
        self.target = _checked(target)
        self.timeout = timeout
        """Seconds a unary call may take."""
        self._tls = tls
        self._metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()

    @cached_property
    def documents(self) -> documents_pb2_grpc.DocumentServiceAsyncStub:
        """The document service."""
        return documents_pb2_grpc.DocumentServiceStub(self._channel)

    @cached_property
    def flows(self) -> flows_pb2_grpc.FlowServiceAsyncStub:
        """The flow service."""
        return flows_pb2_grpc.FlowServiceStub(self._channel)

    @cached_property
    def runs(self) -> runs_pb2_grpc.RunServiceAsyncStub:
        """The run service."""
        return runs_pb2_grpc.RunServiceStub(self._channel)

    @cached_property
    def webhooks(self) -> webhooks_pb2_grpc.WebhookServiceAsyncStub:
        """The webhook service."""
        return webhooks_pb2_grpc.WebhookServiceStub(self._channel)

    @cached_property
    def batches(self) -> batches_pb2_grpc.BatchServiceAsyncStub:
        """The batch service."""
        return batches_pb2_grpc.BatchServiceStub(self._channel)

    @cached_property
    def accounts(self) -> accounts_pb2_grpc.AccountServiceAsyncStub:
        """The account service."""
        return accounts_pb2_grpc.AccountServiceStub(self._channel)

    async def call(self, method: grpc.aio.UnaryUnaryMultiCallable[Q, R], request: Q) -> R:
        """Make a unary call."""
        try:
            return await method(request, metadata=self._metadata, timeout=self.timeout)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self.target) from error

    async def collect(self, method: grpc.aio.UnaryStreamMultiCallable[Q, R], request: Q) -> list[R]:
        """All messages of a short server stream."""
        try:
            return [message async for message in method(request, metadata=self._metadata, timeout=self.timeout)]
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self.target) from error

    async def streamed(self, method: grpc.aio.UnaryStreamMultiCallable[Q, R], request: Q) -> AsyncIterator[R]:
        """The messages of a server stream that may be long, as they come."""
        call = method(request, metadata=self._metadata)
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self.target) from error
        finally:
            call.cancel()  # does nothing to a call that ended

    async def upload(self, requests: UploadRequests, limit: float) -> documents_pb2.UploadDocumentResponse:
        """Send a document; takes at most `limit` seconds.

        Uploads go through gRPC's blocking channel, on threads: grpc.aio loses the status of a server that answers
        before it read everything (a bad key, a document that is too large) and says "Internal error from Core".
        """
        stub = documents_pb2_grpc.DocumentServiceStub(self._upload_channel)
        call = stub.UploadDocument.future(iter(requests), metadata=self._metadata, timeout=limit)
        requests.call.set_result(call)
        try:
            return await asyncio.to_thread(call.result)
        except grpc.FutureCancelledError:
            raise requests.error or asyncio.CancelledError from None
        except grpc.RpcError as error:
            raise from_rpc_error(error, self.target) from error
        finally:
            call.cancel()  # does nothing to a call that ended

    def stream(
        self, method: grpc.aio.UnaryStreamMultiCallable[Q, R], request: Q, *, wait: bool
    ) -> grpc.aio.UnaryStreamCall[Q, R]:
        """Open a server stream; its errors are not mapped. `wait`: until there is a connection, however long."""
        return method(request, metadata=self._metadata, wait_for_ready=wait)

    async def close(self) -> None:
        """Close the channel; calls under way end."""
        if "_channel" in self.__dict__:
            await self._channel.close()
        if "_upload_channel" in self.__dict__:
            self._upload_channel.close()

    @cached_property
    def _channel(self) -> grpc.aio.Channel:
        credentials = self._credentials
        if credentials is None:
            return grpc.aio.insecure_channel(self.target, options=_OPTIONS)
        return grpc.aio.secure_channel(self.target, credentials, options=_OPTIONS)

    @cached_property
    def _upload_channel(self) -> grpc.Channel:
        credentials = self._credentials
        if credentials is None:
            return grpc.insecure_channel(self.target, options=_OPTIONS)
        return grpc.secure_channel(self.target, credentials, options=_OPTIONS)

    @property
    def _credentials(self) -> grpc.ChannelCredentials | None:
        if self._tls is False:
            return None
        return grpc.ssl_channel_credentials() if self._tls is True else self._tls


def _checked(target: str) -> str:
    """`target`; ValueError for what is a web address rather than one of gRPC's."""
    if not target:
        raise ValueError("the address is empty; write host:port")
    if target.lower().startswith(("http://", "https://")):
        scheme = target.split(":", 1)[0]
        raise ValueError(f"{target!r} is a web address; write host:port, without {scheme}://")
    return target
