"""When keys were used last: noted beside the calls, written a little later, once a minute at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from docmill.domain.errors import Unauthenticated
from docmill.domain.models import ApiKey, Mode, Scope
from docmill.engine import last_use
from docmill.engine.last_use import LastUse
from docmill.engine.operate import Operator
from docmill.store import Store, accounts
from tests.fixtures.engine import QUICK, Bench, serving

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def key(number: int = 1, last_used_at: datetime | None = None) -> ApiKey:
    """A key."""
    return ApiKey(
        id=f"key_{number}",
        org_id="org_1",
        mode=Mode.TEST,
        name="",
        sha256="",
        last4="",
        scopes=frozenset(),
        created_at=NOON,
        last_used_at=last_used_at,
    )


async def new_key(store: Store) -> tuple[str, str]:
    """Id and text of a key of the default organization."""
    operator = Operator(store)
    organization = await operator.default_organization()
    made, secret = await operator.create_key(organization.id, Mode.TEST, "", frozenset(Scope))
    return made.id, secret


async def last_used(store: Store, key_id: str) -> datetime | None:
    """What the record says."""
    found = await store.read(lambda: accounts.get_key(key_id))
    assert found is not None
    return found.last_used_at


async def test_a_use_is_in_the_record_when_the_engine_has_ended(store: Store) -> None:
    """To the minute; what was noted last is written on the way out. A key that is never used has none."""
    used_id, secret = await new_key(store)
    idle_id, _ = await new_key(store)
    async with serving(store, QUICK) as bench:
        before = datetime.now(UTC)
        await bench.engine.authenticate(secret)
        after = datetime.now(UTC)
    found = await last_used(store, used_id)
    assert found in {moment.replace(second=0, microsecond=0) for moment in (before, after)}
    assert await last_used(store, idle_id) is None


async def test_a_key_is_written_once_a_minute(bench: Bench) -> None:
    """The second use in a minute finds the first one in the record and leaves nothing to write."""
    ctx = bench.engine.ctx
    key_id, secret = await new_key(ctx.store)
    await bench.engine.authenticate(secret)
    await last_use.write(ctx)
    written = await last_used(ctx.store, key_id)
    await bench.engine.authenticate(secret)
    left = ctx.last_use.take()
    assert all(at > written for at in left.values())  # only if a new minute began in between


async def test_a_refused_key_was_not_used(bench: Bench) -> None:
    """Revoked keys that somebody still tries do not look alive."""
    ctx = bench.engine.ctx
    key_id, secret = await new_key(ctx.store)
    await Operator(ctx.store).revoke_key(key_id)
    with pytest.raises(Unauthenticated):
        await bench.engine.authenticate(secret)
    assert ctx.last_use.take() == {}


async def test_uses_wait_while_the_record_is_away(bench: Bench) -> None:
    """They stay noted, and a later one wins over them."""
    ctx = bench.engine.ctx
    ctx.last_use.note(key(), NOON)
    await ctx.store.aclose()
    await last_use.write(ctx)
    ctx.last_use.note(key(), NOON + timedelta(minutes=1))
    ctx.last_use.note(key(2), NOON)
    assert ctx.last_use.take() == {"key_1": NOON + timedelta(minutes=1), "key_2": NOON}


def test_uses_are_noted_to_the_minute() -> None:
    """A key whose record has this minute, or a later one of another process, is not noted."""
    uses = LastUse()
    uses.note(key(), NOON + timedelta(seconds=59, microseconds=5))
    uses.note(key(2, last_used_at=NOON), NOON + timedelta(seconds=30))
    uses.note(key(3, last_used_at=NOON + timedelta(minutes=1)), NOON)
    uses.note(key(4, last_used_at=NOON - timedelta(minutes=1)), NOON)
    assert uses.take() == {"key_1": NOON, "key_4": NOON}
    assert uses.take() == {}


def test_a_flood_of_keys_is_bounded() -> None:
    """Beyond a number of keys further ones wait for their next use; those that are noted go on."""
    uses = LastUse()
    for number in range(20_000):
        uses.note(key(number), NOON)
    uses.note(key(0), NOON + timedelta(minutes=1))
    taken = uses.take()
    assert len(taken) == 10_000
    assert taken["key_0"] == NOON + timedelta(minutes=1)
