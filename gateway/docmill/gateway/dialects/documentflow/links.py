"""Where the results of a batch can be fetched without a key."""

from __future__ import annotations

from urllib.parse import quote

from docmill.gateway.exchange import Exchange
from docmill.v1 import batches_pb2

__all__ = ["BASE_URL", "CALLBACK_ID", "RESULTS", "base_url", "download_url"]

RESULTS = "/v1/results/{results_token}"

BASE_URL, CALLBACK_ID = "base_url", "callback_id"
"""What a batch of this surface has in its metadata: the address by which it was reached, and the caller's reference."""


def base_url(exchange: Exchange, configured: str) -> str:
    """The gateway's address: as its operator says, else as the caller wrote it."""
    if configured:
        return configured.rstrip("/")
    host = exchange.headers.get("host", "") or "localhost"
    return f"{exchange.scope.get('scheme', 'http')}://{host}"


def download_url(base: str, batch: batches_pb2.Batch) -> str | None:
    """A link to the results, good for 24 hours; None until there are any."""
    if not batch.results_token:
        return None
    return base + RESULTS.format(results_token=quote(batch.results_token, safe=""))
