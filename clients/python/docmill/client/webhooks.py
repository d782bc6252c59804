"""For receivers of webhooks: is this from docmill, and is it new?

event = webhooks.verify(body, request.headers, secret)
if event["data"]["status"] == "success": ...

`body` is what came over the wire, byte by byte: JSON that was parsed and written again is another body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from docmill.client.errors import DocmillError

__all__ = ["VerificationError", "verify"]

_FUTURE_SECONDS = 60.0  # clocks differ


class VerificationError(DocmillError):
    """Not from docmill, changed on the way, or too old. Answer 400 and do nothing."""


def verify(body: bytes, headers: Mapping[str, str], secret: str, *, max_age: float = 300.0) -> dict[str, Any]:
    """The webhook as a JSON object, if every signature it came with is right and it was sent at most `max_age` seconds ago.

    Known are `webhook-signature` (https://www.standardwebhooks.com) and `X-Doclo-Signature`; at least one must be there.
    Headers are found whatever their case. The same delivery may come more than once: its `webhook-id` tells.
    """
    given = {name.lower(): value for name, value in headers.items()}
    standard, plain = given.get("webhook-signature"), given.get("x-doclo-signature")
    if not secret or (standard is None and plain is None):
        raise VerificationError("there is no signature, or no secret to check it with")
    if standard is not None:
        _check_standard(body, given, standard, secret, max_age)
    if plain is not None and not _same(plain, f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"):
        raise VerificationError("the signature in X-Doclo-Signature is not right")
    event = _parsed(body)
    if standard is None:  # only the body says when it was sent
        _check_age(_time(event.get("timestamp")), max_age)
    return event


def _check_standard(body: bytes, headers: Mapping[str, str], signatures: str, secret: str, max_age: float) -> None:
    stamp = headers.get("webhook-timestamp", "")
    signed = b".".join((headers.get("webhook-id", "").encode(), stamp.encode(), body))
    expected = base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
    if not any(_same(signature, f"v1,{expected}") for signature in signatures.split(" ")):
        raise VerificationError("the signature in webhook-signature is not right")
    _check_age(float(stamp) if stamp.isascii() and stamp.isdecimal() else None, max_age)


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        encoded = secret.removeprefix("whsec_").rstrip("=")
        try:
            return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True) or secret.encode()
        except binascii.Error:
            pass
    return secret.encode()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), right.encode())


def _check_age(sent: float | None, max_age: float) -> None:
    if sent is None:
        raise VerificationError("the webhook does not say when it was sent")
    age = datetime.now(UTC).timestamp() - sent
    if not -_FUTURE_SECONDS <= age <= max_age:
        raise VerificationError(f"the webhook was sent {age:.0f} seconds ago")


def _time(text: object) -> float | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at.timestamp() if at is not None and at.tzinfo is not None else None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise VerificationError("the body is no JSON object")
    return event
