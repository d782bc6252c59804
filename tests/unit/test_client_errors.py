"""The client's errors: nothing gRPC can say is unmapped, and the reason gets through."""

from __future__ import annotations

import re

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from docmill.client import AsyncDocmill, errors
from docmill.client.run import Fault, Run, RunStatus
from docmill.domain import errors as domain
from docmill.domain.errors import Reason
from docmill.rpc.errors import code_of, status_of
from docmill.v1 import errors_pb2


def failure(code: grpc.StatusCode, message: str, *, trailer: bytes | None = None) -> grpc.aio.AioRpcError:
    """What a failed call raises in grpc.aio."""
    trailing = grpc.aio.Metadata(*([("grpc-status-details-bin", trailer)] if trailer is not None else []))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, message)


OF_DOMAIN = {
    domain.Unauthenticated: errors.AuthenticationError,
    domain.PermissionDenied: errors.PermissionDeniedError,
    domain.InvalidArgument: errors.InvalidArgumentError,
    domain.MediaError: errors.InvalidArgumentError,
    domain.NotFound: errors.NotFoundError,
    domain.AlreadyExists: errors.ConflictError,
    domain.FailedPrecondition: errors.FailedPreconditionError,
    domain.PaymentRequired: errors.PaymentRequiredError,
    domain.LimitReached: errors.ResourceExhaustedError,
    domain.QuotaExhausted: errors.QuotaExhaustedError,
    domain.SequenceOutOfRange: errors.OutOfRangeError,
    domain.DeadlineExceeded: errors.DeadlineExceededError,
    domain.Unavailable: errors.UnavailableError,
    domain.WorkFailed: errors.FailedPreconditionError,
    domain.InternalError: errors.ServerError,
}
"""What the client makes of the errors that docmill's domain knows."""

OF_REASON = {"RATE_LIMITED": errors.RateLimitedError, "QUEUE_FULL": errors.QueueFullError}
"""The reasons with a class of their own beyond that."""


def reasons() -> list[tuple[type[domain.DocmillError], Reason]]:
    """Every error class of the domain with the reasons it comes with, from the tree in the module's docstring."""
    tree = re.sub(r",\n[│ ]+", ", ", domain.__doc__ or "")
    found = re.findall(r"── (\w+) +([A-Z_]+(?:, [A-Z_]+)*)$", tree, flags=re.MULTILINE)
    return [(getattr(domain, kind), Reason(reason)) for kind, names in found for reason in names.split(", ")]


def status(code: grpc.StatusCode, message: str, reason: str, **metadata: str) -> bytes:
    """A `google.rpc.Status` as docmill sends it."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="docmill", metadata=metadata))
    return status_pb2.Status(code=code.value[0], message=message, details=[detail]).SerializeToString()


def test_every_code_has_a_class() -> None:
    """Each gRPC status code but OK becomes an error of its own kind."""
    assert set(errors.BY_CODE) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize("code", sorted(errors.BY_CODE, key=lambda code: code.value[0]), ids=lambda code: code.name)
def test_reason_message_and_details_get_through(code: grpc.StatusCode) -> None:
    """An error of docmill keeps its sentence, its reason and its details, whatever its code."""
    trailer = status(code, "no such thing", "RUN_NOT_FOUND", field="run_id")
    error = errors.from_rpc_error(failure(code, "no such thing", trailer=trailer), "somewhere:1")
    assert type(error) is errors.BY_CODE[code]
    assert (error.message, error.reason, error.details) == ("no such thing", "RUN_NOT_FOUND", {"field": "run_id"})
    assert str(error) == "no such thing (RUN_NOT_FOUND)"


def test_the_tree_of_errors_has_every_reason() -> None:
    """So the next test leaves none out."""
    assert sorted(reason for _, reason in reasons()) == sorted(Reason)
    assert {kind for kind, _ in reasons()} == set(OF_DOMAIN)


@pytest.mark.parametrize(("kind", "reason"), reasons(), ids=str)
def test_every_reason_has_a_class_that_fits(kind: type[domain.DocmillError], reason: Reason) -> None:
    """Whatever docmill refuses arrives as the error that a program would catch for it, and passes on what it says."""
    raised = domain.InternalError() if kind is domain.InternalError else kind(reason, "no", {"retryAfter": "7"})
    sent = status_of(raised)
    caught = errors.from_rpc_error(failure(code_of(raised), sent.message, trailer=sent.SerializeToString()), "x:1")
    expected = OF_REASON.get(reason, OF_DOMAIN[kind])
    assert type(caught) is expected
    assert issubclass(expected, OF_DOMAIN[kind])
    assert (caught.reason, caught.retryable) == (reason, raised.retryable or expected.retryable)
    assert isinstance(caught, errors.ApiError)
    assert caught.retry_after == (7 if raised.retryable else None)


def test_a_broken_connection_names_the_target() -> None:
    """UNAVAILABLE that docmill did not send says where nobody answers, in the system's words."""
    text = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:1: Connection refused"
    error = errors.from_rpc_error(failure(grpc.StatusCode.UNAVAILABLE, text), "docmill.example:1")
    assert isinstance(error, errors.ConnectionFailedError)
    assert error.message == "cannot reach docmill at docmill.example:1: Connection refused"
    assert error.retryable


NEVER_CONNECTED = "failed to connect to all addresses; last error: "
TLS_FAILED = (
    "UNKNOWN: ipv4:10.0.0.1:1: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:1:SSL routines:"
)
NO_LOOKUP = "errors resolving no.example:1: [field:hostname lookup error:address lookup failed for no.example:1: "


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (NO_LOOKUP + "Domain name not found]", "Domain name not found"),
        (NO_LOOKUP + "Misformatted domain name]", "that is no address; write host:port"),
        (
            NEVER_CONNECTED + TLS_FAILED + "OPENSSL_internal:WRONG_VERSION_NUMBER: Invalid certificate: OK",
            "the server does not speak TLS",
        ),
        (
            NEVER_CONNECTED + TLS_FAILED + "OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: self signed certificate: OK",
            "the server's certificate is not trusted on this machine",
        ),
        (
            NEVER_CONNECTED + "UNAVAILABLE: ipv4:10.0.0.1:1: Socket closed",
            "the server closes the connection; does it want TLS?",
        ),
        ("Socket closed", "Socket closed"),
    ],
)
def test_why_there_is_no_connection_is_said_in_words(said: str, meant: str) -> None:
    """Neither gRPC's punctuation nor OpenSSL's inner life reaches a user."""
    error = errors.from_rpc_error(failure(grpc.StatusCode.UNAVAILABLE, said), "docmill.example:1")
    assert error.message == f"cannot reach docmill at docmill.example:1: {meant}"


def test_a_web_server_is_no_docmill() -> None:
    """An answer of plain HTTP is a connection to the wrong place, whatever code gRPC makes of it."""
    answer = failure(grpc.StatusCode.UNIMPLEMENTED, "Received http2 header with status: 404")
    error = errors.from_rpc_error(answer, "docmill.example:1")
    assert isinstance(error, errors.ConnectionFailedError)
    assert error.message.endswith("something else answers there (HTTP 404)")


@pytest.mark.parametrize("target", ["", "http://localhost:50051", "HTTPS://docmill.example"])
def test_a_web_address_is_no_target(target: str) -> None:
    """What cannot be an address is refused before anything is sent, with the form it should have."""
    with pytest.raises(ValueError, match="write host:port"):
        AsyncDocmill(target)


def test_details_that_cannot_be_read_do_no_harm() -> None:
    """A trailer that is no status leaves an error without a reason."""
    error = errors.from_rpc_error(failure(grpc.StatusCode.NOT_FOUND, "gone", trailer=b"\xff\xff"), "x:1")
    assert isinstance(error, errors.NotFoundError)
    assert (error.message, error.reason) == ("gone", "")


def test_an_error_without_a_sentence_says_its_code() -> None:
    """There is always something to read."""
    assert str(errors.from_rpc_error(failure(grpc.StatusCode.DATA_LOSS, ""), "x:1")) == "data loss"


def test_a_failed_run_says_why() -> None:
    """`result()` of a failed run raises with the run's own reason and carries the run."""
    fault = Fault(reason="MEDIA_ENCRYPTED", message="The document is protected by a password", details={"page": "1"})
    run = Run(id="run_1", flow_id="f", version="1.0.0", document_id="doc_1", status=RunStatus.FAILED, error=fault)
    error = errors.RunFailedError(run)
    assert error.run is run
    assert (error.reason, error.details) == ("MEDIA_ENCRYPTED", {"page": "1"})


def test_reasons_are_those_of_the_domain() -> None:
    """The words a client sees are the words docmill uses inside."""
    names = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.keys()}  # noqa: SIM118 - a protobuf enum is no dict
    assert names - {"UNSPECIFIED"} == set(Reason)
