"""Calls under one idempotency key make one run, however often and however many at once they come.

A key counts for an organization, a mode and a flow, and for a day from the run it made. The same request gets that run
as it is now, whatever became of it; another request is refused. Requests that were refused bind nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from docmill.domain.errors import AlreadyExists, Reason
from docmill.domain.models import Caller, Run
from docmill.engine.requests import RunRequest
from docmill.store import Op, runs
from docmill.store import idempotency as keys

WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A key and the request that came with it."""

    key: keys.Key
    request_sha256: str


def claim_of(caller: Caller, request: RunRequest, document_sha256: str) -> Claim | None:
    """What the request claims; None when it brings no key.

    The same request: flow and version as asked for, document by its bytes, variables. Not what is said beside the work:
    metadata, labels, where to send word.
    """
    if not request.idempotency_key:
        return None
    version = "" if request.version == "latest" else request.version
    digest = _digest(request.flow_id, version, document_sha256, request.variables)
    key = keys.Key(org_id=caller.org_id, mode=caller.mode, flow_id=request.flow_id, key=request.idempotency_key)
    return Claim(key=key, request_sha256=digest)


def _digest(*facts: str | Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def find(claim: Claim, now: datetime) -> Op[Run | None]:
    """The run that the key made, if it did. AlreadyExists when it made one for another request."""
    bound = yield from keys.find(claim.key, now - WINDOW)
    if bound is None:
        return None
    if bound.request_sha256 != claim.request_sha256:
        raise AlreadyExists(
            Reason.IDEMPOTENCY_CONFLICT,
            f"The idempotency key came before, with another request: it made {bound.run_id}. Take a new key",
            {"runId": bound.run_id, "field": "idempotency_key"},
        )
    return (yield from runs.get(bound.run_id))


def bind(claim: Claim, run_id: str, now: datetime) -> Op[Run | None]:
    """Bind the key to the run that this transaction records; the run that was first, if one was."""
    bound = keys.Bound(request_sha256=claim.request_sha256, run_id=run_id)
    if (yield from keys.bind(claim.key, bound, now, now - WINDOW)):
        return None
    return (yield from find(claim, now))
