"""The client's watch against a peer whose connections break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from docmill.client import (
    AsyncDocmill,
    ConnectionFailedError,
    Docmill,
    NotFoundError,
    OutOfRangeError,
    WaitTimeoutError,
)
from docmill.v1 import runs_pb2, runs_pb2_grpc

LAST = 12


class Peer(runs_pb2_grpc.RunServiceServicer):
    """Tells the events 1..LAST of any run and breaks each stream where `breaks` says."""

    def __init__(self, *breaks: int, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        self.breaks = list(breaks)
        self.code = code
        self.asked: list[int] = []

    async def WatchRun(  # noqa: N802 - the name of the RPC
        self, request: runs_pb2.WatchRunRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[runs_pb2.WatchRunResponse]:
        self.asked.append(request.after_sequence)
        if request.run_id != "run_1":
            await context.abort_with_status(_not_found())
        yield self.snapshot(request)
        break_after = self.breaks.pop(0) if self.breaks else LAST + 1
        for number in range(request.after_sequence + 1, LAST + 1):
            if number > break_after:
                await context.abort(self.code, "Socket closed")
            yield runs_pb2.WatchRunResponse(sequence=number, event=runs_pb2.RunEvent(kind=_kind(number)))
            yield runs_pb2.WatchRunResponse(sequence=number, heartbeat=runs_pb2.Heartbeat())

    def snapshot(self, request: runs_pb2.WatchRunRequest) -> runs_pb2.WatchRunResponse:
        run = runs_pb2.Run(id="run_1", status=runs_pb2.RUN_STATUS_SUCCEEDED, last_sequence=LAST)
        return runs_pb2.WatchRunResponse(sequence=request.after_sequence, snapshot=runs_pb2.RunSnapshot(run=run))

    async def GetRun(  # noqa: N802 - the name of the RPC
        self, request: runs_pb2.GetRunRequest, context: grpc.aio.ServicerContext
    ) -> runs_pb2.GetRunResponse:
        return runs_pb2.GetRunResponse(run=runs_pb2.Run(id=request.run_id, status=runs_pb2.RUN_STATUS_SUCCEEDED))


class SilentPeer(Peer):
    """A run that never ends."""

    async def WatchRun(  # noqa: N802 - the name of the RPC
        self, request: runs_pb2.WatchRunRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[runs_pb2.WatchRunResponse]:
        yield runs_pb2.WatchRunResponse(sequence=1, event=runs_pb2.RunEvent(kind=_kind(1)))
        await asyncio.Event().wait()


def _kind(number: int) -> runs_pb2.RunEventKind.ValueType:
    if number == LAST:
        return runs_pb2.RUN_EVENT_KIND_RUN_SUCCEEDED
    return runs_pb2.RUN_EVENT_KIND_PAGE_DONE if number > 1 else runs_pb2.RUN_EVENT_KIND_RUN_ACCEPTED


def _not_found() -> object:
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason="RUN_NOT_FOUND", domain="docmill", metadata={"run": "run_x"}))
    return rpc_status.to_status(status_pb2.Status(code=code_pb2.NOT_FOUND, message="no such run", details=[info]))


@asynccontextmanager
async def serving(peer: runs_pb2_grpc.RunServiceServicer, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve `peer`; give its address."""
    server = grpc.aio.server()
    runs_pb2_grpc.add_RunServiceServicer_to_server(peer, server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield f"127.0.0.1:{port}" if port != 1 else address
    finally:
        await server.stop(None)


def self_signed() -> tuple[bytes, bytes]:
    """Key and certificate (PEM) of a server called localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain), certificate.public_bytes(pem)


async def test_an_encrypted_connection() -> None:
    """With TLS the server's certificate is checked: the one it should have is taken, an unknown one refused."""
    key, certificate = self_signed()
    server = grpc.aio.server()
    runs_pb2_grpc.add_RunServiceServicer_to_server(Peer(), server)
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, certificate)]))
    await server.start()
    try:
        async with AsyncDocmill(f"localhost:{port}", tls=grpc.ssl_channel_credentials(certificate)) as docmill:
            assert (await docmill.runs.get("run_1")).id == "run_1"
        async with AsyncDocmill(f"localhost:{port}", tls=True) as stranger:
            with pytest.raises(ConnectionFailedError):
                await stranger.runs.get("run_1")
    finally:
        await server.stop(None)


async def test_a_broken_watch_gives_every_event_once() -> None:
    """Streams that break midway, twice, are resumed after the last event seen: none is missed, none comes twice."""
    peer = Peer(4, 9)
    async with serving(peer) as target, AsyncDocmill(target) as docmill:
        events = [event async for event in docmill.runs.watch("run_1")]
    assert [event.sequence for event in events] == list(range(1, LAST + 1))
    assert [events[0].kind, events[1].kind, events[-1].kind] == ["run.accepted", "page.done", "run.succeeded"]
    assert peer.asked == [0, 4, 9]


async def test_a_stream_that_ends_early_is_resumed() -> None:
    """A stream that ends well before the terminal event is a broken one too."""

    class Leaving(Peer):
        async def WatchRun(  # noqa: N802 - the name of the RPC
            self, request: runs_pb2.WatchRunRequest, context: grpc.aio.ServicerContext
        ) -> AsyncIterator[runs_pb2.WatchRunResponse]:
            async for message in super().WatchRun(request, context):
                yield message
                if message.WhichOneof("item") == "event" and message.sequence == 3:
                    return

    async with serving(Leaving()) as target, AsyncDocmill(target) as docmill:
        events = [event.sequence async for event in docmill.runs.watch("run_1")]
    assert events == list(range(1, LAST + 1))


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED])
async def test_what_proxies_end_streams_with_is_resumed(code: grpc.StatusCode) -> None:
    """A reset stream without a reason of docmill's own does not end a watch."""
    async with serving(Peer(5, code=code)) as target, AsyncDocmill(target) as docmill:
        events = [event.sequence async for event in docmill.runs.watch("run_1")]
    assert events == list(range(1, LAST + 1))


async def test_a_watch_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    """The server goes away and comes back at its address; the watch goes on where it was."""
    address = f"unix:{tmp_path}/grpc.sock"
    seen = []
    async with AsyncDocmill(address) as docmill:
        async with serving(SilentPeer(), address):
            events = docmill.runs.watch("run_1")
            seen.append((await anext(events)).sequence)
        async with serving(Peer(), address):
            seen += [event.sequence async for event in events]
    assert seen == list(range(1, LAST + 1))


async def test_a_watch_gives_up_in_time(tmp_path: Path) -> None:
    """A server that does not come back ends the watch with an error that names the target."""
    address = f"unix:{tmp_path}/grpc.sock"
    async with AsyncDocmill(address, reconnect_timeout=0.5) as docmill:
        async with serving(SilentPeer(), address):
            events = docmill.runs.watch("run_1")
            await anext(events)
        with pytest.raises(ConnectionFailedError, match=r"grpc\.sock"):
            await anext(events)


async def test_an_error_of_docmill_ends_a_watch_at_once() -> None:
    """An answer with a reason is final: it is raised, and not asked again."""
    peer = Peer()
    async with serving(peer) as target, AsyncDocmill(target) as docmill:
        with pytest.raises(NotFoundError, match="no such run") as caught:
            await anext(docmill.runs.watch("run_x"))
    assert caught.value.reason == "RUN_NOT_FOUND"
    assert caught.value.details == {"run": "run_x"}
    assert peer.asked == [0]


async def test_a_watch_after_the_last_event_is_empty() -> None:
    """Resuming a run that ended after its last number ends without events."""
    async with serving(Peer()) as target, AsyncDocmill(target) as docmill:
        assert [event async for event in docmill.runs.watch("run_1", after_sequence=LAST)] == []


async def test_waiting_ends_in_time() -> None:
    """A wait is given up after its timeout, saying that the run goes on."""
    async with serving(SilentPeer()) as target, AsyncDocmill(target) as docmill:
        with pytest.raises(WaitTimeoutError, match="goes on"):
            await docmill.runs.wait_for_completion("run_1", timeout=0.2)


async def test_nobody_there_is_said_plainly(unused_tcp_port_factory: Callable[[], int]) -> None:
    """A target where nobody listens is an error at once that names it."""
    target = f"127.0.0.1:{unused_tcp_port_factory()}"
    async with AsyncDocmill(target) as docmill:
        with pytest.raises(ConnectionFailedError, match=f"cannot reach docmill at {target}"):
            await docmill.runs.get("run_1")
        with pytest.raises(ConnectionFailedError, match=f"cannot reach docmill at {target}"):
            await anext(docmill.runs.watch("run_1"))


async def test_the_blocking_client_does_the_same() -> None:
    """The blocking client resumes too, gives the run at the end, and can be left in the middle of a watch."""
    async with serving(Peer(4)) as target:
        assert await asyncio.to_thread(_blocking, target) == list(range(1, LAST + 1))


def _blocking(target: str) -> list[int]:
    with Docmill(target) as docmill:
        with closing(docmill.runs.watch("run_1")) as left:
            assert next(left).sequence == 1
        events = [event.sequence for event in docmill.runs.watch("run_1")]
        assert docmill.runs.wait_for_completion("run_1", timeout=10).id == "run_1"
        with pytest.raises(NotFoundError):
            next(docmill.runs.watch("run_x"))
    docmill.close()
    with pytest.raises(RuntimeError, match="closed"):
        docmill.runs.get("run_1")
    return events


async def test_a_number_beyond_the_end_is_an_error() -> None:
    """OUT_OF_RANGE of the server is an OutOfRangeError."""

    class Short(Peer):
        async def WatchRun(  # noqa: N802 - the name of the RPC
            self, request: runs_pb2.WatchRunRequest, context: grpc.aio.ServicerContext
        ) -> AsyncIterator[runs_pb2.WatchRunResponse]:
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "the run has 12 events")
            yield runs_pb2.WatchRunResponse()

    async with serving(Short()) as target, AsyncDocmill(target) as docmill:
        with pytest.raises(OutOfRangeError, match="12 events"):
            await anext(docmill.runs.watch("run_1", after_sequence=99))
