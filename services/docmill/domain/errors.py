"""Every error a user can meet, with the reason a program can act on.

DocmillError
├── Unauthenticated         CREDENTIAL_MISSING, CREDENTIAL_INVALID
├── PermissionDenied        SCOPE_MISSING, LINK_INVALID
├── InvalidArgument         BODY_MALFORMED, FIELD_MISSING, FIELD_INVALID, DOCUMENT_MISSING, VARIABLE_MISSING
│   └── MediaError          MEDIA_UNSUPPORTED, MEDIA_CORRUPT, MEDIA_ENCRYPTED, MEDIA_EMPTY,
│                           MEDIA_TOO_LARGE, MEDIA_TOO_MANY_PAGES
├── NotFound                FLOW_NOT_FOUND, VERSION_NOT_FOUND, RUN_NOT_FOUND, DOCUMENT_NOT_FOUND, PAGE_NOT_FOUND,
│                           ORGANIZATION_NOT_FOUND, KEY_NOT_FOUND, DELIVERY_NOT_FOUND, BATCH_NOT_FOUND
├── AlreadyExists           VERSION_EXISTS, IDEMPOTENCY_CONFLICT
├── FailedPrecondition      RUN_ALREADY_CANCELLED, RUN_NOT_CANCELLABLE, ALREADY_RUNNING, SCHEMA_OUTDATED, DOCUMENT_IN_USE,
│                           BATCH_NOT_CANCELLABLE, BATCH_NOT_COMPLETED
├── PaymentRequired         CREDITS_INSUFFICIENT, PLAN_FEATURE_MISSING
├── LimitReached            RATE_LIMITED, QUEUE_FULL
├── QuotaExhausted          QUOTA_EXHAUSTED
├── SequenceOutOfRange      SEQUENCE_OUT_OF_RANGE
├── DeadlineExceeded        DEADLINE
├── Unavailable             OVERLOADED
├── WorkFailed              EXTRACTION_FAILED, PROVIDER_FAILED, WORKER_CRASHED, WORKER_TIMEOUT, WORKER_MEMORY,
│                           RUN_CANCELLED
└── InternalError           INTERNAL

`ProviderAway` is a `WorkFailed` whose job may be tried again; like every fault of a job it reaches users in a run.
An edge maps the class once (gRPC code, HTTP status) and passes reason, message and details on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """What was wrong, for programs. The names are those of `docmill.v1.ErrorReason`."""

    CREDENTIAL_MISSING = "CREDENTIAL_MISSING"
    CREDENTIAL_INVALID = "CREDENTIAL_INVALID"
    SCOPE_MISSING = "SCOPE_MISSING"
    BODY_MALFORMED = "BODY_MALFORMED"
    FIELD_MISSING = "FIELD_MISSING"
    FIELD_INVALID = "FIELD_INVALID"
    DOCUMENT_MISSING = "DOCUMENT_MISSING"
    MEDIA_UNSUPPORTED = "MEDIA_UNSUPPORTED"
    MEDIA_CORRUPT = "MEDIA_CORRUPT"
    MEDIA_ENCRYPTED = "MEDIA_ENCRYPTED"
    MEDIA_EMPTY = "MEDIA_EMPTY"
    MEDIA_TOO_LARGE = "MEDIA_TOO_LARGE"
    MEDIA_TOO_MANY_PAGES = "MEDIA_TOO_MANY_PAGES"
    FLOW_NOT_FOUND = "FLOW_NOT_FOUND"
    VERSION_NOT_FOUND = "VERSION_NOT_FOUND"
    RUN_NOT_FOUND = "RUN_NOT_FOUND"
    DOCUMENT_NOT_FOUND = "DOCUMENT_NOT_FOUND"
    PAGE_NOT_FOUND = "PAGE_NOT_FOUND"
    ORGANIZATION_NOT_FOUND = "ORGANIZATION_NOT_FOUND"
    KEY_NOT_FOUND = "KEY_NOT_FOUND"
    VERSION_EXISTS = "VERSION_EXISTS"
    RUN_ALREADY_CANCELLED = "RUN_ALREADY_CANCELLED"
    RUN_NOT_CANCELLABLE = "RUN_NOT_CANCELLABLE"
    ALREADY_RUNNING = "ALREADY_RUNNING"
    SCHEMA_OUTDATED = "SCHEMA_OUTDATED"
    RATE_LIMITED = "RATE_LIMITED"
    QUEUE_FULL = "QUEUE_FULL"
    CREDITS_INSUFFICIENT = "CREDITS_INSUFFICIENT"
    PLAN_FEATURE_MISSING = "PLAN_FEATURE_MISSING"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    VARIABLE_MISSING = "VARIABLE_MISSING"
    DELIVERY_NOT_FOUND = "DELIVERY_NOT_FOUND"
    DOCUMENT_IN_USE = "DOCUMENT_IN_USE"
    BATCH_NOT_FOUND = "BATCH_NOT_FOUND"
    BATCH_NOT_CANCELLABLE = "BATCH_NOT_CANCELLABLE"
    BATCH_NOT_COMPLETED = "BATCH_NOT_COMPLETED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    RUN_CANCELLED = "RUN_CANCELLED"
    LINK_INVALID = "LINK_INVALID"
    SEQUENCE_OUT_OF_RANGE = "SEQUENCE_OUT_OF_RANGE"
    DEADLINE = "DEADLINE"
    OVERLOADED = "OVERLOADED"
    EXTRACTION_FAILED = "EXTRACTION_FAILED"
    PROVIDER_FAILED = "PROVIDER_FAILED"
    WORKER_CRASHED = "WORKER_CRASHED"
    WORKER_TIMEOUT = "WORKER_TIMEOUT"
    WORKER_MEMORY = "WORKER_MEMORY"
    INTERNAL = "INTERNAL"


@dataclass(eq=False)
class DocmillError(Exception):
    """Base of all errors that may reach a user.

    `message` says what was wrong and what to do; `details` are short strings for programs (a field's path, a limit).
    """

    reason: Reason
    message: str
    details: Mapping[str, str] = field(default_factory=dict)

    retryable: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.reason, self.message, dict(self.details)))


class Unauthenticated(DocmillError):
    """No usable API key. `details.reason`: missing, malformed, unknown, revoked or expired."""


class PermissionDenied(DocmillError):
    """The key may not do this. `details.requiredScope` names the scope."""


class InvalidArgument(DocmillError):
    """The request cannot be right. `details.field` is the dotted path where one field is to blame."""


class MediaError(InvalidArgument):
    """The bytes are no document that can be read."""


class NotFound(DocmillError):
    """No such thing for this organization (another organization's things do not exist)."""


class AlreadyExists(DocmillError):
    """It is there and never changes: a flow version, or the run of an idempotency key."""


class FailedPrecondition(DocmillError):
    """The thing is in a state that does not allow this."""


class PaymentRequired(DocmillError):
    """Credits or the plan do not reach. `details`: `required` and `available`, or `feature`."""


class LimitReached(DocmillError):
    """The organization's plan allows no more of this now: try again after `details.retryAfter` seconds."""

    retryable: ClassVar[bool] = True


class QuotaExhausted(DocmillError):
    """This month's documents do not reach. `details`: `required`, `available`, `limit` and `resetsAt`."""


class SequenceOutOfRange(DocmillError):
    """A watch asked to resume after an event that was never written."""


class DeadlineExceeded(DocmillError):
    """The run's or the call's deadline passed."""


class Unavailable(DocmillError):
    """Too much to do, or a part is away for a moment: try again."""

    retryable: ClassVar[bool] = True


class WorkFailed(DocmillError):
    """A job failed while it ran. Crashes, hangs and memory bombs may be tried again; a wrong result may not."""


class ProviderAway(WorkFailed):
    """A provider over the network cannot do it now: it is away, too slow or has too much to do. Another attempt may help."""

    retryable: ClassVar[bool] = True


class InternalError(DocmillError):
    """Our fault. The message never carries internals."""

    def __init__(self, message: str = "Something went wrong on our side; try again", **details: str) -> None:
        super().__init__(Reason.INTERNAL, message, details)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.message,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An error as data: what a job result carries and a run, a page or a document records."""

    reason: Reason
    message: str
    details: Mapping[str, str] = field(default_factory=dict)
    retryable: bool = False
    step: str = ""
    """Id of the flow step that failed, or empty."""

    @classmethod
    def of(cls, error: DocmillError, *, retryable: bool | None = None, step: str = "") -> Fault:
        """The fault that records `error`."""
        return cls(
            reason=error.reason,
            message=error.message,
            details=dict(error.details),
            retryable=error.retryable if retryable is None else retryable,
            step=step,
        )
