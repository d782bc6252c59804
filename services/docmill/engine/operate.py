"""What the operator does to the installation itself: organizations and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from docmill.domain.errors import InvalidArgument, NotFound, Reason
from docmill.domain.models import ApiKey, Mode, Organization, Scope
from docmill.domain.plans import Plans
from docmill.engine import ids
from docmill.engine.authenticate import fingerprint, new_key, new_short_key
from docmill.engine.context import utc_now
from docmill.engine.operate_credits import CreditOffice
from docmill.engine.plan_files import builtin_plans
from docmill.engine.vault import Vault, new_signing_secret
from docmill.store import Op, Store, accounts, facts

_DEFAULT = "default_organization"
_NAME_MAX = 200


@dataclass(frozen=True, slots=True)
class Operator:
    """Works on the record directly, beside running services."""

    store: Store
    vault: Vault = field(default_factory=Vault)
    """Keeps the secrets of webhooks."""
    plans: Plans = field(default_factory=builtin_plans)

    @property
    def credits(self) -> CreditOffice:
        """What the operator does about credits."""
        return CreditOffice(self.store)

    async def create_organization(self, name: str, plan_id: str) -> Organization:
        """A new tenant. InvalidArgument for an unknown plan or an empty name."""
        if not name.strip() or len(name) > _NAME_MAX:
            raise InvalidArgument(Reason.FIELD_INVALID, f"A name has 1 to {_NAME_MAX} characters", {"field": "name"})
        self._check_plan(plan_id)
        secret = self.vault.new_secret()
        organization = Organization(
            id=ids.new("org"), name=name, plan_id=plan_id, created_at=utc_now(), webhook_secret=secret
        )
        await self.store.write(lambda: accounts.create_organization(organization))
        return organization

    async def set_plan(self, org_id: str, plan_id: str) -> Organization:
        """Put a tenant on another plan, from its next call on. InvalidArgument for an unknown plan."""
        self._check_plan(plan_id)
        organization = await self.store.write(lambda: accounts.set_plan(org_id, plan_id))
        if organization is None:
            raise NotFound(Reason.ORGANIZATION_NOT_FOUND, f"There is no organization {org_id}", {"field": "org"})
        return organization

    def _check_plan(self, plan_id: str) -> None:
        if plan_id not in self.plans.by_id:
            message = f"There is no plan {plan_id}; there are {', '.join(self.plans.by_id)}"
            raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": "plan"})

    async def list_organizations(self) -> Sequence[Organization]:
        """All tenants, oldest first."""
        return await self.store.read(accounts.list_organizations)

    async def default_organization(self) -> Organization:
        """The organization that a fresh installation has."""
        return await self.store.write(lambda: _default_organization(self.plans.default, self.vault))

    async def webhook_secret(self, org_id: str, *, rotate: bool = False) -> str:
        """The key of the signatures under an organization's webhooks; `rotate` makes another one, which holds from now on.

        An organization older than webhooks gets one. InvalidArgument where the vault has no keys.
        """
        fresh = self.vault.seal(new_signing_secret())

        def op() -> Op[str]:
            yield from accounts.set_webhook_secret(org_id, fresh, only_if_none=not rotate)
            found = yield from accounts.get_organization(org_id)
            if found is None:
                raise NotFound(Reason.ORGANIZATION_NOT_FOUND, f"There is no organization {org_id}", {"field": "org"})
            return found.webhook_secret

        return self.vault.unseal(await self.store.write(op))

    async def create_key(
        self,
        org_id: str,
        mode: Mode,
        name: str,
        scopes: frozenset[Scope],
        expires_at: datetime | None = None,
        *,
        short: bool = False,
    ) -> tuple[ApiKey, str]:
        """A new key's record, and the key itself (`short`: in the form `af_...`), which is never shown again."""
        secret = new_short_key() if short else new_key(org_id, mode)
        return await self.register_key(secret, org_id, mode, name, scopes, expires_at), secret

    async def register_key(
        self,
        secret: str,
        org_id: str,
        mode: Mode,
        name: str,
        scopes: frozenset[Scope],
        expires_at: datetime | None = None,
    ) -> ApiKey:
        """The record of `secret`, as `new_key` made it; the record that is there, if it is."""
        key = ApiKey(
            id=ids.new("key"),
            org_id=org_id,
            mode=mode,
            name=name,
            sha256=fingerprint(secret),
            last4=secret[-4:],
            scopes=scopes,
            created_at=utc_now(),
            expires_at=expires_at,
        )

        def create() -> Op[ApiKey]:
            if (yield from accounts.get_organization(org_id)) is None:
                raise NotFound(Reason.ORGANIZATION_NOT_FOUND, f"There is no organization {org_id}", {"field": "org"})
            known = yield from accounts.find_key(key.sha256)
            if known is not None:
                return known
            yield from accounts.create_key(key)
            return key

        return await self.store.write(create)

    async def list_keys(self, org_id: str | None = None) -> Sequence[ApiKey]:
        """Keys of one organization, or of all."""

        def read() -> Op[list[ApiKey]]:
            owners = [org_id] if org_id else [found.id for found in (yield from accounts.list_organizations())]
            keys: list[ApiKey] = []
            for owner in owners:
                keys.extend((yield from accounts.list_keys(owner)))
            return keys

        return await self.store.read(read)

    async def revoke_key(self, key_id: str) -> ApiKey:
        """The key, refused from now on."""
        revoked = await self.store.write(lambda: accounts.revoke_key(key_id, utc_now()))
        if revoked is None:
            raise NotFound(Reason.KEY_NOT_FOUND, f"There is no key {key_id}", {"field": "key"})
        return revoked


def _default_organization(plan_id: str, vault: Vault) -> Op[Organization]:
    fresh = Organization(
        id=ids.new("org"),
        name="default",
        plan_id=plan_id,
        created_at=utc_now(),
        webhook_secret=vault.new_secret(),
    )
    org_id = yield from facts.put_once(_DEFAULT, fresh.id)
    if org_id == fresh.id:
        yield from accounts.create_organization(fresh)
        return fresh
    found = yield from accounts.get_organization(org_id)
    assert found is not None
    return found
