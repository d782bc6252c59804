# ruff: noqa: N802, ARG002  # names and arguments of the methods are the contract's
"""AccountService."""

from __future__ import annotations

from docmill.engine import Engine
from docmill.rpc.context import Context, caller
from docmill.rpc.convert.accounts import from_create_key, from_get_usage, to_key, to_usage
from docmill.rpc.convert.flows import page_size
from docmill.v1 import accounts_pb2, accounts_pb2_grpc

__all__ = ["AccountService"]


class AccountService(accounts_pb2_grpc.AccountServiceServicer):
    """Shows what an organization may do and did, and manages its keys."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def CheckKey(self, request: accounts_pb2.CheckKeyRequest, context: Context) -> accounts_pb2.CheckKeyResponse:
        """The key that came with the call."""
        key = await self._engine.check_key(caller(), request.scope, request.feature)
        return accounts_pb2.CheckKeyResponse(key=to_key(key), organization_id=key.org_id)

    async def GetUsage(self, request: accounts_pb2.GetUsageRequest, context: Context) -> accounts_pb2.GetUsageResponse:
        """The organization's plan and sums."""
        usage = await self._engine.get_usage(caller(), *from_get_usage(request))
        return accounts_pb2.GetUsageResponse(usage=to_usage(usage))

    async def ListKeys(self, request: accounts_pb2.ListKeysRequest, context: Context) -> accounts_pb2.ListKeysResponse:
        """The organization's keys."""
        keys = await self._engine.list_keys(caller(), limit=page_size(request.page_size), page_token=request.page_token)
        return accounts_pb2.ListKeysResponse(
            keys=[to_key(key) for key in keys.items], total=keys.total, next_page_token=keys.next_page_token
        )

    async def CreateKey(
        self, request: accounts_pb2.CreateKeyRequest, context: Context
    ) -> accounts_pb2.CreateKeyResponse:
        """A new key, shown this once."""
        key, secret = await self._engine.create_key(caller(), from_create_key(request))
        return accounts_pb2.CreateKeyResponse(key=to_key(key), secret=secret)

    async def RevokeKey(
        self, request: accounts_pb2.RevokeKeyRequest, context: Context
    ) -> accounts_pb2.RevokeKeyResponse:
        """A key that is refused from now on."""
        key = await self._engine.revoke_key(caller(), request.key_id)
        return accounts_pb2.RevokeKeyResponse(key=to_key(key))
