"""What the services have to say of the key that came with a request which the gateway refuses by itself."""

from __future__ import annotations

from docmill.gateway.exchange import Exchange
from docmill.gateway.upstream import Upstream, UpstreamError
from docmill.v1 import accounts_pb2

__all__ = ["DECIDED_FIRST", "check_key"]

DECIDED_FIRST = {"CREDENTIAL_MISSING", "CREDENTIAL_INVALID", "RATE_LIMITED", "SCOPE_MISSING"}
"""What may be wrong with a key; it comes before anything else that is wrong."""

_CHECK_KEY = accounts_pb2.DESCRIPTOR.services_by_name["AccountService"].methods_by_name["CheckKey"]


async def check_key(upstream: Upstream, exchange: Exchange, scope: str) -> None:
    """Problem when the key cannot be used for what needs `scope`; counts as one request of its organization.

    Services that cannot be asked now have nothing to say: what the gateway found is told then.
    """
    exchange.require_credential()
    if exchange.key_checked or exchange.call.rate:  # answers that tell the budget come after such a look
        return
    try:
        await upstream.unary(_CHECK_KEY, accounts_pb2.CheckKeyRequest(scope=scope), exchange.call)
    except UpstreamError as error:
        if error.reason in DECIDED_FIRST:
            raise
    exchange.key_checked = True
