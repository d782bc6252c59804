"""Organizations and keys, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from docmill.domain.models import ApiKey, Mode, Organization, Scope
from docmill.store import accounts

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
