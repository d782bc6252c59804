"""What the documents of this surface show in another form than the contract: for its OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docmill.gateway.dialects.doclo.style import words_of
from docmill.gateway.openapi.overlay import Operation, Overlay

__all__ = ["OVERLAY"]

_STATUSES = ["queued", "running", "success", "failed", "cancelled", "pending", "completed"]
_TIME = {"type": "string", "format": "date-time"}
_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_ANY = {"type": "object", "additionalProperties": True}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _list(field: str, item: str) -> dict[str, Any]:
    """A list in both envelopes at once."""
    items = {"type": "array", "items": _ref(item)}
    return {
        "type": "object",
        "required": [field, "data", "total", "limit", "hasMore"],
        "properties": {
            field: items,
            "data": {**items, "description": f"The same as `{field}`."},
            "total": {**_WHOLE, "description": "How many there are in all."},
            "limit": {**_WHOLE, "description": "How many were asked for at most."},
            "offset": {**_WHOLE, "description": "How many were left out at the start."},
            "hasMore": {"type": "boolean", "description": "Whether the list goes on."},
            "nextCursor": {**_TEXT, "description": "Where it goes on; absent at the end."},
        },
    }


_LIMIT = _query("limit", {"type": "integer", "minimum": 1, "default": 50}, "How many at most; above 100 means 100.")
_CURSOR = _query("cursor", {"type": "string", "maxLength": 512}, "`nextCursor` of the answer before.")
_OFFSET = _query("offset", {"type": "integer", "minimum": 0}, "How many to leave out at the start; `cursor` wins.")
_STATUS = _query(
    "status",
    {"type": "string", "examples": ["failed,cancelled"]},
    f"States, divided by commas: {', '.join(_STATUSES)}.",
)
_FILTERS: Sequence[dict[str, Any]] = (
    _STATUS,
    _query("flowId", {"type": "string", "maxLength": 128}, "Runs of this flow."),
    _query("createdAfter", _TIME, "Runs created at this time or later."),
    _query("createdBefore", _TIME, "Runs created before this time."),
    _query("label", {"type": "string", "maxLength": 320}, "Runs with this label: `name=value`, or `name`."),
)
_VOCABULARY = {
    "name": "X-Doclo-Status-Vocabulary",
    "in": "header",
    "description": "`rest` writes `pending` and `completed` for `queued` and `success`.",
    "schema": {"type": "string", "enum": ["sdk", "rest"]},
}

_RUN = {
    "type": "object",
    "required": ["input"],
    "properties": {
        "input": {
            "type": "object",
            "description": "The document, itself or by its id, and values for the flow.",
            "properties": {
                "document": {
                    "type": "object",
                    "required": ["base64"],
                    "properties": {
                        "base64": {**_TEXT, "description": "Its bytes in base64 (standard alphabet), or a data URL."},
                        "filename": {"type": "string", "maxLength": 255},
                        "mimeType": {"type": "string", "maxLength": 127, "description": "A hint; the bytes decide."},
                    },
                },
                "documentId": {**_TEXT, "description": "Id of an uploaded document, in place of `document`."},
                "variables": {**_ANY, "description": "Values for the flow, as its `inputSchema` says."},
            },
        },
        "version": {"type": "string", "maxLength": 64, "description": "Of the flow; the current one when absent."},
        "wait": {"type": "boolean", "description": "Whether to answer with the run's end."},
        "timeout": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Milliseconds to wait for it, 30000 when absent, 60000 at most; then 504, and the run goes on.",
        },
        "idempotencyKey": {
            "type": "string",
            "maxLength": 255,
            "pattern": "^[\\x20-\\x7e]*$",
            "description": "The same request under the same key within 24 hours gives the same run.",
        },
        "webhookUrl": {"type": "string", "maxLength": 2048, "description": "Where to send word of the run's end."},
        "webhookSecret": {
            "type": "string",
            "maxLength": 256,
            "description": "Key of the signature, 8 characters at least; the organization's own when absent.",
        },
        "webhookCancelled": {"type": "boolean", "description": "Whether to send word of a cancelled run, too."},
        "metadata": {**_ANY, "description": "Anything of yours, given back; 16 KiB and 5 levels at most."},
        "labels": {
            "type": "object",
            "maxProperties": 16,
            "additionalProperties": {"type": "string", "maxLength": 255},
            "description": "Short facts by which runs are found again.",
        },
        "priority": {"type": "string", "enum": ["interactive", "standard", "bulk"]},
    },
}

_FAULT = {
    "type": "object",
    "description": "Why it failed.",
    "required": ["code", "message"],
    "properties": {"code": _TEXT, "message": _TEXT, "step": _TEXT, "details": _ANY},
}

_EXECUTION = {
    "type": "object",
    "description": "A run.",
    "required": ["id", "flowId", "version", "status", "createdAt"],
    "properties": {
        "id": _TEXT,
        "flowId": _TEXT,
        "version": {**_TEXT, "description": "Of the flow."},
        "status": {"type": "string", "enum": _STATUSES, "description": "`pending` and `completed` only if asked for."},
        "createdAt": _TIME,
        "startedAt": _TIME,
        "completedAt": {**_TIME, "description": "When it ended, however it ended."},
        "cancelledAt": _TIME,
        "duration": {**_WHOLE, "description": "Milliseconds from its acceptance to its end."},
        "progress": {
            "type": "object",
            "description": "How far it is, while it runs.",
            "properties": {
                "step": _TEXT,
                "percentage": {"type": "integer", "minimum": 0, "maximum": 100},
                "pagesDone": _WHOLE,
                "pagesFailed": _WHOLE,
                "pagesTotal": _WHOLE,
            },
        },
        "queuePosition": {**_WHOLE, "description": "Place in the line while it waits for other runs to end."},
        "output": {"description": "What came out; its shape is that of the flow's output schema."},
        "warnings": {"type": "array", "items": _TEXT},
        "evidence": {"type": "array", "items": _ref("Evidence"), "description": "With `include=evidence`."},
        "lowConfidence": {
            "type": "array",
            "items": _TEXT,
            "description": "JSON pointers of the values to look at, least sure first; with `include=evidence`.",
        },
        "error": _ref("Fault"),
        "metrics": {
            "type": "object",
            "description": "What it took, once it ended.",
            "properties": {
                "durationMs": _WHOLE,
                "pageCount": _WHOLE,
                "creditsUsed": _WHOLE,
                "tokensUsed": _WHOLE,
                "cost": {"type": "number", "description": "US dollars charged by outside services."},
                "stepsRun": _WHOLE,
                "stepsTotal": _WHOLE,
                "engineMs": _WHOLE,
                "pagesFailed": _WHOLE,
                "steps": {"type": "array", "items": _ref("StepMetrics"), "description": "With `include=metrics`."},
            },
        },
        "artifacts": {**_ANY, "description": "What each step made, with `include=artifacts`."},
        "traceId": _TEXT,
        "documentId": _TEXT,
        "labels": {"type": "object", "additionalProperties": _TEXT},
        "metadata": _ANY,
    },
}

_BOX = {name: {"type": "number"} for name in ("x", "y", "w", "h")}
_EVIDENCE = {
    "type": "object",
    "description": "Where a value of the output was read.",
    "properties": {
        "path": {**_TEXT, "description": "JSON pointer (RFC 6901) into the output."},
        "pageNumber": _WHOLE,
        "bbox": {
            "type": "object",
            "properties": _BOX,
            "description": "In points of a PDF's page, from its top left corner, or in pixels of an image as it is stored, "
            "before its EXIF orientation. In another picture of the page: times picture width / page width.",
        },
        "words": {"type": "array", "items": _TEXT},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "source": {**_TEXT, "description": "`page`, or `einvoice` for the XML of an electronic invoice."},
        "xpath": {**_TEXT, "description": "Where the value stands in that XML."},
        "grounded": {"type": "boolean", "description": "Whether the words say the value."},
    },
}
_STEP_METRICS = {
    "type": "object",
    "properties": {"step": _TEXT, "nodeType": _TEXT, "durationMs": _WHOLE, "tokensUsed": _WHOLE},
}

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {**_TEXT, "description": "For programs, e.g. `FLOW_NOT_FOUND`."},
                "message": {**_TEXT, "description": "What was wrong and what to do, for people."},
                "details": {**_ANY, "description": "`field`, `reason`, `requestId` and other short facts."},
            },
        }
    },
}

_ERRORS = {
    400: "The body is not JSON, or brings no document.",
    401: "No key, or a wrong, expired or revoked one; `details.reason` says which.",
    402: "Not enough credits, or not a part of the plan.",
    403: "The key lacks a scope: `details.requiredScope`.",
    404: "No such thing for this key.",
    405: "That method is not served here.",
    409: "It is in a state that does not allow this.",
    413: "The body is larger than the server takes.",
    415: "The body is of another type than JSON.",
    422: "A field or the document cannot be right; `details.field` names it.",
    429: "Too many calls in this minute, or too many runs in the line; `Retry-After` says when to try again.",
    500: "Our fault.",
    503: "A part is away for a moment: try again.",
    504: "The run had not ended when the time to wait for it was over; it goes on.",
}

_HEADERS = {
    "X-RateLimit-Limit": {"description": "Calls a minute.", "schema": _WHOLE},
    "X-RateLimit-Remaining": {"description": "Calls left in this minute.", "schema": _WHOLE},
    "X-RateLimit-Reset": {"description": "When the next minute begins, in Unix seconds.", "schema": _WHOLE},
    "X-Request-Id": {"description": "Id of the request, as sent or as made.", "schema": _TEXT},
}

_EVENTS = Operation(
    parameters=[
        _query("after", {"type": "integer", "minimum": 0}, "Number of the last event seen; 0 begins at the first."),
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The same, as browsers send it when they come back.",
            "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
        },
    ],
    response={
        "text/event-stream": {
            "schema": {**_TEXT, "description": "Events with their number as `id` and their kind as `event`."}
        },
        "application/x-ndjson": {
            "schema": {**_TEXT, "description": "One JSON object a line, if `Accept` asks for it."}
        },
    },
    empty="The last event was seen before: do not come back.",
)

_OPERATIONS = {
    "ListFlows": Operation(parameters=[_LIMIT, _OFFSET, _CURSOR], response=_json(_list("flows", "FlowSummary"))),
    "RunFlow": Operation(
        parameters=[_VOCABULARY],
        request=_json(_RUN),
        response=_json(_ref("Run")),
    ),
    "GetRun": Operation(
        parameters=[
            _VOCABULARY,
            _query("include", _TEXT, "What to add, divided by commas: `artifacts`, `metrics`, `evidence`."),
        ],
        response=_json(_ref("Run")),
    ),
    "CancelRun": Operation(parameters=[_VOCABULARY], response=_json(_ref("Run"))),
    "ListRuns": Operation(parameters=[_VOCABULARY, *_FILTERS, _LIMIT, _CURSOR], response=_json(_list("runs", "Run"))),
    "WatchRun": _EVENTS,
    "ListPages": Operation(parameters=[_LIMIT, _CURSOR], response=_json(_list("pages", "Page"))),
    "GetPageImage": Operation(response={"image/png": {"schema": {"type": "string", "format": "binary"}}}),
    "ListKeys": Operation(parameters=[_LIMIT, _CURSOR], response=_json(_list("keys", "Key"))),
    "ListDeliveries": Operation(parameters=[], response=_json(_list("deliveries", "Delivery"))),
    "UploadDocument": Operation(
        parameters=[_query("filename", {"type": "string", "maxLength": 255}, "What it is called.")],
        request={"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    ),
}

OVERLAY = Overlay(
    title="docmill",
    description="Documents in, data out. Runs are asked for, watched and cancelled here; keys come as "
    "`Authorization: Bearer dc_live_...` or `dc_test_...`.",
    words=lambda enum: list(filter(None, words_of(enum).values())),
    schemas={
        "Run": _EXECUTION,
        "Fault": _FAULT,
        "Evidence": _EVIDENCE,
        "StepMetrics": _STEP_METRICS,
        "Error": _ERROR,
    },
    operations=_OPERATIONS,
    errors=_ERRORS,
    error=_ref("Error"),
    headers=_HEADERS,
)
