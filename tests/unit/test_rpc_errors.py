"""From domain errors to what a client of the gRPC API gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain import errors
from docmill.domain.errors import DocmillError, InvalidArgument, Reason
from docmill.rpc.errors import CODES, FieldViolation, InvalidRequest, code_of, status_of
from docmill.v1 import errors_pb2

M = TypeVar("M", bound=Message)


def subclasses(kind: type[DocmillError]) -> Iterator[type[DocmillError]]:
    """All classes below `kind`."""
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def detail(status: status_pb2.Status, kind: type[M]) -> M | None:
    """The detail of this kind, if the status has one."""
    for packed in status.details:
        found = kind()
        if packed.Unpack(found):
            return found
    return None


def test_reasons_are_those_of_the_contract() -> None:
    """Every reason has its value in ErrorReason, and there is no other."""
    names = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()}  # noqa: SIM118 - no dict
    assert names == {"UNSPECIFIED", *Reason}


def test_every_error_class_has_its_own_code() -> None:
    """Each direct subclass of DocmillError is in the table; deeper ones inherit."""
    assert set(DocmillError.__subclasses__()) | {DocmillError} == set(CODES)
    for kind in subclasses(DocmillError):
        assert any(base in CODES for base in kind.__mro__)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Unauthenticated(Reason.CREDENTIAL_INVALID, "no"), StatusCode.UNAUTHENTICATED),
        (errors.PermissionDenied(Reason.SCOPE_MISSING, "no"), StatusCode.PERMISSION_DENIED),
        (errors.MediaError(Reason.MEDIA_CORRUPT, "no"), StatusCode.INVALID_ARGUMENT),
        (errors.NotFound(Reason.RUN_NOT_FOUND, "no"), StatusCode.NOT_FOUND),
        (errors.AlreadyExists(Reason.VERSION_EXISTS, "no"), StatusCode.ALREADY_EXISTS),
        (errors.FailedPrecondition(Reason.RUN_NOT_CANCELLABLE, "no"), StatusCode.FAILED_PRECONDITION),
        (errors.PaymentRequired(Reason.CREDITS_INSUFFICIENT, "no"), StatusCode.FAILED_PRECONDITION),
        (errors.LimitReached(Reason.RATE_LIMITED, "no"), StatusCode.RESOURCE_EXHAUSTED),
        (errors.SequenceOutOfRange(Reason.SEQUENCE_OUT_OF_RANGE, "no"), StatusCode.OUT_OF_RANGE),
        (errors.DeadlineExceeded(Reason.DEADLINE, "no"), StatusCode.DEADLINE_EXCEEDED),
        (errors.Unavailable(Reason.OVERLOADED, "no"), StatusCode.UNAVAILABLE),
        (errors.WorkFailed(Reason.EXTRACTION_FAILED, "no"), StatusCode.FAILED_PRECONDITION),
        (errors.InternalError(), StatusCode.INTERNAL),
    ],
)
def test_codes(error: DocmillError, code: StatusCode) -> None:
    """Each kind of error has the gRPC code of its meaning, and says its reason."""
    status = status_of(error)
    assert code_of(error) is code
    assert status.code == code.value[0]
    info = detail(status, error_details_pb2.ErrorInfo)
    assert info is not None
    assert (info.domain, info.reason) == ("docmill", error.reason.value)


def test_details_travel_with_the_reason() -> None:
    """A client gets message, reason and details as the domain made them, and the field to blame."""
    error = InvalidArgument(Reason.FIELD_INVALID, "units must be SI or US", {"field": "input.variables.units"})
    status = status_of(error)
    assert status.message == "units must be SI or US"
    info = detail(status, error_details_pb2.ErrorInfo)
    assert info is not None
    assert dict(info.metadata) == {"field": "input.variables.units"}
    request = detail(status, error_details_pb2.BadRequest)
    assert request is not None
    assert [(v.field, v.description, v.reason) for v in request.field_violations] == [
        ("input.variables.units", "units must be SI or US", "FIELD_INVALID")
    ]


def test_all_violations_are_told() -> None:
    """A request that is wrong in two fields says so at once."""
    wrong = [FieldViolation(field=name, description="is wrong") for name in ("a", "b")]
    request = detail(
        status_of(InvalidRequest(Reason.FIELD_INVALID, "a: is wrong", violations=wrong)), error_details_pb2.BadRequest
    )
    assert request is not None
    assert [violation.field for violation in request.field_violations] == ["a", "b"]


def test_only_retryable_errors_say_when_to_retry() -> None:
    """RetryInfo comes with errors that trying again may cure, and with no other."""
    retry = detail(status_of(errors.Unavailable(Reason.OVERLOADED, "later")), error_details_pb2.RetryInfo)
    assert retry is not None
    assert retry.retry_delay.ToMilliseconds() == 1000
    assert detail(status_of(errors.NotFound(Reason.RUN_NOT_FOUND, "no")), error_details_pb2.RetryInfo) is None


@pytest.mark.parametrize(
    ("details", "seconds"), [({"retryAfter": "37"}, 37), ({}, 1), ({"retryAfter": "soon"}, 1), ({"retryAfter": "²"}, 1)]
)
def test_an_error_that_knows_when_says_so_twice(details: dict[str, str], seconds: int) -> None:
    """What `retryAfter` says is the delay of RetryInfo too, and stays in the details; a second where it says nothing."""
    status = status_of(errors.LimitReached(Reason.RATE_LIMITED, "later", details))
    retry, info = detail(status, error_details_pb2.RetryInfo), detail(status, error_details_pb2.ErrorInfo)
    assert retry is not None
    assert retry.retry_delay.ToMilliseconds() == seconds * 1000
    assert info is not None
    assert dict(info.metadata) == details


@given(
    message=st.text(max_size=20_000),
    details=st.dictionaries(st.text(max_size=1000), st.text(max_size=5000), max_size=40),
    fields=st.lists(st.text(max_size=3000), max_size=40),
)
def test_a_status_is_never_too_large_to_arrive(message: str, details: dict[str, str], fields: list[str]) -> None:
    """Whatever an error holds, its trailing metadata stays below the 8 KiB that clients accept."""
    violations = [FieldViolation(field=field, description=field) for field in fields]
    status = status_of(InvalidRequest(Reason.FIELD_INVALID, message, details, violations=violations))
    percent_encoded = 3 * len(status.message.encode())
    in_base64 = 4 * (status.ByteSize() // 3 + 1)
    assert percent_encoded + in_base64 < 7500
    assert detail(status, error_details_pb2.ErrorInfo) is not None
