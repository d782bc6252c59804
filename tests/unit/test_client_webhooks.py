"""The client's check of webhooks, against signatures that others made."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from docmill.client.webhooks import VerificationError, verify
from docmill.webhooks.signing import standard_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime.now(UTC)
AGES = 1e6  # seconds: a run of all tests may take longer than a webhook stays fresh


def event(at: datetime = NOW, **more: object) -> bytes:
    """A body."""
    return json.dumps({"event": "execution.completed", "timestamp": at.isoformat(), "data": {}, **more}).encode()


def plain(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The header over the body alone."""
    return {"X-Doclo-Signature": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


@pytest.mark.parametrize("secret", [SECRET, SECRET.rstrip("="), "plain-secret-ü", "whsec_no base64!", "whsec_=="])
def test_what_docmill_signs_is_accepted(secret: str) -> None:
    """Both signatures alone and together, whatever the secret looks like and however the headers are written."""
    body = event()
    standard = standard_headers(secret, "dlv_1", NOW, body)
    for headers in (standard, plain(body, secret), {k.upper(): v for k, v in (standard | plain(body, secret)).items()}):
        assert verify(body, headers, secret, max_age=AGES)["event"] == "execution.completed"


def test_several_signatures_are_tried() -> None:
    """The standard lets a sender sign with an old and a new secret at once."""
    body = event()
    headers = standard_headers(SECRET, "dlv_1", NOW, body)
    headers["webhook-signature"] = f"v1a,x v1,bm8= {headers['webhook-signature']}"
    assert verify(body, headers, SECRET, max_age=AGES)


BODY = event()
STANDARD = standard_headers(SECRET, "dlv_1", NOW, BODY)


@pytest.mark.parametrize(
    ("body", "headers", "secret"),
    [
        (BODY, {}, SECRET),
        (BODY, STANDARD, ""),
        (BODY, STANDARD, "another-secret"),
        (BODY + b" ", STANDARD, SECRET),
        (BODY, STANDARD | {"webhook-id": "dlv_2"}, SECRET),
        (BODY, STANDARD | {"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, SECRET),
        (BODY, STANDARD | {"webhook-signature": ""}, SECRET),
        (BODY, STANDARD | {"webhook-signature": "v1"}, SECRET),
        (BODY, STANDARD | {"webhook-signature": "v1,\udce4"}, SECRET),
        (BODY, STANDARD | plain(BODY, "another-secret"), SECRET),
        (BODY, plain(BODY) | {"webhook-signature": "v1,bm8="}, SECRET),
        (BODY, plain(BODY + b" "), SECRET),
        (BODY, {"X-Doclo-Signature": plain(BODY)["X-Doclo-Signature"].upper()}, SECRET),
        (b"[]", plain(b"[]"), SECRET),
        (b"\xff", plain(b"\xff"), SECRET),
        (b'{"data": {}}', plain(b'{"data": {}}'), SECRET),
        (b'{"timestamp": 1}', plain(b'{"timestamp": 1}'), SECRET),
        (b'{"timestamp": "2026-01-01T00:00:00"}', plain(b'{"timestamp": "2026-01-01T00:00:00"}'), SECRET),
    ],
    ids=lambda _: "",  # workers must agree on the names, and times are in the values
)
def test_what_is_not_right_is_refused(body: bytes, headers: dict[str, str], secret: str) -> None:
    """Every signature that is there must be right, and the body an object that says when it was sent."""
    with pytest.raises(VerificationError):
        verify(body, headers, secret, max_age=AGES)


@pytest.mark.parametrize(("age", "taken"), [(290, True), (310, False), (-50, True), (-80, False)])
def test_what_is_old_is_refused(age: float, taken: bool) -> None:  # noqa: FBT001 - a table's column
    """More than five minutes old, or more than a minute in the future."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    body = event(at)
    for headers in (standard_headers(SECRET, "dlv_1", at, body), plain(body)):
        if taken:
            verify(body, headers, SECRET)
        else:
            with pytest.raises(VerificationError):
                verify(body, headers, SECRET)
    verify(body, plain(body), SECRET, max_age=1e9) if age > 0 else None
