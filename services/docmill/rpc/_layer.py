"""One way to put something around every call, whatever its kind."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio

from docmill.rpc.context import Context

if TYPE_CHECKING:  # at run time the class takes no type arguments
    Handler = grpc.RpcMethodHandler[Any, Any]

__all__ = ["Call", "Layer", "Proceed"]

Proceed: TypeAlias = Callable[[Any], Awaitable[Any]]  # from the request to the answer, or to None once all are written


@dataclass(frozen=True, slots=True)
class Call:
    """A call being served."""

    method: str
    """`/package.Service/Method`."""
    context: Context
    request_streaming: bool
    response_streaming: bool


class Layer(grpc.aio.ServerInterceptor):
    """An interceptor that serves each call in a coroutine of its own around the next layer's.

    Streamed answers are written inside, not yielded through the layers: a generator that waits for a slow client would
    run its clean-up in the wrong place (and writing is faster).
    """

    def __init__(self) -> None:
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}
        """Method to its handler and the wrapped one: made at the first call, not at each."""

    @abstractmethod
    async def serve(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """Serve `call`: `return await proceed(request)`, with something around it. Raises to refuse.

        The request is a message, or an asynchronous iterator of messages.
        """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the method's handler; an unknown method has none."""
        method = handler_call_details.method
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        known, wrapped = self._wrapped.get(method, (None, None))
        if known is not handler or wrapped is None:
            wrapped = self._wrap(handler, method)
            self._wrapped[method] = (handler, wrapped)
        return wrapped

    def _wrap(self, handler: Handler, method: str) -> Handler:
        inner: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        kind = (handler.request_streaming, handler.response_streaming)

        async def one_answer(request: Any, context: Context) -> Any:
            return await self.serve(Call(method, context, *kind), request, lambda request: inner(request, context))

        async def many_answers(request: Any, context: Context) -> None:
            await self.serve(Call(method, context, *kind), request, lambda request: _write(inner, request, context))

        make: Any = _MAKERS[kind]
        behavior = many_answers if handler.response_streaming else one_answer
        wrapped: Handler = make(behavior, handler.request_deserializer, handler.response_serializer)
        return wrapped


async def _write(inner: Callable[[Any, Context], Any], request: Any, context: Context) -> None:
    answers = inner(request, context)
    if not isinstance(answers, AsyncIterator):  # written by the handler itself, or by a layer below
        await answers
        return
    async with aclosing(answers):  # type: ignore[type-var]  # a servicer's stream is a generator
        async for answer in answers:
            await context.write(answer)


_MAKERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
