"""Organizations and keys, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from docmill.domain.models import ApiKey, Mode, Organization, Scope
from docmill.store import accounts, rates
from docmill.store.accounts import Identity

if TYPE_CHECKING:
    from docmill.store import Store

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
ACME = Organization(id="org_acme", name="Ácme 株式会社", plan_id="free", created_at=NOW)
OTHER = Organization(id="org_other", name="Other", plan_id="pro", created_at=NOW + timedelta(microseconds=1))


def key(number: int, org: Organization = ACME, **changes: object) -> ApiKey:
    """Key number `number` of an organization, but for `changes`."""
    values: dict[str, object] = {
        "id": f"key_{number}",
        "org_id": org.id,
        "mode": Mode.LIVE,
        "name": f"key {number}",
        "sha256": f"{number:064x}",
        "last4": f"{number:04}",
        "scopes": frozenset(Scope),
        "created_at": NOW + timedelta(seconds=number),
    }
    return ApiKey(**{**values, **changes})  # type: ignore[arg-type]  # values by name


async def test_organizations_come_back_as_they_were_created(store: Store) -> None:
    """An organization is found by its id, listed in order of creation, and an unknown one is None."""
    await store.write(lambda: accounts.create_organization(OTHER))
    await store.write(lambda: accounts.create_organization(ACME))
    assert await store.read(lambda: accounts.get_organization(ACME.id)) == ACME
    assert await store.read(lambda: accounts.get_organization("org_nobody")) is None
    assert await store.read(accounts.list_organizations) == [ACME, OTHER]
    assert await store.read(lambda: accounts.list_organizations(limit=1)) == [ACME]


async def test_a_key_is_found_by_its_digest(store: Store) -> None:
    """A key comes back whole by its digest, whatever its scopes and times are; an unknown digest is None."""
    full = key(1, mode=Mode.TEST, expires_at=NOW + timedelta(days=30), revoked_at=NOW + timedelta(days=1))
    bare = key(2, scopes=frozenset(), name="")
    await store.write(lambda: accounts.create_organization(ACME))
    await store.write(lambda: accounts.create_key(full))
    await store.write(lambda: accounts.create_key(bare))
    assert await store.read(lambda: accounts.find_key(full.sha256)) == full
    assert await store.read(lambda: accounts.find_key(bare.sha256)) == bare
    assert await store.read(lambda: accounts.find_key("0" * 64)) is None


async def test_keys_are_listed_for_their_organization_only(store: Store) -> None:
    """A list of keys holds one organization's keys, oldest first."""
    await store.write(lambda: accounts.create_organization(ACME))
    await store.write(lambda: accounts.create_organization(OTHER))
    for one in (key(3), key(1), key(2, OTHER)):
        await store.write(lambda one=one: accounts.create_key(one))
    assert await store.read(lambda: accounts.list_keys(ACME.id)) == [key(1), key(3)]
    assert await store.read(lambda: accounts.list_keys(ACME.id, limit=1)) == [key(1)]


async def test_revoking_twice_keeps_the_first_time(store: Store) -> None:
    """A revoked key stays revoked since the first revocation, and an unknown key is None."""
    await store.write(lambda: accounts.create_organization(ACME))
    await store.write(lambda: accounts.create_key(key(1)))
    first = await store.write(lambda: accounts.revoke_key("key_1", NOW))
    second = await store.write(lambda: accounts.revoke_key("key_1", NOW + timedelta(days=1)))
    assert first == second == key(1, revoked_at=NOW)
    assert await store.read(lambda: accounts.find_key(key(1).sha256)) == first
    assert await store.write(lambda: accounts.revoke_key("key_9", NOW)) is None


async def test_two_keys_cannot_share_a_digest(store: Store) -> None:
    """The database refuses a second key with the same digest, and a key of no organization."""
    await store.write(lambda: accounts.create_organization(ACME))
    await store.write(lambda: accounts.create_key(key(1)))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.write(lambda: accounts.create_key(key(2, sha256=key(1).sha256)))
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await store.write(lambda: accounts.create_key(key(3, OTHER)))
    assert await store.read(lambda: accounts.list_keys(ACME.id)) == [key(1)]


async def test_a_call_is_identified_by_one_statement(store: Store) -> None:
    """A key comes with its organization's plan and with the calls counted for its organization and mode."""
    live, test = key(1, revoked_at=NOW), key(2, mode=Mode.TEST)
    await store.write(lambda: accounts.create_organization(ACME))
    for one in (live, test):
        await store.write(lambda one=one: accounts.create_key(one))
    window = await store.write(lambda: rates.count(ACME.id, Mode.TEST, NOW))
    assert await store.read(lambda: accounts.identify(live.sha256)) == Identity(key=live, plan_id="free", window=None)
    assert await store.read(lambda: accounts.identify(test.sha256)) == Identity(key=test, plan_id="free", window=window)
    assert await store.read(lambda: accounts.identify("0" * 64)) is None


async def test_an_organization_changes_its_plan(store: Store) -> None:
    """Its other facts stay, and an unknown one is None."""
    await store.write(lambda: accounts.create_organization(ACME))
    assert await store.write(lambda: accounts.set_plan(ACME.id, "pro")) == replace(ACME, plan_id="pro")
    assert await store.read(lambda: accounts.get_organization(ACME.id)) == replace(ACME, plan_id="pro")
    assert await store.write(lambda: accounts.set_plan("org_nobody", "pro")) is None


async def test_keys_of_a_mode_are_listed_part_by_part(store: Store) -> None:
    """Oldest first, each part behind the last key of the one before, also where two were made in the same moment."""
    await store.write(lambda: accounts.create_organization(ACME))
    await store.write(lambda: accounts.create_organization(OTHER))
    twins = [key(2, created_at=key(1).created_at), key(3, created_at=key(1).created_at)]
    for one in (key(1), *twins, key(4), key(5, OTHER), key(6, mode=Mode.TEST)):
        await store.write(lambda one=one: accounts.create_key(one))

    async def part(after: ApiKey | None) -> list[ApiKey]:
        position = None if after is None else (after.created_at, after.id)
        return list(await store.read(lambda: accounts.find_keys(ACME.id, Mode.LIVE, position, 2)))

    assert await part(None) == [key(1), twins[0]]
    assert await part(twins[0]) == [twins[1], key(4)]
    assert await part(key(4)) == []
    assert await store.read(lambda: accounts.count_keys(ACME.id, Mode.LIVE)) == 4


async def test_last_uses_go_forward_only(store: Store) -> None:
    """The latest use of each key stays, whichever process writes it first; a key that is gone is nobody's trouble."""
    later = NOW + timedelta(minutes=1)
    await store.write(lambda: accounts.create_organization(ACME))
    for one in (key(1), key(2)):
        await store.write(lambda one=one: accounts.create_key(one))
    await store.write(lambda: accounts.keys_used({"key_1": later, "key_2": NOW, "key_9": NOW}))
    await store.write(lambda: accounts.keys_used({"key_1": NOW, "key_2": later}))
    assert await store.read(lambda: accounts.get_key("key_1")) == key(1, last_used_at=later)
    assert await store.read(lambda: accounts.get_key("key_2")) == key(2, last_used_at=later)
    assert await store.read(lambda: accounts.get_key("key_9")) is None


async def test_an_owner_revokes_its_own_keys_only(store: Store) -> None:
    """A key of another organization or mode stays as it is."""
    await store.write(lambda: accounts.create_organization(ACME))
    await store.write(lambda: accounts.create_key(key(1)))
    for owner in ((OTHER.id, Mode.LIVE), (ACME.id, Mode.TEST)):
        assert await store.write(lambda owner=owner: accounts.revoke_key("key_1", NOW, owner)) is None
    assert await store.read(lambda: accounts.get_key("key_1")) == key(1)
    revoked = await store.write(lambda: accounts.revoke_key("key_1", NOW, (ACME.id, Mode.LIVE)))
    assert revoked == key(1, revoked_at=NOW)
