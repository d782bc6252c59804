"""Which bus a URL means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from docmill.bus import Bus, Side


async def open_bus(
    url: str,
    *,
    prefix: str = "docmill",
    replicas: int = 1,
    name: str = "docmill",
    ack_wait: float = 10.0,
    side: Side | None = None,
) -> Bus:
    """The bus of `nats://[user:password@]host:port[,...]`, `tls://...` (the same over TLS) or `memory://` (tests).

    The other arguments are those of `NatsBus.connect`. Raises `BusUnavailable`, or `ValueError` for another scheme.
    """
    scheme = urlsplit(url).scheme
    if scheme in {"nats", "tls"}:
        from docmill.bus.nats import NatsBus  # noqa: PLC0415 - only this bus needs nats-py

        return await NatsBus.connect(url, prefix=prefix, replicas=replicas, name=name, ack_wait=ack_wait, side=side)
    if scheme == "memory":
        from docmill.bus.memory import MemoryBroker, MemoryBus  # noqa: PLC0415 - only for tests

        return MemoryBus(MemoryBroker())
    raise ValueError(f"A bus URL begins with nats://, tls:// or memory://, not {scheme!r}")
