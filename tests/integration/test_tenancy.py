"""A key sees its own organization and mode; anything else is "not found", whatever is asked about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from docmill.domain.models import Mode
from docmill.rpc import accounts, documents, flows, runs
from docmill.rpc.server import SERVICES
from docmill.v1 import accounts_pb2, documents_pb2, flows_pb2, runs_pb2, webhooks_pb2
from tests.fixtures.accounts import Tenant, tenant
from tests.fixtures.accounts import accounts as account_stub
from tests.fixtures.rpc import PDF, Api, error_info, inline, refusal, served, to_the_end

METHODS: dict[str, MethodDescriptor] = {
    f"{service.name}/{method.name}": method
    for module in (documents_pb2, flows_pb2, runs_pb2, accounts_pb2, webhooks_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@dataclass(frozen=True)
class Things:
    """What an organization has in one mode."""

    owner: Tenant
    document_id: str
    run_id: str
    flow_id: str


@dataclass(frozen=True)
class Case:
    """A method that takes the id of somebody's thing."""

    fields: Callable[[Things], dict[str, Any]]
    """Of the request, about the things."""
    reason: str
    """What it says of a thing that is not the caller's."""
    shared: bool = False
    """Whether the other mode of the same organization has it, too: flows are."""


def of_run(reason: str = "RUN_NOT_FOUND", **more: Any) -> Case:
    """A method about a run."""
    return Case(lambda things: {"run_id": things.run_id, **more}, reason)


def over(things: Things) -> dict[str, Any]:
    """A flow that everybody has over somebody's document."""
    return {"flow_id": "document-text", "input": flows_pb2.RunInput(document_id=things.document_id)}


def as_flow(things: Things) -> dict[str, Any]:
    """Somebody's flow over a document that comes along."""
    return {"flow_id": things.flow_id, "input": inline(PDF)}


CASES = {
    "DocumentService/GetDocument": [Case(lambda things: {"document_id": things.document_id}, "DOCUMENT_NOT_FOUND")],
    "DocumentService/DeleteDocument": [Case(lambda things: {"document_id": things.document_id}, "DOCUMENT_NOT_FOUND")],
    "DocumentService/UploadDocument": [
        Case(
            lambda things: {"metadata": documents_pb2.DocumentMetadata(flow_id=things.flow_id)},
            "FLOW_NOT_FOUND",
            shared=True,
        )
    ],
    "FlowService/GetFlow": [Case(lambda things: {"flow_id": things.flow_id}, "FLOW_NOT_FOUND", shared=True)],
    "FlowService/RunFlow": [Case(over, "DOCUMENT_NOT_FOUND"), Case(as_flow, "FLOW_NOT_FOUND", shared=True)],
    "FlowService/EstimateRun": [
        Case(lambda things: {"flow_id": "document-text", "document_id": things.document_id}, "DOCUMENT_NOT_FOUND"),
        Case(lambda things: {"flow_id": things.flow_id, "page_count": 1}, "FLOW_NOT_FOUND", shared=True),
    ],
    "RunService/GetRun": [of_run()],
    "RunService/CancelRun": [of_run()],
    "RunService/WatchRun": [of_run()],
    "RunService/ListPages": [of_run()],
    "RunService/GetPage": [of_run(page_number=1)],
    "RunService/GetPageImage": [of_run(page_number=1)],
    "AccountService/RevokeKey": [Case(lambda things: {"key_id": things.owner.key_id}, "KEY_NOT_FOUND")],
    "WebhookService/ListDeliveries": [of_run()],
    "WebhookService/Redeliver": [of_run(delivery_id="dlv_1")],
}

NO_IDS_OF_OTHERS = {
    "FlowService/ListFlows",
    "FlowService/CreateFlow",  # its id is the new flow's
    "RunService/ListRuns",  # a flow to filter by: the runs are the caller's
    "AccountService/CheckKey",
    "AccountService/GetUsage",
    "AccountService/ListKeys",
    "AccountService/CreateKey",
}
"""Methods that name nothing of anybody's."""


def test_every_method_that_takes_an_id_is_in_the_table() -> None:
    """A new one must be added, or be said to take none."""
    assert set(CASES) | NO_IDS_OF_OTHERS == set(METHODS)
    taking = {name for name, method in METHODS.items() if any(ids(method.input_type))}
    assert taking <= set(CASES) | {"FlowService/CreateFlow", "RunService/ListRuns"}


def ids(message: Descriptor, depth: int = 3) -> Iterator[str]:
    """Fields of a request that name a thing, those of messages in it too."""
    for field in message.fields:
        if field.name == "id" or field.name.endswith("_id"):
            yield field.name
        if field.type == FieldDescriptor.TYPE_MESSAGE and depth and field.message_type.file.package == "docmill.v1":
            yield from ids(field.message_type, depth - 1)


def is_served(name: str) -> bool:
    """Whether this server has the method."""
    service, _, method = name.partition("/")
    if f"docmill.v1.{service}" not in SERVICES:
        return False
    room = {"DocumentService": documents, "FlowService": flows, "RunService": runs, "AccountService": accounts}.get(
        service
    ) or import_module("docmill.rpc.webhooks")
    return method in vars(getattr(room, service))


async def call(api: Api, name: str, fields: dict[str, Any], arguments: dict[str, Any]) -> Any:
    """Make a call by name; a stream is read to its end."""
    method = METHODS[name]
    kinds = ("stream" if method.client_streaming else "unary", "stream" if method.server_streaming else "unary")
    request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    make = getattr(api.channel, "_".join(kinds))
    stub = make(f"/docmill.v1.{name}", request.SerializeToString, answer.FromString)
    sent: Message | Iterator[Message] = request(**fields)
    if method.client_streaming:
        sent = iter([sent, documents_pb2.UploadDocumentRequest(chunk=PDF)])
    started = stub(sent, **arguments)
    if method.server_streaming:
        return await to_the_end(started)
    return await started


async def things_of(owner: Tenant) -> Things:
    """A flow, and a run of three pages over a document."""
    api = owner.api
    await api.operator.credits.grant(owner.org_id, 100)
    request = flows_pb2.CreateFlowRequest(
        id="private",
        version="1.0.0",
        name="Private",
        config=flows_pb2.FlowConfig(
            supported_formats=["application/pdf"], max_file_size_mb=5, max_pages=3, estimated_credits_per_page=1
        ),
    )
    steps = [{"type": "step", "id": "read", "nodeType": "parse", "config": {"providerRef": "ocr"}}]
    request.definition.update({"version": "1.0.0", "steps": steps})
    await api.flows.CreateFlow(request, **owner.call)
    run = (await api.flows.RunFlow(flows_pb2.RunFlowRequest(flow_id="private", input=inline(PDF)), **owner.call)).run
    await to_the_end(api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run.id), **owner.call))
    return Things(owner, run.document_id, run.id, "private")


async def everything(things: Things) -> list[bytes]:
    """All that its owner sees of the things."""
    api, owner = things.owner.api, things.owner
    keys = await account_stub(api).ListKeys(accounts_pb2.ListKeysRequest(), **owner.call)
    for key in keys.keys:
        key.ClearField("last_used_at")
    return [
        answer.SerializeToString(deterministic=True)
        for answer in (
            await api.runs.ListRuns(runs_pb2.ListRunsRequest(), **owner.call),
            await api.documents.GetDocument(
                documents_pb2.GetDocumentRequest(document_id=things.document_id), **owner.call
            ),
            await api.flows.GetFlow(flows_pb2.GetFlowRequest(flow_id=things.flow_id), **owner.call),
            keys,
        )
    ]


async def test_what_belongs_to_others_is_not_found(sqlite_url: str) -> None:
    """Another organization, and the other mode of the same one, are told that there is no such thing; nothing changes."""
    async with served(sqlite_url) as api:
        owner = await tenant(api, "doclo.enterprise", Mode.LIVE)
        things = await things_of(owner)
        strangers = {
            "another organization": await tenant(api, "doclo.enterprise", Mode.LIVE),
            "the other mode": await owner.another(mode=Mode.TEST),
        }
        before = await everything(things)
        for name, cases in CASES.items():
            if not is_served(name):
                continue
            for case in cases:
                for who, stranger in strangers.items():
                    if case.shared and who == "the other mode":
                        await call(api, name, case.fields(things), stranger.call)
                        continue
                    code, info = await refusal(call(api, name, case.fields(things), stranger.call))
                    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, case.reason), f"{name} for {who}"
        assert await everything(things) == before


async def test_the_owner_finds_it(sqlite_url: str) -> None:
    """The same requests with the owner's key do find it: the table asks for the right things."""
    async with served(sqlite_url) as api:
        owner = await tenant(api, "doclo.enterprise", Mode.LIVE)
        things = await things_of(owner)
        for name in sorted(CASES, key=lambda name: name == "AccountService/RevokeKey"):  # the key is worthless after it
            for case in CASES[name] if is_served(name) else ():
                try:
                    await call(api, name, case.fields(things), owner.call)
                except grpc.aio.AioRpcError as error:
                    assert error_info(error).reason != case.reason, f"{name}: {error.details()}"  # noqa: PT017 - may fail otherwise: the run has ended, there is no delivery


async def test_lists_show_the_callers_own(sqlite_url: str) -> None:
    """Neither runs, nor keys, nor flows, nor sums of others are in them."""
    async with served(sqlite_url) as api:
        owner = await tenant(api, "doclo.enterprise", Mode.LIVE)
        await things_of(owner)
        for stranger in (await tenant(api, "doclo.enterprise", Mode.LIVE), await owner.another(mode=Mode.TEST)):
            assert (await api.runs.ListRuns(runs_pb2.ListRunsRequest(), **stranger.call)).total == 0
            keys = await account_stub(api).ListKeys(accounts_pb2.ListKeysRequest(), **stranger.call)
            assert [key.id for key in keys.keys] == [stranger.key_id]
            usage = (await account_stub(api).GetUsage(accounts_pb2.GetUsageRequest(), **stranger.call)).usage
            assert (usage.runs, usage.pages, usage.credits_used) == (0, 0, 0)
            shown = await api.flows.ListFlows(flows_pb2.ListFlowsRequest(page_size=100), **stranger.call)
            assert ("private" in {flow.id for flow in shown.flows}) is (stranger.org_id == owner.org_id)
