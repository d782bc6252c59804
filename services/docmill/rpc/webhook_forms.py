"""Webhooks written from messages of the public contract: the installation's own form, and those of dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
from google.protobuf import json_format

from docmill.domain.deliveries import DeliveryPolicy
from docmill.domain.states import RunState
from docmill.engine.notices import BatchForm, BatchNotice, Notice, WebhookForm
from docmill.rpc.convert.batches import to_batch
from docmill.rpc.convert.runs import add_output, to_run
from docmill.v1 import batches_pb2, runs_pb2

__all__ = ["BatchRender", "Render", "batch_forms", "webhook_forms"]


class Render(Protocol):
    """Headers of its own and a body in JSON, from what the public contract says about a run."""

    def __call__(
        self,
        event: str,
        run: runs_pb2.Run,
        *,
        truncated: bool,
        delivery_id: str,
        attempt: int,
        at: datetime,
        secret: str,
    ) -> tuple[Mapping[str, str], bytes]:
        """`run` has its output in `output_json`, unless that is too large (`truncated`)."""


class BatchRender(Protocol):
    """A dialect's word of a completed batch: written once, and sent as it is until it is taken."""

    @property
    def GAPS(self) -> Sequence[float]:  # noqa: N802 - a constant of a module
        """Seconds before each attempt, counted from the one before it."""

    def body(self, batch: batches_pb2.Batch) -> bytes:
        """JSON in UTF-8, from what the public contract says about the batch."""

    def headers(self, content: bytes, secret: str) -> Mapping[str, str]:
        """Headers of its own for a body."""


def webhook_forms(dialects: Mapping[str, Render]) -> Mapping[str, WebhookForm]:
    """The forms of `dialects`, and the installation's own under the empty name."""
    return {"": _Form(_own), **{name: _Form(render) for name, render in dialects.items()}}


def batch_forms(dialects: Mapping[str, BatchRender]) -> Mapping[str, BatchForm]:
    """The same for word of batches."""
    return {"": _OwnOfBatch(), **{name: _BatchForm(render) for name, render in dialects.items()}}


class _BatchForm:
    """A dialect's."""

    same = True

    def __init__(self, render: BatchRender) -> None:
        self._render = render
        self.policy = DeliveryPolicy(gaps=render.GAPS, ends_when_gone=False)

    def body(self, notice: BatchNotice) -> bytes:
        """See `BatchForm`."""
        return self._render.body(to_batch(notice.view))

    def headers(self, notice: BatchNotice, body: bytes) -> Mapping[str, str]:
        """See `BatchForm`."""
        return self._render.headers(body, notice.secret)


class _OwnOfBatch:
    """`{type, timestamp, data}`; `data` is the batch as proto JSON, with its files."""

    same = False
    policy = None

    def body(self, notice: BatchNotice) -> bytes:
        """See `BatchForm`."""
        data = json_format.MessageToDict(to_batch(notice.view, files=True))
        return _event(notice.event.value, notice.at, data)

    def headers(self, notice: BatchNotice, body: bytes) -> Mapping[str, str]:  # noqa: ARG002 - as `BatchForm` says
        """See `BatchForm`."""
        return {}


@dataclass(frozen=True, slots=True)
class _Form:
    write: Render

    def render(self, notice: Notice) -> tuple[Mapping[str, str], bytes]:
        """See `WebhookForm`."""
        message = to_run(notice.run)
        if notice.output is not None and notice.run.state is RunState.SUCCEEDED:
            add_output(message, notice.output, as_json=True, evidence=False)
        return self.write(
            notice.event.value,
            message,
            truncated=notice.output is None,
            delivery_id=notice.delivery_id,
            attempt=notice.attempt,
            at=notice.at,
            secret=notice.secret,
        )


def _own(
    event: str,
    run: runs_pb2.Run,
    *,
    truncated: bool,
    delivery_id: str,
    attempt: int,
    at: datetime,
    secret: str,
) -> tuple[Mapping[str, str], bytes]:
    """`{type, timestamp, data}` as https://www.standardwebhooks.com proposes; `data` is the run as proto JSON."""
    del delivery_id, attempt, secret  # in headers that every form has
    output = run.output_json
    run.ClearField("output_json")
    data: dict[str, Any] = json_format.MessageToDict(run)
    if output:
        data["output"] = orjson.Fragment(output)
    if truncated:
        data["outputTruncated"] = True
    return {}, _event(event, at, data)


def _event(kind: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": kind, "timestamp": timestamp, "data": data})
