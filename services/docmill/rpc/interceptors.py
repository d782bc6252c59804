"""What happens around every call, outermost first.

Log, map errors, bound the time, authenticate, count the call (`docmill.rpc.budgets`), check the scope, validate the
request.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import grpc
import grpc.aio
import protovalidate
import structlog
from google.protobuf.message import Message
from grpc_status import rpc_status

from docmill.domain import errors
from docmill.domain.errors import Reason
from docmill.engine import Engine
from docmill.engine.upload import reject_missing
from docmill.rpc._layer import Call, Layer, Proceed
from docmill.rpc.context import current_caller, metadata_value
from docmill.rpc.errors import FieldViolation, InvalidRequest, status_of
from docmill.rpc.scopes import SCOPES, is_public

__all__ = ["Authentication", "Deadlines", "Errors", "Logging", "Scopes", "Validation"]

log = structlog.stdlib.get_logger(__name__)

REQUEST_ID = "x-request-id"
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_CODE_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class Logging(Layer):
    """One line for each call (`rpc.finished`), under an id that the client gives or gets back as `x-request-id`."""

    async def serve(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """Bind the id and the method for all lines of the call; write one line when it ended."""
        given = metadata_value(call.context, REQUEST_ID)
        request_id = given if _SANE_ID.fullmatch(given) else uuid4().hex
        call.context.set_trailing_metadata(((REQUEST_ID, request_id),))
        # Nothing to unbind: gRPC serves every call in a task, and so in a context, of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id, method=call.method)
        started = time.perf_counter()
        code = ""
        try:
            return await proceed(request)
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED.name
            raise
        finally:
            write = log.debug if is_public(call.method) else log.info
            write(
                "a call ended",
                event_key="rpc.finished",
                code=code or _code(call),
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
                peer=call.context.peer(),
            )


def _code(call: Call) -> str:
    code: Any = call.context.code()  # an abort leaves the enum there, a finished call the number
    return code.name if isinstance(code, grpc.StatusCode) else _CODE_NAMES.get(code or 0, str(code))


class Errors(Layer):
    """Ends failed calls with a status; what is not a domain error is our fault and stays in our log."""

    async def serve(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """Map what the layers below raise."""
        try:
            return await proceed(request)
        except errors.DocmillError as error:
            await _abort(call, error)
        except grpc.aio.AbortError:
            raise
        except OSError as error:  # the record, the bus or the blobs are away, and nobody below could wait for them
            log.warning("a part is away", event_key="rpc.unavailable", error=str(error))
            message = "A part of docmill is away for a moment; try again"
            await _abort(call, errors.Unavailable(Reason.OVERLOADED, message))
        except Exception as error:
            # A client that leaves while an answer waits for flow control shows as an error of the write.
            if isinstance(error, grpc.aio.BaseError) and call.context.cancelled():
                raise asyncio.CancelledError from error
            log.exception("a call failed, and it is our fault", event_key="rpc.crashed")
            await _abort(call, errors.InternalError())


async def _abort(call: Call, error: errors.DocmillError) -> None:
    structlog.contextvars.bind_contextvars(reason=error.reason.value)
    status = rpc_status.to_status(status_of(error))
    metadata = (*call.context.trailing_metadata(), *(status.trailing_metadata or ()))
    await call.context.abort(status.code, status.details, metadata)


class Deadlines(Layer):
    """No call is served for ever, whether the client set a deadline or not; and streams end when the server stops."""

    def __init__(self, *, call_timeout_s: float, stream_timeout_s: float) -> None:
        super().__init__()
        self._call_timeout_s = call_timeout_s
        self._stream_timeout_s = stream_timeout_s
        self._watches: set[asyncio.Timeout] = set()
        self._draining = False

    def drain(self) -> None:
        """End all streams of answers now, and those to come at once: their clients resume elsewhere."""
        self._draining = True
        for watch in self._watches:
            _end_now(watch)

    async def serve(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """End a call that takes too long: with DEADLINE, or a stream of answers so that its client resumes.

        A shorter deadline of the client is kept by gRPC itself.
        """
        streams = call.request_streaming or call.response_streaming
        limit = asyncio.timeout(self._stream_timeout_s if streams else self._call_timeout_s)
        try:
            async with limit:
                if call.response_streaming and not is_public(call.method):
                    self._watches.add(limit)
                    if self._draining:
                        _end_now(limit)
                return await proceed(request)
        except TimeoutError:
            if not limit.expired():
                raise
            if call.response_streaming:
                message = "The stream has ended before its last message: call again, after the last number seen"
                raise errors.Unavailable(Reason.OVERLOADED, message) from None
            raise errors.DeadlineExceeded(Reason.DEADLINE, "The call took longer than the server allows") from None
        finally:
            self._watches.discard(limit)


def _end_now(limit: asyncio.Timeout) -> None:
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time())


class Authentication(Layer):
    """Turns the API key in `authorization: Bearer ...` into the caller of this call."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    async def serve(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """Raise `Unauthenticated` unless a valid key came with the call."""
        if not is_public(call.method):
            caller = await self._engine.authenticate(_bearer(metadata_value(call.context, "authorization")))
            structlog.contextvars.bind_contextvars(org_id=caller.org_id, key_id=caller.key_id)
            current_caller.set(caller)
        return await proceed(request)


def _bearer(header: str) -> str:
    if not header:
        message = "No API key: send it in the metadata as `authorization: Bearer <key>`, with a key dc_... or af_..."
        raise errors.Unauthenticated(Reason.CREDENTIAL_MISSING, message, {"reason": "missing"})
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        message = "The authorization metadata must read `Bearer <key>`, with a key dc_... or af_..."
        raise errors.Unauthenticated(Reason.CREDENTIAL_INVALID, message, {"reason": "malformed"})
    return key.strip()


class Scopes(Layer):
    """Refuses methods the key is not made for. A method without an entry in the table is never served."""

    async def serve(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """Raise `PermissionDenied` unless the caller has the method's scope."""
        caller = current_caller.get()
        if not is_public(call.method):
            required = SCOPES[call.method]
            if required is not None and (caller is None or required not in caller.scopes):
                message = f"The API key lacks the scope {required}"
                raise errors.PermissionDenied(Reason.SCOPE_MISSING, message, {"requiredScope": required.value})
        return await proceed(request)


class Validation(Layer):
    """Checks every request message against the rules in the protos."""

    def __init__(self) -> None:
        super().__init__()
        self._validator = protovalidate.Validator()

    async def serve(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """Raise `InvalidRequest` for a message that breaks a rule; a stream is checked message by message."""
        if call.request_streaming:
            return await proceed(self._checked(request))
        self._check(request)
        return await proceed(request)

    async def _checked(self, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        async for request in requests:
            self._check(request)
            yield request

    def _check(self, request: Message) -> None:
        violations = self._validator.collect_violations(request)
        if not violations:
            return
        found = [_violation(violation.proto, request) for violation in violations]
        reason, field, message = _worst(found[0], violations[0].proto.rule_id)
        raise InvalidRequest(reason, message, {"field": field, "reason": found[0].description}, violations=found)


def _violation(violation: Any, request: Message) -> FieldViolation:
    path, description = "", violation.message
    descriptor = request.DESCRIPTOR
    for element in violation.field.elements if violation.field else ():
        subscript = getattr(element, "subscript", None)
        name = f"{element.field_name}[{subscript.value}]" if subscript else element.field_name
        path = f"{path}.{name}" if path else name
        if element.field_name in descriptor.oneofs_by_name:  # which ones there are helps more than that there are some
            choices = [field.name for field in descriptor.oneofs_by_name[element.field_name].fields]
            description = f"one of {', '.join(choices)} is required"
        elif element.field_name in descriptor.fields_by_name:
            descriptor = descriptor.fields_by_name[element.field_name].message_type or descriptor
    return FieldViolation(field=path, description=description)


def _worst(violation: FieldViolation, rule: str) -> tuple[Reason, str, str]:
    """Reason, field and message of a request with `violation` in it."""
    field, description = violation.field, violation.description
    if rule == "required" and field in {"input", "input.source", "input.document.base64"}:
        missing = reject_missing()
        return missing.reason, missing.details["field"], missing.message
    reason = Reason.FIELD_MISSING if rule == "required" else Reason.FIELD_INVALID
    return reason, field, f"{field}: {description}" if field else description
