"""What this surface adds to the OpenAPI document. Its forms are its own, so they stand here and not in the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["PATHS", "SCHEMAS", "TAG"]

Schema = Mapping[str, Any]

TAG = {
    "name": "Batch",
    "description": "Up to 100 files in one request, and one file in one answer. Keys look like `af_...`.",
}

_JSON = "application/json"
_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer", "minimum": 0}
_PERCENT: Schema = {"type": "integer", "minimum": 0, "maximum": 100}
_ANY: Schema = {"type": "object"}
_FILE: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}

_ERRORS = {
    400: "The body is no well-formed form.",
    401: "There is no key of this surface, or it is not active.",
    403: "The plan, or the key, does not include this.",
    404: "There is no such thing.",
    405: "Another method is served here.",
    409: "Its state does not allow this.",
    413: "The body is larger than the server takes.",
    415: "The body is no form.",
    422: "A field or a file cannot be right.",
    429: "`quota_exceeded`: no documents of this month are left; `rate_limit_exceeded`: come back later.",
    500: "The document cannot be read, or it is our fault.",
    503: "A part of docmill is away for a moment.",
}
_HEADERS = {
    "X-Request-Id": {"description": "Id of the request.", "schema": _TEXT},
    "X-Trace-Id": {"description": "Its trace (W3C Trace Context).", "schema": _TEXT},
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, required: Sequence[str], /, **properties: Schema) -> Schema:
    return {"type": "object", "description": description, "required": list(required), "properties": properties}


_TOTAL_NAMES = (
    *("subtotal", "discount", "shipping", "cgst", "sgst", "igst", "vat", "sales_tax", "tax_total", "round_off"),
    *("grand_total", "amount_paid", "balance_due"),
)
_PARTY_NAMES = (
    *("name", "address", "phone", "email", "website", "gstin", "pan", "tax_id", "registration_number", "country"),
)
_BLOCKS: Mapping[str, Schema] = {
    "vendor": _ref("BatchParty"),
    "buyer": _ref("BatchParty"),
    "document_meta": {**_ANY, "description": "Numbers, dates, currency, language, country; dates are `YYYY-MM-DD`."},
    "financial": _ref("BatchFinancial"),
    "payslip": _ANY,
    "resume": _ANY,
    "ticket": _ANY,
    "identity": _ANY,
    "bank_statement": _ANY,
    "extracted_fields": _ANY,
}
_KIND: Mapping[str, Schema] = {
    "document_type": {**_TEXT, "description": "`invoice`, `receipt`, `bank_statement`, ..."},
    "document_category": {
        "type": "string",
        "enum": [
            *("financial", "legal", "identity", "medical", "insurance", "tax", "logistics", "hr", "education"),
            *("property", "transport", "government", "travel", "other"),
        ],
    },
}
_SURE: Schema = {
    "type": "number",
    "minimum": 0,
    "maximum": 1,
    "description": "How well the words were read, times the share of the expected values that were found. It is not the "
    "confidence of any value, nor of the type.",
}

SCHEMAS: Mapping[str, Schema] = {
    "BatchError": _object(
        "What went wrong.",
        ["detail"],
        detail=_object(
            "The only thing in it.",
            ["error", "message", "retry_after"],
            error={**_TEXT, "description": "For programs."},
            message={**_TEXT, "description": "For people."},
            retry_after={"type": ["integer", "null"], "description": "Seconds, where waiting helps."},
        ),
    ),
    "BatchValidation": _object(
        "Whether the values agree with each other.",
        ["math_valid", "errors", "warnings"],
        math_valid={"type": "boolean", "description": "No arithmetic is wrong, as far as it could be checked."},
        errors={"type": "array", "items": _TEXT, "description": "Arithmetic that does not come out: `code: detail`."},
        warnings={
            "type": "array",
            "items": _TEXT,
            "description": "Other remarks, also as `code: detail`: `unsure_value` names a value that a person should look "
            "at, `several_documents` is for a file that seems to hold more than one.",
        },
    ),
    "BatchParty": _object("Who is on one side of it.", [], **dict.fromkeys(_PARTY_NAMES, _TEXT)),
    "BatchFinancial": _object(
        "Lines, totals and payment; only with a grand total.",
        ["line_items", "totals"],
        line_items={"type": "array", "items": _ANY},
        totals=_object("Amounts.", ["grand_total"], **{key: {"type": "number"} for key in _TOTAL_NAMES}),
        payment=_ANY,
    ),
    "Extraction": _object(
        "The data of one document. Blocks and values that it does not have are absent, never null.",
        ["job_id", "status", "document_type", "document_category", "confidence", "validation", "tokens_used"],
        job_id={"type": "string", "pattern": "^extr_[0-9a-f]{12}$"},
        status={"const": "success"},
        **_KIND,
        confidence=_SURE,
        **_BLOCKS,
        validation=_ref("BatchValidation"),
        tokens_used={**_WHOLE, "description": "Words that were read."},
    ),
    "BatchSubmitted": _object(
        "A batch that was taken.",
        ["batch_id", "total_files", "status", "estimated_seconds"],
        batch_id={"type": "string", "format": "uuid"},
        total_files=_WHOLE,
        status={"const": "queued"},
        estimated_seconds=_WHOLE,
    ),
    "BatchProgressShown": _object(
        "How far a batch is.",
        ["batch_id", "status", "processed", "total", "percent", "download_url"],
        batch_id={"type": "string", "format": "uuid"},
        status={"type": "string", "enum": ["queued", "processing", "complete"]},
        processed=_WHOLE,
        total=_WHOLE,
        percent=_PERCENT,
        download_url={"type": ["string", "null"], "description": "Good for 24 hours; null until it is complete."},
    ),
    "BatchElement": _object(
        "One file of a batch. One that failed has `error`.",
        ["file_index", "file_key", "extraction", "validation", "tokens_used"],
        file_index=_WHOLE,
        file_key=_TEXT,
        extraction=_object(
            "Its data.",
            ["document_type", "document_category", "confidence_score"],
            **_KIND,
            confidence_score=_SURE,
            **_BLOCKS,
        ),
        error=_object("Why it failed.", ["error", "message"], error=_TEXT, message=_TEXT),
        validation=_ref("BatchValidation"),
        tokens_used=_WHOLE,
    ),
    "MonthlyUsage": _object(
        "The documents of this month.",
        ["plan", "calls_used", "calls_limit", "percent_used", "reset_date", "daily"],
        plan=_TEXT,
        calls_used=_WHOLE,
        calls_limit={"type": ["integer", "null"], "description": "Null: without bound."},
        percent_used=_PERCENT,
        reset_date={"type": "string", "format": "date"},
        daily={
            "type": "array",
            "items": _object("A day.", ["date", "calls"], date={"type": "string", "format": "date"}, calls=_WHOLE),
        },
    ),
}

_BATCH_ID = {"name": "batch_id", "in": "path", "required": True, "description": "Id of the batch.", "schema": _TEXT}


def _operation(
    name: str,
    text: str,
    answer: Schema,
    *,
    media_type: str = _JSON,
    parameters: Sequence[Schema] = (),
    form: Schema | None = None,
    public: bool = False,
    empty: str = "",
) -> Schema:
    responses: dict[str, Any] = {
        "200": {"description": "Done.", "headers": _HEADERS, "content": {media_type: {"schema": answer}}}
    }
    if empty:
        responses["204"] = {"description": empty, "headers": _HEADERS}
    for status, when in _ERRORS.items():
        content = {_JSON: {"schema": _ref("BatchError")}}
        responses[str(status)] = {"description": when, "headers": _HEADERS, "content": content}
    return {
        "operationId": name,
        "tags": [TAG["name"]],
        "summary": text.partition(". ")[0].rstrip("."),
        "description": text,
        "parameters": list(parameters),
        **({"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}} if form else {}),
        **({"security": []} if public else {}),
        "responses": responses,
    }


_RESULTS: Schema = {"type": "array", "items": _ref("BatchElement")}

PATHS: Mapping[str, Mapping[str, Schema]] = {
    "/v1/extract": {
        "post": _operation(
            "extract",
            "Gives the data of one file. It may have 10 MB; longer documents belong into a batch.",
            _ref("Extraction"),
            form=_object(
                "",
                ["file"],
                file={**_FILE, "description": "PDF, PNG, JPG, JPEG, WEBP, TIFF, BMP, HEIC or HEIF."},
                doc_type={
                    **_TEXT,
                    "description": "What it probably is; `auto` when absent. One that is not known is a warning.",
                },
                lang={**_TEXT, "description": "Its language (ISO 639-1)."},
            ),
        )
    },
    "/v1/batch": {
        "post": _operation(
            "createBatch",
            "Takes files to be read together. It answers before any of them is read, and takes all of them or none.",
            _ref("BatchSubmitted"),
            parameters=[
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "description": "The same files under the same key within 24 hours are the same batch.",
                    "schema": {"type": "string", "maxLength": 255, "pattern": "^[\\x20-\\x7e]*$"},
                }
            ],
            form=_object(
                "",
                ["files"],
                files={"type": "array", "minItems": 1, "maxItems": 100, "items": _FILE},
                webhook_url={**_TEXT, "description": "Where to send word once it is complete."},
                callback_id={
                    **_TEXT,
                    "minLength": 1,
                    "maxLength": 255,
                    "description": "Yours; it comes with that word.",
                },
            ),
        ),
        "get": _operation(
            "listBatches",
            "Lists batches, newest first.",
            _object(
                "",
                ["batches", "total", "next_cursor"],
                batches={"type": "array", "items": _ref("BatchProgressShown")},
                total=_WHOLE,
                next_cursor={"type": ["string", "null"]},
            ),
            parameters=[
                {
                    "name": "limit",
                    "in": "query",
                    "description": "How many at most.",
                    "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
                },
                {
                    "name": "cursor",
                    "in": "query",
                    "description": "`next_cursor` of the answer before.",
                    "schema": _TEXT,
                },
            ],
        ),
    },
    "/v1/batch/{batch_id}": {
        "get": _operation(
            "getBatch",
            "Tells how far a batch is. Once it is complete, it says where its results are.",
            _ref("BatchProgressShown"),
            parameters=[_BATCH_ID],
        )
    },
    "/v1/batch/{batch_id}/events": {
        "get": _operation(
            "watchBatch",
            "Streams what happens to a batch. `id:` is the number of an event; `Last-Event-ID` resumes after it.",
            _TEXT,
            media_type="text/event-stream",
            parameters=[
                _BATCH_ID,
                {
                    "name": "after",
                    "in": "query",
                    "description": "Only events after this number.",
                    "schema": {"type": "integer", "minimum": 0},
                },
            ],
            empty="The last event was seen before; do not come back.",
        )
    },
    "/v1/batch/{batch_id}/cancel": {
        "post": _operation(
            "cancelBatch",
            "Ends a batch with what is done. Each other file gets an error in the results.",
            _ref("BatchProgressShown"),
            parameters=[_BATCH_ID],
        )
    },
    "/v1/batch/{batch_id}/results": {
        "get": _operation(
            "getBatchResults",
            "Gives the results of a batch that is complete. The files stand in the order in which they came.",
            _RESULTS,
            parameters=[_BATCH_ID],
        )
    },
    "/v1/results/{results_token}": {
        "get": _operation(
            "downloadResults",
            "Gives the same results to whoever has their link. No key is asked for.",
            _RESULTS,
            parameters=[
                {
                    "name": "results_token",
                    "in": "path",
                    "required": True,
                    "description": "From `download_url`.",
                    "schema": _TEXT,
                }
            ],
            public=True,
        )
    },
    "/v1/usage": {
        "get": _operation("monthlyUsage", "Tells what is used up of this month's documents.", _ref("MonthlyUsage"))
    },
}
