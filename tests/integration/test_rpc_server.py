"""The gRPC server as its operator meets it: health, reflection, deadlines, the end, logs, addresses."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import grpc
import grpc.aio
import pytest
import pytest_asyncio
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from docmill.domain.errors import InvalidArgument, Reason
from docmill.rpc import RpcServer, ServerOptions
from docmill.v1 import flows_pb2, flows_pb2_grpc, runs_pb2
from tests.fixtures.rpc import PDF, Api, error_info, inline, refusal, served, to_the_end, until


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """A server with its usual options."""
    async with served(sqlite_url) as api:
        yield api


async def test_health(api: Api) -> None:
    """Health needs no key and follows `set_serving`, for the server and for each service."""
    stub = health_pb2_grpc.HealthStub(api.channel)
    services = ("RunService", "FlowService", "DocumentService", "AccountService")
    for name in ("", *(f"docmill.v1.{service}" for service in services)):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await api.server.set_serving(serving=False)
    answer = await stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    answer = await stub.Check(health_pb2.HealthCheckRequest(service="liveness"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING, "a restart would not bring the record back"


async def services_told(channel: grpc.aio.Channel) -> set[str]:
    """What the server's reflection lists."""
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    (answer,) = [answer async for answer in stub.ServerReflectionInfo(asked)]
    return {service.name for service in answer.list_services_response.service}


async def test_reflection_can_be_switched(api: Api, sqlite_url: str) -> None:
    """Tools can ask for the contract, unless the operator says no."""
    told = await services_told(api.channel)
    assert told >= {"docmill.v1.RunService", "docmill.v1.AccountService", "grpc.health.v1.Health"}
    server = RpcServer(api.bench.engine, ServerOptions(reflection=False))
    (address,) = await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await services_told(channel)
        assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
    await server.stop(grace_s=0)


async def test_an_unknown_method_is_unimplemented(api: Api) -> None:
    """A method of a newer contract is UNIMPLEMENTED, not a crash."""
    call = api.channel.unary_unary("/docmill.v1.RunService/DeleteRun")
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(b"", **api.auth())
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_garbage_is_refused(api: Api) -> None:
    """Bytes that are no message end the call, and the server goes on."""
    call = api.channel.unary_unary("/docmill.v1.RunService/GetRun")
    with pytest.raises(grpc.aio.AioRpcError):
        await call(b"\xff\xff\xff", **api.auth())
    assert await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth())


async def test_calls_have_a_deadline_even_without_one(sqlite_url: str) -> None:
    """A call that names no deadline ends with DEADLINE when the server's limit passes."""
    async with served(sqlite_url, ServerOptions(call_timeout_s=0.2)) as api:
        api.bench.peer.answer = lambda job: None
        request = flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF))
        metadata = api.auth()["metadata"]
        code, info = await refusal(api.flows.RunFlow(request, metadata=metadata))
        assert (code, info.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE")


async def test_a_long_watch_ends_so_that_it_can_be_resumed(sqlite_url: str) -> None:
    """A watch that outlives the server's limit ends with UNAVAILABLE, which clients take as: resume."""
    async with served(sqlite_url, ServerOptions(stream_timeout_s=0.3)) as api:
        api.bench.peer.answer = lambda job: None
        run_id = await api.run()
        watch = api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), metadata=api.auth()["metadata"])
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await to_the_end(watch)
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert error_info(failed.value).reason == "OVERLOADED"


async def test_stop_lets_calls_finish_and_sends_watches_away(sqlite_url: str) -> None:
    """On stop a unary call in flight is answered, a watch ends at once with UNAVAILABLE, new calls are refused."""
    async with served(sqlite_url) as api:
        api.bench.peer.answer = lambda job: None
        watched = await api.run()
        watch = api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=watched), **api.auth())
        assert (await watch.read()).HasField("snapshot")
        slow = asyncio.ensure_future(api.run())
        before = len(api.bench.peer.seen)
        await until(lambda: len(api.bench.peer.seen) > before)  # in flight: its probe is on the bus
        stopping = asyncio.ensure_future(api.server.stop(grace_s=10))
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await to_the_end(watch)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not slow.done()
        assert (await slow).startswith("run_")
        await asyncio.wait_for(stopping, timeout=10)
        with pytest.raises(grpc.aio.AioRpcError):
            await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **{**api.auth(), "timeout": 2})


async def test_a_client_that_leaves_ends_its_watch(api: Api) -> None:
    """When a client cancels its watch, the server lets go of it and goes on serving."""
    api.bench.peer.answer = lambda job: None
    run_id = await api.run()
    watch = api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **api.auth())
    await watch.read()
    with structlog.testing.capture_logs() as lines:
        watch.cancel()
        await until(lambda: any(line.get("event_key") == "rpc.finished" for line in lines))
    assert [line["code"] for line in lines if line.get("event_key") == "rpc.finished"] == ["CANCELLED"]
    assert await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth())


async def test_a_part_that_is_away_is_unavailable(api: Api) -> None:
    """When the database does not answer, the client hears that trying again helps, and nothing of the inside."""
    await api.store.aclose()  # the record goes away under the server's feet
    code, info = await refusal(api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")


async def test_our_fault_is_not_told(api: Api, sqlite_url: str) -> None:
    """A fault inside is INTERNAL without a word about the inside; the log has the traceback and the request's id."""
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite://"))) as database:
        database.execute("DROP TABLE flow_versions")
    call = api.auth()
    call["metadata"] = (*call["metadata"], ("x-request-id", "req-7"))
    with (
        structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines,
        pytest.raises(grpc.aio.AioRpcError) as failed,
    ):
        await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **call)
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    told = f"{failed.value.details()} {error_info(failed.value)}"
    assert "flow_versions" not in told
    assert dict(failed.value.trailing_metadata() or ())["x-request-id"] == "req-7"
    (crash,) = [line for line in lines if line["event_key"] == "rpc.crashed"]
    assert crash["exc_info"]
    assert crash["request_id"] == "req-7"


async def test_each_call_is_logged_once_with_its_ids(api: Api) -> None:
    """A call leaves one line: method, code, duration, who called; and the id it was given comes back."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        call = api.runs.GetRun(runs_pb2.GetRunRequest(run_id="run_nope"), **api.auth())
        code, _ = await refusal(call)
    assert code is grpc.StatusCode.NOT_FOUND
    (line,) = [line for line in lines if line.get("event_key") == "rpc.finished"]
    assert (line["method"], line["code"], line["reason"]) == (
        "/docmill.v1.RunService/GetRun",
        "NOT_FOUND",
        "RUN_NOT_FOUND",
    )
    assert line["org_id"].startswith("org_")
    assert line["duration_ms"] >= 0
    assert dict(await call.trailing_metadata())["x-request-id"] == line["request_id"]
    assert api.key not in json.dumps(lines, default=str)


async def test_unix_socket_and_two_listeners(api: Api, tmp_path: Path) -> None:
    """One server listens on several addresses, a Unix socket among them, and tells the real ports."""
    socket = f"unix:{tmp_path / 's.sock'}"
    server = RpcServer(api.bench.engine, ServerOptions(listen=("127.0.0.1:0", socket)))
    addresses = await server.start()
    assert addresses == server.addresses
    assert not addresses[0].endswith(":0")
    for address in addresses:
        async with grpc.aio.insecure_channel(address) as channel:
            stub = flows_pb2_grpc.FlowServiceStub(channel)
            assert (await stub.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth())).total
    await server.stop(grace_s=0)


async def test_a_taken_port_is_an_error(api: Api) -> None:
    """A second server on the same port does not start in silence: the error names the address."""
    second = RpcServer(api.bench.engine, ServerOptions(listen=api.server.addresses))
    with pytest.raises(InvalidArgument, match=api.server.addresses[0]) as refused:
        await second.start()
    assert (refused.value.reason, refused.value.details) == (Reason.FIELD_INVALID, {"field": "grpc"})


@pytest.mark.parametrize("address", ["57999", "localhost", ":57999", "127.0.0.1:99999", "127.0.0.1:http"])
async def test_what_is_no_address_is_not_listened_on(api: Api, address: str) -> None:
    """Neither on the port that gRPC would take instead; the error says how addresses are written."""
    wrong = RpcServer(api.bench.engine, ServerOptions(listen=(address,)))
    with pytest.raises(InvalidArgument, match=f"^FIELD_INVALID: {address} is no address .* write host:port"):
        await wrong.start()


async def test_large_documents_fit_into_a_message(api: Api) -> None:
    """A document of 50 MiB goes through RunFlow in one message."""
    request = flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF + bytes(50 * 2**20 - len(PDF))))
    async with grpc.aio.insecure_channel(
        api.server.addresses[0], options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        answer = await flows_pb2_grpc.FlowServiceStub(channel).RunFlow(request, **api.auth())
    assert answer.run.id
