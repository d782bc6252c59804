# ruff: noqa: N802, ARG002  # names and arguments of the methods are the contract's
"""WebhookService."""

from __future__ import annotations

from docmill.engine import Engine
from docmill.rpc.context import Context, caller
from docmill.rpc.convert.webhooks import to_delivery
from docmill.v1 import webhooks_pb2, webhooks_pb2_grpc

__all__ = ["WebhookService"]


class WebhookService(webhooks_pb2_grpc.WebhookServiceServicer):
    """Shows deliveries and sends them again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ListDeliveries(
        self, request: webhooks_pb2.ListDeliveriesRequest, context: Context
    ) -> webhooks_pb2.ListDeliveriesResponse:
        """The deliveries of a run or a batch."""
        found = await self._engine.list_deliveries(caller(), request.run_id, request.batch_id)
        return webhooks_pb2.ListDeliveriesResponse(deliveries=[to_delivery(delivery) for delivery in found])

    async def Redeliver(
        self, request: webhooks_pb2.RedeliverRequest, context: Context
    ) -> webhooks_pb2.RedeliverResponse:
        """A delivery that is to be sent anew."""
        again = await self._engine.redeliver(caller(), request.run_id, request.delivery_id, request.batch_id)
        return webhooks_pb2.RedeliverResponse(delivery=to_delivery(again))
