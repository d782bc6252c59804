"""Webhooks of this surface: `{event, timestamp, data}` with the Execution object, signed over the body's exact bytes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from docmill.gateway.dialects.doclo.execution import execution
from docmill.gateway.dialects.doclo.words import time_text
from docmill.v1 import runs_pb2

__all__ = ["render"]

_BODY_MIN = 4096
"""Bytes. The stock client's check fails for shorter bodies that come as a buffer of Node's shared pool; spaces behind
the object change nothing about its JSON."""


def render(
    event: str,
    run: runs_pb2.Run,
    *,
    truncated: bool,
    delivery_id: str,
    attempt: int,
    at: datetime,
    secret: str,
) -> tuple[Mapping[str, str], bytes]:
    """Headers and body of one attempt. `at` is its own time: the stock client refuses what is older than 300 s.

    `truncated`: the output is left out because it is too large; the receiver asks for the run.
    """
    data: dict[str, Any] = execution(run)
    if truncated:
        data["outputTruncated"] = True
    stamp = Timestamp()
    stamp.FromDatetime(at)
    body = orjson.dumps({"event": event, "timestamp": time_text(stamp), "data": data}).ljust(_BODY_MIN)
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-Doclo-Signature": f"sha256={signature}",
        "X-Doclo-Event": event,
        "X-Doclo-Delivery": delivery_id,
        "X-Doclo-Attempt": str(attempt),
    }
    return headers, body
