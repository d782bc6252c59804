"""Statements about organizations and their API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.domain.models import ApiKey, Mode, Organization, Scope
from docmill.domain.rates import Window
from docmill.store import Many, Op, Row, Statement
from docmill.store._codec import micros, moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_ORGANIZATION = "id, name, plan_id, created_at, webhook_secret"
_KEY = "id, org_id, mode, name, sha256, last4, scopes, created_at, expires_at, revoked_at, last_used_at"
_IDENTIFY = (
    f"SELECT {', '.join(f'api_keys.{column}' for column in _KEY.split(', '))}, organizations.plan_id, "  # noqa: S608 - constant columns
    "together.started_at, together.calls, alone.started_at, alone.calls "
    "FROM api_keys JOIN organizations ON organizations.id = api_keys.org_id "
    "LEFT JOIN rate_windows AS together ON together.org_id = api_keys.org_id AND together.mode = api_keys.mode "
    "LEFT JOIN rate_windows AS alone ON alone.org_id = api_keys.id AND alone.mode = api_keys.mode "
    "WHERE api_keys.sha256 = $1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A key, and what must be known of its organization at every call."""

    key: ApiKey
    plan_id: str
    window: Window | None
    """Calls of the organization and mode counted last."""
    key_window: Window | None = None
    """Calls of the key alone counted last."""


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


def set_plan(org_id: str, plan_id: str) -> Op[Organization | None]:
    """Put an organization on a plan; None if it is unknown."""
    rows = yield Statement(
        f"UPDATE organizations SET plan_id = $2 WHERE id = $1 RETURNING {_ORGANIZATION}",  # noqa: S608 - as above
        (org_id, plan_id),
    )
    return _organization(rows[0]) if rows else None


def plans_in_use() -> Op[Sequence[str]]:
    """Ids of the plans that organizations are on."""
    rows = yield Statement("SELECT DISTINCT plan_id FROM organizations ORDER BY plan_id")
    return [row[0] for row in rows]


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


def get_key(key_id: str) -> Op[ApiKey | None]:
    """The key, whoever owns it."""
    rows = yield Statement(f"SELECT {_KEY} FROM api_keys WHERE id = $1", (key_id,))  # noqa: S608 - as above
    return _key(rows[0]) if rows else None


def identify(sha256: str) -> Op[Identity | None]:
    """The key with this digest and its organization, in one statement: every call waits for it."""
    rows = yield Statement(_IDENTIFY, (sha256,))
    if not rows:
        return None
    *key, plan_id, started_at, calls, key_started_at, key_calls = rows[0]
    return Identity(
        key=_key(key),
        plan_id=plan_id,
        window=_window(started_at, calls),
        key_window=_window(key_started_at, key_calls),
    )


def _window(started_at: int | None, calls: int) -> Window | None:
    return None if started_at is None else Window(started_at=moment(started_at), calls=calls)


def list_keys(org_id: str, limit: int = 1000) -> Op[Sequence[ApiKey]]:
    """The oldest `limit` keys of an organization, oldest first, revoked ones too."""
    rows = yield Statement(
        f"SELECT {_KEY} FROM api_keys WHERE org_id = $1 ORDER BY created_at, id LIMIT $2",  # noqa: S608 - as above
        (org_id, limit),
    )
    return [_key(row) for row in rows]


def find_keys(org_id: str, mode: Mode, after: tuple[datetime, str] | None, limit: int) -> Op[Sequence[ApiKey]]:
    """At most `limit` keys of an organization and mode, oldest first, behind the one of that creation time and id."""
    behind = "" if after is None else "AND (created_at, id) > ($4, $5) "
    position = () if after is None else (micros(after[0]), after[1])
    rows = yield Statement(
        f"SELECT {_KEY} FROM api_keys WHERE org_id = $1 AND mode = $2 {behind}ORDER BY created_at, id LIMIT $3",  # noqa: S608 - as above
        (org_id, mode.value, limit, *position),
    )
    return [_key(row) for row in rows]


def count_keys(org_id: str, mode: Mode) -> Op[int]:
    """How many keys an organization has in a mode, revoked ones too."""
    rows = yield Statement("SELECT count(*) FROM api_keys WHERE org_id = $1 AND mode = $2", (org_id, mode.value))
    return int(rows[0][0])


def keys_used(uses: Mapping[str, datetime]) -> Op[None]:
    """Note when keys were used last; an earlier use than the one noted changes nothing."""
    yield Many(
        "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        [(key_id, micros(at)) for key_id, at in sorted(uses.items())],  # in order: two processes never wait crosswise
    )


def revoke_key(key_id: str, at: datetime, owner: tuple[str, Mode] | None = None) -> Op[ApiKey | None]:
    """Make a key worthless from `at` on; one that already is keeps its time.

    The key as it now is; None if there is none, or none of `owner` (an organization and a mode) where that is given.
    """
    its_own = "" if owner is None else " AND org_id = $3 AND mode = $4"
    who = () if owner is None else (owner[0], owner[1].value)
    rows = yield Statement(
        f"UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1{its_own} RETURNING {_KEY}",  # noqa: S608 - as above
        (key_id, micros(at), *who),
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
