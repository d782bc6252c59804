"""Accounts and transfers, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from docmill.domain.credits import Balance, Transfer, TransferKind
from docmill.store import Op, Store, ledger
from tests.fixtures.ledger import check_books

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
numbers = count()


def transfer(kind: TransferKind, credits_: int, org_id: str = "org_a", note: str = "") -> Transfer:
    """The next transfer, a second after the one before."""
    number = next(numbers)
    at = NOW + timedelta(seconds=number)
    return Transfer(id=f"led_{number:04}", org_id=org_id, kind=kind, credits=credits_, created_at=at, note=note)


def record(*transfers: Transfer) -> Callable[[], Op[bool]]:
    """The operation that moves them."""
    return lambda: ledger.record(transfers)


async def test_credits_move_between_accounts(store: Store) -> None:
    """Granted, held, settled and released: each organization has its own accounts, and all together are 0."""
    assert await store.write(record(transfer(TransferKind.GRANTED, 100, note="welcome")))
    assert await store.write(record(transfer(TransferKind.GRANTED, 5, "org_b")))
    assert await store.write(record(transfer(TransferKind.HELD, 30)))
    ending = [transfer(TransferKind.SETTLED, 20), transfer(TransferKind.RELEASED, 10)]
    assert await store.write(record(*ending))
    assert await store.write(record(transfer(TransferKind.TAKEN_BACK, 40)))
    assert await store.read(lambda: ledger.balance("org_a")) == Balance(available=40, reserved=0, used=20)
    assert await store.read(lambda: ledger.balance("org_b")) == Balance(available=5)
    assert await store.read(lambda: ledger.balance("org_c")) == Balance()
    await store.read(check_books)


async def test_no_account_falls_below_zero(store: Store) -> None:
    """What is not there cannot be held or taken back, and trying changes nothing."""
    await store.write(record(transfer(TransferKind.GRANTED, 10)))
    for kind in (TransferKind.HELD, TransferKind.TAKEN_BACK, TransferKind.TOPPED_UP):
        assert not await store.write(record(transfer(kind, 11)))
        assert not await store.write(record(transfer(kind, 1, "org_b")))
    assert await store.read(lambda: ledger.balance("org_a")) == Balance(available=10)
    assert len(await store.read(lambda: ledger.latest("org_a", 10))) == 1
    await store.read(check_books)


async def test_settling_what_was_not_held_is_undone(store: Store) -> None:
    """A fault of the program: it raises, and neither account has changed."""
    await store.write(record(transfer(TransferKind.GRANTED, 10)))
    with pytest.raises(AssertionError, match="reserved of org_a"):
        await store.write(record(transfer(TransferKind.RELEASED, 1)))
    assert await store.read(lambda: ledger.balance("org_a")) == Balance(available=10)
    await store.read(check_books)


async def test_transfers_come_back_newest_first(store: Store) -> None:
    """Whole, as far as asked, of one organization."""
    moved = [transfer(TransferKind.GRANTED, number, note=f"grant {number}") for number in (1, 2, 3)]
    await store.write(record(*moved))
    await store.write(record(transfer(TransferKind.GRANTED, 9, "org_b")))
    assert await store.read(lambda: ledger.latest("org_a", 10)) == moved[::-1]
    assert await store.read(lambda: ledger.latest("org_a", 1)) == [moved[2]]


async def test_concurrent_transfers_lose_nothing(store: Store) -> None:
    """40 holds at once of an organization with credits for 25: 25 of them, while others are granted and settled."""
    await store.write(record(transfer(TransferKind.GRANTED, 75)))
    held = await asyncio.gather(*(store.write(record(transfer(TransferKind.HELD, 3))) for _ in range(40)))
    assert held.count(True) == 25
    mixed = [TransferKind.SETTLED, TransferKind.RELEASED, TransferKind.GRANTED] * 8
    assert all(await asyncio.gather(*(store.write(record(transfer(kind, 3))) for kind in mixed)))
    assert await store.read(lambda: ledger.balance("org_a")) == Balance(available=48, reserved=27, used=24)
    await store.read(check_books)
