"""One way to put something around every call, whatever its kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from docmill.rpc.context import Context

if TYPE_CHECKING:  # at run time the class takes no type arguments
    Handler = grpc.RpcMethodHandler[Any, Any]

__all__ = ["Call", "Layer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call being served."""

    method: str
    """`/package.Service/Method`."""
    request_streaming: bool
    response_streaming: bool
    context: Context


class Layer(grpc.aio.ServerInterceptor):
    """An interceptor that runs `around` around each call and passes each request through `received`.

    Streamed answers are written by the wrapper instead of being yielded through it: a generator that is left alone
    while the client is slow would run its clean-up in the wrong place (and writing is faster).
    """

    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """What happens before and after `call`; raises to end it."""
        del call
        return nullcontext()

    def received(self, call: Call, request: Any) -> Any:
        """The request (a message, or an asynchronous iterator of messages) as the next layer gets it."""
        del call
        return request

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap the method's handler; an unknown method has none."""
        handler = await continuation(handler_call_details)
        return self._wrap(handler, handler_call_details.method) if handler else None

    def _wrap(self, handler: Handler, method: str) -> Handler:
        inner: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream

        def call_of(context: Context) -> Call:
            return Call(
                method=method,
                request_streaming=handler.request_streaming,
                response_streaming=handler.response_streaming,
                context=context,
            )

        async def one_answer(request: Any, context: Context) -> Any:
            call = call_of(context)
            async with self.around(call):
                return await inner(self.received(call, request), context)

        async def many_answers(request: Any, context: Context) -> None:
            call = call_of(context)
            async with self.around(call):
                answers = inner(self.received(call, request), context)
                if not isinstance(answers, AsyncIterator):  # written by the handler itself, or by a layer below
                    await answers
                    return
                async with aclosing(answers):  # type: ignore[type-var]  # a servicer's stream is a generator
                    async for answer in answers:
                        await context.write(answer)

        behavior = many_answers if handler.response_streaming else one_answer
        make: Any = _MAKERS[handler.request_streaming, handler.response_streaming]
        wrapped: Handler = make(behavior, handler.request_deserializer, handler.response_serializer)
        return wrapped


_MAKERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
