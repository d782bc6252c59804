"""Statements about organizations and their API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.domain.models import ApiKey, Mode, Organization, Scope
from docmill.store import Op, Row, Statement
from docmill.store._codec import micros, moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_ORGANIZATION = "id, name, plan_id, created_at, webhook_secret"
_KEY = "id, org_id, mode, name, sha256, last4, scopes, created_at, expires_at, revoked_at, last_used_at"


def create_organization(organization: Organization) -> Op[None]:
    """Record a new organization."""
    yield Statement(
        f"INSERT INTO organizations ({_ORGANIZATION}) VALUES ($1, $2, $3, $4, $5)",  # noqa: S608 - constant columns
        (
            organization.id,
            organization.name,
            organization.plan_id,
            micros(organization.created_at),
            organization.webhook_secret,
        ),
    )


def get_organization(org_id: str) -> Op[Organization | None]:
    """The organization, or None."""
    rows = yield Statement(f"SELECT {_ORGANIZATION} FROM organizations WHERE id = $1", (org_id,))  # noqa: S608 - as above
    return _organization(rows[0]) if rows else None


def list_organizations(limit: int = 1000) -> Op[Sequence[Organization]]:
    """The oldest `limit` organizations, oldest first."""
    rows = yield Statement(
        f"SELECT {_ORGANIZATION} FROM organizations ORDER BY created_at, id LIMIT $1",  # noqa: S608 - as above
        (limit,),
    )
    return [_organization(row) for row in rows]


def set_webhook_secret(org_id: str, secret: str, *, only_if_none: bool = False) -> Op[bool]:
    """Change the encrypted key of an organization's webhooks; False if that changed nothing."""
    if_none = " AND webhook_secret = ''" if only_if_none else ""
    rows = yield Statement(
        f"UPDATE organizations SET webhook_secret = $2 WHERE id = $1{if_none} RETURNING id",  # noqa: S608 - constants
        (org_id, secret),
    )
    return bool(rows)


def create_key(key: ApiKey) -> Op[None]:
    """Record a new key of an organization that exists."""
    yield Statement(
        f"INSERT INTO api_keys ({_KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",  # noqa: S608 - as above
        (
            key.id,
            key.org_id,
            key.mode.value,
            key.name,
            key.sha256,
            key.last4,
            " ".join(sorted(scope.value for scope in key.scopes)),
            micros(key.created_at),
            micros(key.expires_at),
            micros(key.revoked_at),
            micros(key.last_used_at),
        ),
    )


def find_key(sha256: str) -> Op[ApiKey | None]:
    """The key with this digest (lower-case hex of the whole key), also an expired or revoked one, or None."""
    rows = yield Statement(f"SELECT {_KEY} FROM api_keys WHERE sha256 = $1", (sha256,))  # noqa: S608 - as above
    return _key(rows[0]) if rows else None


def list_keys(org_id: str, limit: int = 1000) -> Op[Sequence[ApiKey]]:
    """The oldest `limit` keys of an organization, oldest first, revoked ones too."""
    rows = yield Statement(
        f"SELECT {_KEY} FROM api_keys WHERE org_id = $1 ORDER BY created_at, id LIMIT $2",  # noqa: S608 - as above
        (org_id, limit),
    )
    return [_key(row) for row in rows]


def revoke_key(key_id: str, at: datetime) -> Op[ApiKey | None]:
    """Make a key worthless from `at` on; one that already is keeps its time. The key as it now is; None if unknown."""
    rows = yield Statement(
        f"UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING {_KEY}",  # noqa: S608 - as above
        (key_id, micros(at)),
    )
    return _key(rows[0]) if rows else None


def _organization(row: Row) -> Organization:
    return Organization(id=row[0], name=row[1], plan_id=row[2], created_at=moment(row[3]), webhook_secret=row[4])


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=row[0],
        org_id=row[1],
        mode=Mode(row[2]),
        name=row[3],
        sha256=row[4],
        last4=row[5],
        scopes=frozenset(Scope(name) for name in row[6].split()),
        created_at=moment(row[7]),
        expires_at=moment(row[8]),
        revoked_at=moment(row[9]),
        last_used_at=moment(row[10]),
    )
