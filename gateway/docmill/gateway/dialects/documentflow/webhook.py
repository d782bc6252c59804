"""Word of a completed batch on this surface: four keys, written once, and a signature over the body's exact bytes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import orjson

from docmill.gateway.dialects.documentflow.links import BASE_URL, CALLBACK_ID, download_url
from docmill.v1 import batches_pb2

__all__ = ["FORMAT", "GAPS", "body", "headers"]

FORMAT = "documentflow"
"""Name of this form."""

GAPS = (0.0, 1.0, 4.0, 16.0)
"""Seconds before each attempt: one, and three more."""


def body(batch: batches_pb2.Batch) -> bytes:
    """What is sent."""
    known = batch.metadata.fields
    base = known[BASE_URL].string_value if BASE_URL in known else ""
    callback_id = known[CALLBACK_ID].string_value if CALLBACK_ID in known else None
    return orjson.dumps(
        {
            "batch_id": batch.id,
            "status": "complete",
            "download_url": download_url(base, batch),
            "callback_id": callback_id,
        }
    )


def headers(content: bytes, secret: str) -> Mapping[str, str]:
    """The signature under it."""
    return {"X-Webhook-Signature": f"sha256={hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}"}
