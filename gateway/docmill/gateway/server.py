"""The HTTP server: uvicorn around the application, on a socket of its own, without signals of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from docmill.gateway.factory import GatewayOptions, make_app
from docmill.gateway.upstream import Upstream, UpstreamOptions

__all__ = ["AddressTaken", "bind", "serve"]

_BACKLOG = 2048
_MAX_PORT = 65_535


class AddressTaken(OSError):
    """Nobody can listen there: another program does, it is no address of this machine, or none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A bound socket, and how it is reached."""

    socket: socket.socket
    address: str
    """`host:port`."""


class _Server(uvicorn.Server):
    """Its owner decides when it stops, and hears when it has started."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    options: GatewayOptions,
    upstream_options: UpstreamOptions,
    stop: asyncio.Event,
    *,
    listen: str,
    grace_s: float,
    ready: Callable[[str], None],
) -> None:
    """Serve at `listen` (`host:port`, port 0 takes a free one) until `stop` is set.

    `ready` gets the real address once requests are taken. At the end streams are closed, and what is being answered
    has `grace_s` seconds. AddressTaken when `listen` cannot be had.
    """
    listener = bind(listen)
    upstream = Upstream(upstream_options)
    app, gateway = make_app(options, upstream)
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(options.trusted_proxies),
        forwarded_allow_ips=list(options.trusted_proxies),
        timeout_graceful_shutdown=max(1, round(grace_s)),
        backlog=_BACKLOG,
    )
    server = _Server(config, lambda: ready(listener.address))
    serving = asyncio.create_task(server.serve(sockets=[listener.socket]), name="http")
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        gateway.draining.set()
        server.should_exit = True
        await serving
    finally:
        stopped.cancel()
        serving.cancel()
        await asyncio.gather(serving, stopped, return_exceptions=True)
        await upstream.aclose()
        listener.socket.close()


def bind(listen: str) -> Listener:
    """A socket that listens at `host:port`; IPv6 addresses stand in brackets."""
    host, colon, port = listen.rpartition(":")
    if not (colon and port.isascii() and port.isdecimal() and int(port) <= _MAX_PORT):
        raise AddressTaken(f"{listen} is no address to listen on: write host:port")
    bare = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    # Named, since asyncio sends small answers at once (TCP_NODELAY) only where the socket says that it is TCP.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((bare, int(port)))
    except OSError as error:
        made.close()
        raise AddressTaken(
            f"Nobody can listen on {listen}: another program does, or it is no address of this machine. Choose another"
        ) from error
    name: tuple[Any, ...] = made.getsockname()
    return Listener(socket=made, address=f"{host}:{name[1]}")
