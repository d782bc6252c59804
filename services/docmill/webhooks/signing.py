"""The signature under a webhook, as https://www.standardwebhooks.com says."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from standardwebhooks import Webhook

__all__ = ["standard_headers"]

_PREFIX = "whsec_"


def standard_headers(secret: str, delivery_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers by which a receiver knows that `body` is ours, and of `at`."""
    signature = Webhook(_key(secret)).sign(delivery_id, at, body.decode())
    return {"webhook-id": delivery_id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def _key(secret: str) -> bytes:
    """The base64 after `whsec_`; the secret's own bytes where there is none."""
    if secret.startswith(_PREFIX):
        encoded = secret.removeprefix(_PREFIX).rstrip("=")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except binascii.Error:
            key = b""
        if key:
            return key
    return secret.encode()
