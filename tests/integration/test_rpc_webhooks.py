"""Webhooks over the public API: asked for with RunFlow, listed, sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from docmill.domain.models import Mode, Scope
from docmill.v1 import flows_pb2, webhooks_pb2
from tests.fixtures.hooks import webhooks
from tests.fixtures.receiver import Receiver, answering, receiving
from tests.fixtures.rpc import PDF, Api, inline, refusal, served


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """A served engine that sends webhooks."""
    hooks = webhooks()
    async with served(sqlite_url, webhooks=hooks) as api:
        yield api
    await hooks.sender.aclose()


async def told(api: Api, receiver: Receiver, **given: object) -> str:
    """Id of a run whose webhook has come to `receiver`."""
    request = flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF), webhook_url=receiver.url(), **given)
    before = len(receiver.received)
    run_id: str = (await api.flows.RunFlow(request, **api.auth())).run.id
    async with asyncio.timeout(10):
        while len(receiver.received) == before:  # noqa: ASYNC110 - what is waited for happens at the receiver
            await asyncio.sleep(0.01)
    return run_id


async def settled(api: Api, run_id: str) -> webhooks_pb2.Delivery:
    """The one delivery of a run, once its first attempt is recorded."""
    async with asyncio.timeout(10):
        while True:
            request = webhooks_pb2.ListDeliveriesRequest(run_id=run_id)
            (found,) = (await api.webhooks.ListDeliveries(request, **api.auth())).deliveries
            if found.attempts:
                delivery: webhooks_pb2.Delivery = found
                return delivery
            await asyncio.sleep(0.01)


async def test_deliveries_are_listed_and_sent_again(api: Api) -> None:
    """ListDeliveries shows what came of it, Redeliver sends it once more under its id; the secret is shown nowhere."""
    async with receiving(answering(410, 204)) as receiver:
        run_id = await told(api, receiver, webhook_secret="never-show-this")
        delivery = await settled(api, run_id)
        assert (delivery.event, delivery.url) == ("execution.completed", receiver.url())
        assert delivery.status == webhooks_pb2.DELIVERY_STATUS_FAILED
        assert delivery.HasField("completed_at")
        assert [(made.number, made.http_status) for made in delivery.attempts] == [(1, 410)]
        request = webhooks_pb2.RedeliverRequest(run_id=run_id, delivery_id=delivery.id)
        again = (await api.webhooks.Redeliver(request, **api.auth())).delivery
        assert (again.id, again.status) == (delivery.id, webhooks_pb2.DELIVERY_STATUS_PENDING)
        assert again.HasField("next_attempt_at")
        async with asyncio.timeout(10):
            while len((await settled(api, run_id)).attempts) < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        assert (await settled(api, run_id)).status == webhooks_pb2.DELIVERY_STATUS_DELIVERED
    assert "never-show-this" not in f"{delivery}{again}{receiver.received}"


async def test_a_refused_webhook_is_told_with_its_field(api: Api) -> None:
    """INVALID_ARGUMENT with the field, before anything is created."""
    for url, form, field in (
        ("http://192.168.0.1/", "", "webhookUrl"),
        ("https://a.example/", "morse", "webhookFormat"),
    ):
        request = flows_pb2.RunFlowRequest(
            flow_id="document-text", input=inline(PDF), webhook_url=url, webhook_format=form
        )
        code, info = await refusal(api.flows.RunFlow(request, **api.auth()))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert (info.reason, info.metadata["field"]) == ("FIELD_INVALID", field)


async def test_strangers_see_nothing(api: Api) -> None:
    """A run of another organization or mode does not exist; a delivery that is not the run's does not either."""
    async with receiving() as receiver:
        run_id = await told(api, receiver)
    delivery = await settled(api, run_id)
    organization = await api.operator.create_organization("other", "doclo.pro")
    _, live = await api.operator.create_key(
        (await api.operator.default_organization()).id, Mode.LIVE, "live", frozenset(Scope)
    )
    for key in (await api.new_key(org_id=organization.id), live):
        for call in (
            api.webhooks.ListDeliveries(webhooks_pb2.ListDeliveriesRequest(run_id=run_id), **api.auth(key)),
            api.webhooks.Redeliver(
                webhooks_pb2.RedeliverRequest(run_id=run_id, delivery_id=delivery.id), **api.auth(key)
            ),
        ):
            code, info = await refusal(call)
            assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND")
    request = webhooks_pb2.RedeliverRequest(run_id=run_id, delivery_id="dlv_no")
    code, info = await refusal(api.webhooks.Redeliver(request, **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "DELIVERY_NOT_FOUND")


@pytest.mark.parametrize(("method", "scope"), [("ListDeliveries", "executions:read"), ("Redeliver", "flows:execute")])
async def test_scopes(api: Api, method: str, scope: str) -> None:
    """Looking takes a reading key, sending again one that may start runs."""
    key = await api.new_key(*(frozenset(Scope) - {Scope(scope)}))
    request = getattr(webhooks_pb2, f"{method}Request")(run_id="run_x")
    if method == "Redeliver":
        request.delivery_id = "dlv_x"
    _, info = await refusal(getattr(api.webhooks, method)(request, **api.auth(key)))
    assert (info.reason, info.metadata["requiredScope"]) == ("SCOPE_MISSING", scope)
