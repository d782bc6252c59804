"""The sender over HTTP/1.1: every attempt on a connection of its own, to an address that was just checked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from time import monotonic

import httpcore2
import httpx2

from docmill.webhooks import Answer, Target, TargetRefused
from docmill.webhooks import target as targets
from docmill.webhooks.guard import Address, Guard
from docmill.webhooks.resolve import Resolve, SystemResolver

__all__ = ["HttpSender"]

_READ_MAX = 16 * 1024  # of an answer's body: nobody looks at it, but some receivers want to finish their sentence
_DRAIN_SECONDS = 1.0
_ADDRESSES_MAX = 3  # of a host are tried in one attempt; all of them are checked


class HttpSender:
    """`Sender`. An attempt takes at most `timeout` seconds to an answer; finding and reaching the host, `connect` each.

    httpcore and not an HTTP client: no redirects, cookies, proxies of the environment or log lines with URLs to turn
    off, and a network backend decides where a connection goes. Host header, SNI and certificate are the URL's host's.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
        connect: float = 3.0,
    ) -> None:
        self._guard = guard
        self._system = SystemResolver() if resolve is None else None
        self._resolve: Resolve | None = resolve or self._system
        self._ssl = ssl_context or httpx2.create_ssl_context()
        self._timeout, self._connect = timeout, connect

    def check(self, url: str) -> Target:
        """See `Sender.check`."""
        return targets.check(url, self._guard)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Sender.post`."""
        began = monotonic()
        status, error = None, ""
        try:
            status = await self._exchange(url, headers, body)
        except TargetRefused as refused:
            error = str(refused)
        except TimeoutError:
            error = f"no answer within {self._timeout:g} seconds"
        except httpcore2.ConnectTimeout:
            error = f"no connection within {self._connect:g} seconds"
        except httpcore2.ConnectError as broken:
            error = _why(broken)
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError):
            error = "the connection broke before there was an answer in HTTP"
        return Answer(status=status, error=error, duration_ms=round((monotonic() - began) * 1000))

    async def aclose(self) -> None:
        """See `Sender.aclose`."""
        if self._system is not None:
            self._system.close()

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer."""
        parsed = httpx2.URL(self.check(url).url)  # the operator may allow less than when it was recorded
        port = parsed.port or targets.default_port(parsed.scheme)
        request = httpcore2.Request(
            "POST",
            httpcore2.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=port, target=parsed.raw_path),
            headers=[
                (b"Host", parsed.netloc),
                *((name.encode(), value.encode()) for name, value in headers.items()),
                (b"Content-Length", str(len(body)).encode()),
            ],
            content=body,
            extensions={"timeout": {"connect": self._connect}},  # the others have the one below
        )
        async with asyncio.timeout(self._timeout):
            addresses = await self._addresses(parsed, port)
            pool = httpcore2.AsyncConnectionPool(ssl_context=self._ssl, network_backend=_Pinned(addresses))
            try:
                response = await pool.handle_async_request(request)
            except BaseException:
                await pool.aclose()
                raise
        async with pool:  # what follows changes nothing any more
            await _drain(response)
        return response.status

    async def _addresses(self, url: httpx2.URL, port: int) -> Sequence[Address]:
        """Where the URL's host is now: every address is checked, for any of them may be the one that is called."""
        host = url.raw_host.decode("ascii")
        written = targets.literal(host)
        found: Sequence[Address] = [written] if written is not None else await self._resolved(host, port)
        # One text for both: it must not tell which names our own network knows.
        if not found or not all(map(self._guard.may_reach, found)):
            raise TargetRefused("the host has no address, or one that webhooks may not reach")
        if url.scheme == "http" and not all(map(self._guard.allows, found)):
            raise TargetRefused("the URL must begin with https://")
        return found

    async def _resolved(self, host: str, port: int) -> Sequence[Address]:
        assert self._resolve is not None
        try:
            async with asyncio.timeout(self._connect):
                return await self._resolve(host, port)
        except OSError:  # TimeoutError is one
            return ()


class _Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to the given addresses, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses[:_ADDRESSES_MAX]
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first address that takes it; each has its part of the time."""
        del host
        share = None if timeout is None else timeout / len(self._addresses)
        for address in self._addresses[:-1]:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._inner.connect_tcp(str(address), port, share, local_address, socket_options)
        return await self._inner.connect_tcp(str(self._addresses[-1]), port, share, local_address, socket_options)


async def _drain(response: httpcore2.Response) -> None:
    """Hear the receiver out, within bounds, and hang up."""
    read = 0
    with suppress(TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        async with asyncio.timeout(_DRAIN_SECONDS), aclosing(response.aiter_stream()) as chunks:
            async for chunk in chunks:
                read += len(chunk)
                if read >= _READ_MAX:
                    break
    await response.aclose()


def _why(error: Exception) -> str:
    """Why there was no connection: certificates are told in full, for their owner can do something about them."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the host's certificate is not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "the host does not speak TLS as it should"
        cause = cause.__cause__ or (cause.args[0] if cause.args and isinstance(cause.args[0], Exception) else None)
    return "the host takes no connection"
