"""Whether a bus can be used, asked without changing anything on it."""

from __future__ import annotations

import asyncio

import nats.errors
from nats.aio.client import Client

from docmill.bus import BusUnavailable
from docmill.masking import masked

__all__ = ["ping"]

_SECONDS = 5.0


async def ping(url: str) -> None:
    """Connect to the NATS server or cluster at `url` and ask for JetStream; nothing is made there.

    Raises `BusUnavailable` with the reason, after 5 seconds at the latest.
    """
    client, last = Client(), "no answer"

    async def keep(error: Exception) -> None:
        nonlocal last
        last = str(error) or type(error).__name__

    try:
        async with asyncio.timeout(_SECONDS):
            await client.connect(
                [part.strip() for part in url.split(",")],
                name="docmill-doctor",
                error_cb=keep,
                connect_timeout=2,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
            )
            last = "JetStream does not answer; is it enabled?"
            await client.jetstream(timeout=2).account_info()
    except (nats.errors.Error, OSError) as error:  # TimeoutError is one
        raise BusUnavailable(f"NATS at {masked(url)} is not usable: {last}") from error
    finally:
        await client.close()
