"""From domain errors to `google.rpc.Status`: the one table of codes, and the details a client can act on.

Details are the standard ones (https://google.aip.dev/193): ErrorInfo always (reason, domain `docmill`, details),
BadRequest where fields are to blame, RetryInfo where trying again helps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # its package has no py.typed
from grpc import StatusCode

from docmill.domain import errors

__all__ = ["CODES", "DOMAIN", "FieldViolation", "InvalidRequest", "code_of", "status_of"]

DOMAIN = "docmill"

CODES: dict[type[errors.DocmillError], StatusCode] = {
    errors.Unauthenticated: StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: StatusCode.PERMISSION_DENIED,
    errors.InvalidArgument: StatusCode.INVALID_ARGUMENT,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.AlreadyExists: StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: StatusCode.FAILED_PRECONDITION,
    errors.PaymentRequired: StatusCode.FAILED_PRECONDITION,
    errors.LimitReached: StatusCode.RESOURCE_EXHAUSTED,
    errors.QuotaExhausted: StatusCode.RESOURCE_EXHAUSTED,
    errors.SequenceOutOfRange: StatusCode.OUT_OF_RANGE,
    errors.DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
    errors.Unavailable: StatusCode.UNAVAILABLE,
    errors.WorkFailed: StatusCode.FAILED_PRECONDITION,
    errors.InternalError: StatusCode.INTERNAL,
    errors.DocmillError: StatusCode.INTERNAL,
}
"""A subclass that is not named has the code of its nearest base."""

RETRY_AFTER_S = 1
"""Where the error does not say it itself."""

# A client drops a call whose trailing metadata exceeds 8 KiB. The message is sent twice (once percent-encoded, up to
# three times as long) and the details in base64: these bounds keep the whole below that.
MAX_MESSAGE_BYTES = 500
MAX_VALUE_CHARS = 200
MAX_DETAILS = 12
MAX_VIOLATIONS = 10
MAX_STATUS_BYTES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """A field of a request that cannot be right."""

    field: str
    """Dotted path of proto field names, e.g. `input.document.base64`."""
    description: str


@dataclass(eq=False)
class InvalidRequest(errors.InvalidArgument):
    """A request that breaks the rules of the contract in one or more fields."""

    violations: Sequence[FieldViolation] = ()


def code_of(error: errors.DocmillError) -> StatusCode:
    """The gRPC code of `error`."""
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)


def status_of(error: errors.DocmillError) -> status_pb2.Status:
    """The status that tells a client all about `error`, at most `MAX_STATUS_BYTES` long."""
    code: int = code_of(error).value[0]
    status = status_pb2.Status(code=code, message=_cut_bytes(error.message, MAX_MESSAGE_BYTES))
    for detail in _details(error):
        packed = any_pb2.Any()
        packed.Pack(detail)
        if status.ByteSize() + packed.ByteSize() < MAX_STATUS_BYTES:
            status.details.append(packed)
    return status


def _details(error: errors.DocmillError) -> list[Message]:
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=_short(error.details))
    ]
    if error.retryable:
        delay = duration_pb2.Duration(seconds=_retry_after(error))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if violations := _violations(error):
        fields = [
            error_details_pb2.BadRequest.FieldViolation(
                field=violation.field[:MAX_VALUE_CHARS],
                description=violation.description[:MAX_VALUE_CHARS],
                reason=error.reason,
            )
            for violation in violations[:MAX_VIOLATIONS]
        ]
        details.append(error_details_pb2.BadRequest(field_violations=fields))
    return details


def _retry_after(error: errors.DocmillError) -> int:
    """Seconds after which trying again may help."""
    given = error.details.get("retryAfter", "")
    return int(given) if given.isascii() and given.isdecimal() else RETRY_AFTER_S


def _violations(error: errors.DocmillError) -> Sequence[FieldViolation]:
    if isinstance(error, InvalidRequest):
        return error.violations
    if isinstance(error, errors.InvalidArgument) and "field" in error.details:
        return [FieldViolation(field=error.details["field"], description=error.message)]
    return ()


def _short(details: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:MAX_VALUE_CHARS] for name, value in list(details.items())[:MAX_DETAILS]}


def _cut_bytes(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")
