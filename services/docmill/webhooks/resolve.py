"""From a name to its addresses, on threads of our own: a name server that never answers must hold up nobody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from docmill.webhooks.guard import Address

__all__ = ["Resolve", "SystemResolver"]

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""All addresses of a host, best first. Raises OSError when there are none."""


class SystemResolver:
    """Asks as this machine is set up to."""

    def __init__(self, threads: int = 64) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhook-dns")

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """See `Resolve`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host, port)

    def close(self) -> None:
        """Take no more questions; answers under way are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(str(error)) from error
    return [ip_address(entry[4][0]) for entry in found]
