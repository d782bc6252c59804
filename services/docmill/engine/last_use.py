"""When keys were used last, to the minute. Noted in memory, written beside the calls: no call waits for it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from docmill.domain.models import ApiKey
from docmill.store import StoreUnavailable, accounts

if TYPE_CHECKING:
    from docmill.engine.context import Context

log = structlog.get_logger(__name__)

_MOST = 10_000  # keys noted between two writes; further ones are noted at their next use


class LastUse:
    """Uses that are not written yet."""

    def __init__(self) -> None:
        self._uses: dict[str, datetime] = {}

    def note(self, key: ApiKey, at: datetime) -> None:
        """The key is used. Once a minute is enough: its record says whether this minute is written already."""
        minute = at.replace(second=0, microsecond=0)
        if key.last_used_at is not None and key.last_used_at >= minute:
            return
        if len(self._uses) < _MOST or key.id in self._uses:
            self._uses[key.id] = minute

    def take(self) -> dict[str, datetime]:
        """What is to be written, no longer noted here."""
        taken, self._uses = self._uses, {}
        return taken

    def put_back(self, uses: dict[str, datetime]) -> None:
        """They could not be written; later uses that were noted meanwhile win."""
        self._uses = {**uses, **self._uses}


async def run(ctx: Context) -> None:
    """Write what was noted every few seconds, and at the end."""
    try:
        while True:
            await asyncio.sleep(ctx.options.last_use.total_seconds())
            await write(ctx)
    finally:
        await write(ctx)


async def write(ctx: Context) -> None:
    """Write what was noted; it stays noted while the record is away."""
    uses = ctx.last_use.take()
    if not uses:
        return
    try:
        await ctx.store.write(lambda: accounts.keys_used(uses))
    except StoreUnavailable as error:
        ctx.last_use.put_back(uses)
        log.warning("last uses are waiting", event_key="last_use.waiting", error=str(error))
