"""POST /v1/extract: one file in, its data out, in the same request."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
from google.protobuf import duration_pb2
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from starlette.responses import Response

from docmill.gateway.decode import FieldError
from docmill.gateway.dialects.documentflow.admission import Admission
from docmill.gateway.dialects.documentflow.document import flat
from docmill.gateway.dialects.documentflow.intake import FLOW, Form, Intake
from docmill.gateway.dialects.documentflow.remarks import Remarks
from docmill.gateway.exchange import Draining, Exchange
from docmill.gateway.problems import Problem
from docmill.gateway.reasons import reason_of
from docmill.gateway.replies import json_reply
from docmill.gateway.upstream import Upstream
from docmill.gateway.watch import TERMINAL, until_end
from docmill.v1 import flows_pb2, runs_pb2

__all__ = ["ExtractEndpoint"]

_RUN_FLOW = flows_pb2.DESCRIPTOR.services_by_name["FlowService"].methods_by_name["RunFlow"]
_GET_RUN = runs_pb2.DESCRIPTOR.services_by_name["RunService"].methods_by_name["GetRun"]

_GRACE_S = 3.0
"""More, for word of its end."""
_LANGUAGE = re.compile(r"[a-z]{2}")
_HINT = re.compile(r"[a-z][a-z0-9 _-]{0,63}")
_AUTO = {"", "auto"}


class ExtractEndpoint:
    """Answers with the data of one file, for which there are `time_limit` seconds."""

    def __init__(self, upstream: Upstream, time_limit: int) -> None:
        self._upstream = upstream
        self._time_limit = time_limit

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request."""
        del variables
        async with Admission(self._upstream, exchange, scope="flows:execute") as admission:
            async with Intake(self._upstream, exchange, "file", most=1) as intake:
                form = await intake.read()
                hints = _hints(form.fields)
                form.check()
                admission.counts()
                run = await self._started(exchange, form, hints)
                intake.kept()
            return json_reply(await self._data(exchange, run))

    async def _started(self, exchange: Exchange, form: Form, hints: Mapping[str, str]) -> runs_pb2.Run:
        request = flows_pb2.RunFlowRequest(
            flow_id=FLOW,
            input=flows_pb2.RunInput(document_id=form.documents[0].id, variables=ParseDict(dict(hints), Struct())),
            priority=flows_pb2.PRIORITY_INTERACTIVE,
            time_limit=duration_pb2.Duration(seconds=self._time_limit),
        )
        answer: flows_pb2.RunFlowResponse = await self._upstream.unary(_RUN_FLOW, request, exchange.call)
        return answer.run

    async def _data(self, exchange: Exchange, run: runs_pb2.Run) -> dict[str, Any]:
        """What the run makes. Problem when it makes nothing, or not in time."""
        with suppress(TimeoutError, Draining):
            async with asyncio.timeout(self._time_limit + _GRACE_S):
                await exchange.while_connected(until_end(self._upstream, run.id, exchange.call))
        request = runs_pb2.GetRunRequest(run_id=run.id, output_as_json=True, include_evidence=True)
        ended: runs_pb2.Run = (await self._upstream.unary(_GET_RUN, request, exchange.call)).run
        if ended.status == runs_pb2.RUN_STATUS_SUCCEEDED:
            remarks = Remarks(notices=ended.warnings, unsure=ended.low_confidence)
            return flat(orjson.loads(ended.output_json), job_id=_job_id(ended.id), remarks=remarks)
        if ended.status not in TERMINAL or ended.status == runs_pb2.RUN_STATUS_CANCELLED:
            raise Problem("DEADLINE", f"The document was not read within {self._time_limit} s; send it in a batch")
        raise Problem(reason_of(ended.error.reason), ended.error.message)


def _hints(fields: Mapping[str, str]) -> dict[str, str]:
    """What the caller knows of the document, as variables of the flow."""
    hints = {}
    kind = fields.get("doc_type", "").strip().lower()
    if kind not in _AUTO:
        if not _HINT.fullmatch(kind):
            raise FieldError("doc_type", "must be auto, or a type such as invoice, receipt or bank_statement")
        hints["documentType"] = kind
    language = fields.get("lang", "").strip().lower()
    if language not in _AUTO:
        if not _LANGUAGE.fullmatch(language):
            raise FieldError("lang", "must be a language by ISO 639-1, e.g. en or hi")
        hints["language"] = language
    return hints


def _job_id(run_id: str) -> str:
    return f"extr_{hashlib.sha256(run_id.encode()).hexdigest()[:12]}"
