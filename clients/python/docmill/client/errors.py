"""Every error the client raises.

DocmillError
├── ConnectionFailedError        nobody answers at the target, or the connection broke and did not come back
├── WaitTimeoutError             the time to wait for a run passed; the run goes on
├── RunFailedError               `result()` of a run that failed; `.run` has the whole run
├── RunCancelledError            `result()` of a run that was cancelled; `.run` has the whole run
└── ApiError                     docmill answered with an error
    ├── AuthenticationError      UNAUTHENTICATED      no key, or a wrong, expired or revoked one
    ├── PermissionDeniedError    PERMISSION_DENIED    the key lacks a scope (`details["requiredScope"]`)
    ├── InvalidArgumentError     INVALID_ARGUMENT     the request or the document cannot be right
    │   └── OutOfRangeError      OUT_OF_RANGE         a watch from a number that was never written
    ├── NotFoundError            NOT_FOUND            no such flow, version, run, document or page
    ├── ConflictError            ALREADY_EXISTS, ABORTED
    ├── FailedPreconditionError  FAILED_PRECONDITION  the run or document is in a state that does not allow this
    │   └── PaymentRequiredError                      credits or the plan do not reach
    ├── ResourceExhaustedError   RESOURCE_EXHAUSTED   a limit or a quota is used up
    │   ├── RateLimitedError                          the calls of this minute are used up
    │   ├── QuotaExhaustedError                       the documents of this month do not reach
    │   └── QueueFullError                            as many runs wait as the plan lets wait
    ├── DeadlineExceededError    DEADLINE_EXCEEDED    the call took longer than its timeout
    ├── CallCancelledError       CANCELLED            the call was cancelled on the way
    ├── UnavailableError         UNAVAILABLE          docmill is overloaded or a part of it is away: try again
    ├── UnsupportedError         UNIMPLEMENTED        this docmill does not know the call (older than the client?)
    └── ServerError              INTERNAL, UNKNOWN, DATA_LOSS

`reason` is a stable word for programs (`docmill.v1.ErrorReason`, e.g. "FLOW_NOT_FOUND"), `message` a sentence for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped] # publishes no types

if TYPE_CHECKING:
    from docmill.client.run import Run

__all__ = [
    "ApiError",
    "AuthenticationError",
    "CallCancelledError",
    "ConflictError",
    "ConnectionFailedError",
    "DeadlineExceededError",
    "DocmillError",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "NotFoundError",
    "OutOfRangeError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "QueueFullError",
    "QuotaExhaustedError",
    "RateLimitedError",
    "ResourceExhaustedError",
    "RunCancelledError",
    "RunFailedError",
    "ServerError",
    "UnavailableError",
    "UnsupportedError",
    "WaitTimeoutError",
]

M = TypeVar("M", bound=Message)


class DocmillError(Exception):
    """Base of every error the client raises."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed a little later."""

    def __init__(self, message: str, *, reason: str = "", details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.details: Mapping[str, str] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} ({self.reason})" if self.reason else self.message


class ConnectionFailedError(DocmillError):
    """Nobody answers at the target, or the connection broke and did not come back in time."""

    retryable = True


class WaitTimeoutError(DocmillError, TimeoutError):
    """The time to wait for a run passed. The run goes on: wait again, watch it, or cancel it."""


class RunFailedError(DocmillError):
    """The run failed. `run` has all of it; reason and message are those of the run's error."""

    def __init__(self, run: Run) -> None:
        error = run.error
        super().__init__(
            error.message if error else f"run {run.id} failed",
            reason=error.reason if error else "",
            details=error.details if error else None,
        )
        self.run = run


class RunCancelledError(DocmillError):
    """The run was cancelled before it had a result. `run` has all of it."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"run {run.id} was cancelled")
        self.run = run


class ApiError(DocmillError):
    """docmill answered with an error."""

    codes: ClassVar[tuple[grpc.StatusCode, ...]] = ()
    """The gRPC codes that become this class."""
    reasons: ClassVar[tuple[str, ...]] = ()
    """The reasons that become this class, whatever the code."""

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        details: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, reason=reason, details=details)
        self.code = code
        self.retry_after = retry_after
        """Seconds after which trying again may help; None where docmill does not say."""


class AuthenticationError(ApiError):
    """No key, or a wrong, expired or revoked one."""

    codes = (grpc.StatusCode.UNAUTHENTICATED,)


class PermissionDeniedError(ApiError):
    """The key lacks a scope: `details["requiredScope"]`."""

    codes = (grpc.StatusCode.PERMISSION_DENIED,)


class InvalidArgumentError(ApiError):
    """The request or the document cannot be right. `details["field"]` names the field where one is to blame."""

    codes = (grpc.StatusCode.INVALID_ARGUMENT,)


class OutOfRangeError(InvalidArgumentError):
    """A watch asked to resume after an event that was never written."""

    codes = (grpc.StatusCode.OUT_OF_RANGE,)


class NotFoundError(ApiError):
    """No such flow, version, run, document or page for this key."""

    codes = (grpc.StatusCode.NOT_FOUND,)


class ConflictError(ApiError):
    """It exists already, or somebody else changed it meanwhile."""

    codes = (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.ABORTED)


class FailedPreconditionError(ApiError):
    """The run or document is in a state that does not allow this."""

    codes = (grpc.StatusCode.FAILED_PRECONDITION,)


class PaymentRequiredError(FailedPreconditionError):
    """Credits or the plan do not reach: `details["required"]` and `details["available"]`, or `details["feature"]`."""

    reasons = ("CREDITS_INSUFFICIENT", "PLAN_FEATURE_MISSING")


class ResourceExhaustedError(ApiError):
    """A limit or a quota is used up."""

    codes = (grpc.StatusCode.RESOURCE_EXHAUSTED,)
    retryable = True


class RateLimitedError(ResourceExhaustedError):
    """The organization's calls of this minute are used up: try again after `retry_after` seconds."""

    reasons = ("RATE_LIMITED",)


class QueueFullError(ResourceExhaustedError):
    """The organization has as many runs waiting as its plan lets wait: try again when some have ended."""

    reasons = ("QUEUE_FULL",)


class QuotaExhaustedError(ResourceExhaustedError):
    """The documents of this month do not reach: `details["required"]`, `["available"]`, `["limit"]`, `["resetsAt"]`."""

    reasons = ("QUOTA_EXHAUSTED",)
    retryable = False


class DeadlineExceededError(ApiError):
    """The call took longer than its timeout; what it asked for may have happened."""

    codes = (grpc.StatusCode.DEADLINE_EXCEEDED,)
    retryable = True


class CallCancelledError(ApiError):
    """The call was cancelled on the way, for example by a server that shuts down."""

    codes = (grpc.StatusCode.CANCELLED,)
    retryable = True


class UnavailableError(ApiError):
    """docmill is overloaded or a part of it is away for a moment: try again."""

    codes = (grpc.StatusCode.UNAVAILABLE,)
    retryable = True


class UnsupportedError(ApiError):
    """This docmill does not know the call; it may be older than the client."""

    codes = (grpc.StatusCode.UNIMPLEMENTED,)


class ServerError(ApiError):
    """docmill's own fault."""

    codes = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS)


def _classes(base: type[ApiError]) -> dict[grpc.StatusCode, type[ApiError]]:
    table = dict.fromkeys(vars(base).get("codes", ()), base)  # not those of its base
    for subclass in base.__subclasses__():
        table |= _classes(subclass)
    return table


BY_CODE = _classes(ApiError)
"""The class of every gRPC status code but OK."""

BY_REASON = {
    reason: kind
    for kind in (PaymentRequiredError, RateLimitedError, QueueFullError, QuotaExhaustedError)
    for reason in kind.reasons
}
"""The class of reasons that have one of their own."""

_STATUS = "grpc-status-details-bin"
"""The trailer that carries a `google.rpc.Status`."""


_HTTP = "Received http2 header with status: "
"""How gRPC begins when a proxy or a web server answers in place of docmill."""

_NEVER_CONNECTED = ("failed to connect to all addresses; ", "errors resolving ")

_WHY = {
    "WRONG_VERSION_NUMBER": "the server does not speak TLS",
    "CERTIFICATE_VERIFY_FAILED": "the server's certificate is not trusted on this machine",
    "is not in peer certificate": "the server's certificate is for another name",
    "Tls handshake failed": "the TLS handshake failed",
    "Handshake read failed": "the TLS handshake failed",
    "Socket closed": "the server closes the connection; does it want TLS?",
    "HTTP/2": "what answers there does not speak gRPC",
    "SETTINGS frame": "what answers there does not speak gRPC",
    "Misformatted domain name": "that is no address; write host:port",
    "Failed to parse port": "that is no address; write host:port",
    "host must not be empty": "that is no address; write host:port",
}
"""What gRPC says about a connection that it could not make, and what that means; the first that fits counts."""


class Failure(Protocol):
    """A failed call, of grpc.aio or of gRPC's blocking channels."""

    def code(self) -> grpc.StatusCode: ...

    def details(self) -> str | None: ...

    def trailing_metadata(self) -> Any: ...  # pairs of key and value


def from_rpc_error(error: Failure, target: str) -> DocmillError:
    """What a user gets for `error` of a call to `target`.

    The reason comes from the `google.rpc.ErrorInfo` of the status. UNAVAILABLE without one was not sent by docmill:
    gRPC says so itself when the connection fails. Nor was an answer of plain HTTP, whatever code gRPC makes of it.
    """
    status = _status(error)
    info = _detail(status, error_details_pb2.ErrorInfo())
    code = error.code()
    message = error.details() or code.name.lower().replace("_", " ")
    if info is None and (code is grpc.StatusCode.UNAVAILABLE or message.startswith(_HTTP)):
        return ConnectionFailedError(f"cannot reach docmill at {target}: {_why(message)}")
    reason, details = (info.reason, dict(info.metadata)) if info else ("", None)
    retry = _detail(status, error_details_pb2.RetryInfo())
    retry_after = retry.retry_delay.ToTimedelta().total_seconds() if retry else None
    kind = BY_REASON.get(reason) or BY_CODE[code]
    return kind(message, code=code, reason=reason, details=details, retry_after=retry_after)


def _why(message: str) -> str:
    """Why there is no connection, in words for people, from those of gRPC."""
    if message.startswith(_HTTP):
        return f"something else answers there (HTTP {message.removeprefix(_HTTP)})"
    last = message.rsplit(": ", 1)[-1].rstrip("]")  # the operating system's word, if it had one
    if not message.startswith(_NEVER_CONNECTED):
        return last
    return next((words for part, words in _WHY.items() if part in message), last)


def _status(error: Failure) -> status_pb2.Status:
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS:
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:  # not made by docmill
                break
    return status_pb2.Status()


def _detail(status: status_pb2.Status, kind: M) -> M | None:
    """The detail of the kind of `kind`, into which it is unpacked, if there is one."""
    return next((kind for packed in status.details if packed.Unpack(kind)), None)
