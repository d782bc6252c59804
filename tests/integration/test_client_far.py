"""The client and a docmill that is far away."""

from __future__ import annotations

import asyncio

from docmill.client import AsyncDocmill
from tests.integration.test_client_watch import Peer, serving

ONE_WAY = 0.4
"""Seconds that bytes travel: the far side of the world, over a satellite."""


async def test_a_long_way_is_no_reason_to_give_up() -> None:
    """A connection that takes a second to be made is waited for."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65536):
            loop.call_later(ONE_WAY, writer.write, data)
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = target.rsplit(":", 1)
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(carry(reader, there_writer), carry(there_reader, writer))

    async with serving(Peer()) as target:
        relay = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = relay.sockets[0].getsockname()[1]
        async with relay, AsyncDocmill(f"127.0.0.1:{port}") as docmill:
            assert (await docmill.runs.get("run_1")).id == "run_1"
