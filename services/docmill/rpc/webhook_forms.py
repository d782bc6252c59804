"""Webhooks written from messages of the public contract: the installation's own form, and those of dialects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
from google.protobuf import json_format

from docmill.domain.states import RunState
from docmill.engine.notices import BatchForm, BatchNotice, Notice, WebhookForm
from docmill.rpc.convert.batches import to_batch
from docmill.rpc.convert.runs import add_output, to_run
from docmill.v1 import runs_pb2

__all__ = ["Render", "batch_forms", "webhook_forms"]


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


def webhook_forms(dialects: Mapping[str, Render]) -> Mapping[str, WebhookForm]:
    """The forms of `dialects`, and the installation's own under the empty name."""
    return {"": _Form(_own), **{name: _Form(render) for name, render in dialects.items()}}


def batch_forms() -> Mapping[str, BatchForm]:
    """The installation's own form of word of batches, under the empty name."""
    return {"": _OwnOfBatch()}


class _OwnOfBatch:
    """`{type, timestamp, data}`; `data` is the batch as proto JSON, with its files."""

    same = False

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
