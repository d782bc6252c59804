"""Calls counted in the record, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from docmill.domain.models import Mode
from docmill.domain.rates import Window
from docmill.store import Store, rates
from docmill.store.sql import open_store

NOW = datetime(2026, 11, 21, 12, 30, 15, 123_456, tzinfo=UTC)


async def count(store: Store, at: datetime = NOW, org: str = "org_1", mode: Mode = Mode.LIVE) -> Window:
    """Count a call."""
    return await store.write(lambda: rates.count(org, mode, at), durable=False)


async def test_calls_add_up_in_a_window(store: Store) -> None:
    """A window begins with its first call and counts for a minute; organizations and modes have one each."""
    assert await count(store) == Window(started_at=NOW, calls=1)
    assert await count(store, NOW + timedelta(seconds=59)) == Window(started_at=NOW, calls=2)
    assert await count(store, mode=Mode.TEST) == Window(started_at=NOW, calls=1)
    assert await count(store, org="org_2") == Window(started_at=NOW, calls=1)


@pytest.mark.parametrize("seconds", [-61, -60, -1, 0, 59.999999, 60, 61, 86_400])
async def test_the_statement_agrees_with_the_domain(store: Store, seconds: float) -> None:
    """A call goes into the window that is there exactly when that holds it, and begins a new one else."""
    first = await count(store)
    at = NOW + timedelta(seconds=seconds)
    expected = Window(started_at=NOW, calls=2) if first.holds(at) else Window(started_at=at, calls=1)
    assert await count(store, at) == expected


async def test_processes_that_count_at_once_lose_no_call(store_url: str) -> None:
    """Two stores on one database count 100 calls at the same time: each number comes once."""
    stores = [await open_store(store_url) for _ in range(2)]
    windows = await asyncio.gather(*(count(stores[number % 2]) for number in range(100)))
    assert sorted(window.calls for window in windows) == list(range(1, 101))
    assert {window.started_at for window in windows} == {NOW}
    for store in stores:
        await store.aclose()
