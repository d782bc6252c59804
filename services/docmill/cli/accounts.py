"""`docmill orgs` and `docmill keys`: the operator's commands. They work on the data itself, also of a running system."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from cyclopts import App, Parameter

from docmill.cli.failures import UsageError
from docmill.cli.installation import installation
from docmill.cli.options import OPERATION, AsJson, Data
from docmill.cli.output import Styled, json_line, local, printable, table, utc

if TYPE_CHECKING:
    from docmill.domain.models import ApiKey, Organization

orgs = App(name="orgs", group=OPERATION, help="Create and list organizations, and choose their plans.")
keys = App(name="keys", group=OPERATION, help="Create, list and revoke API keys.")

S = TypeVar("S", bound=StrEnum)

SHORT_SCOPES = "flows:execute,executions:read,batch:execute,batch:read,batch:cancel"

ALL_SCOPES = (
    "flows:read,flows:write,flows:execute,executions:read,executions:cancel,batch:execute,batch:read,batch:cancel"
)


@orgs.command(name="create")
async def create_organization(name: str, /, *, plan: str, data: Data = None, json: AsJson = False) -> None:
    """Create an organization.

    Args:
        name: Its name, for people.
        plan: Its plan; an unknown one is answered with the list.
    """
    async with installation(data) as operator:
        created = await operator.create_organization(name, plan)
        secret = await operator.webhook_secret(created.id) if created.webhook_secret else ""
    if json:
        json_line(_organization_json(created) | ({"webhook_secret": secret} if secret else {}))
        return
    print(f"created {created.id} ({printable(created.name)}, {created.plan_id})")
    if secret:
        print(f"the secret of its webhooks: {secret}")


@orgs.command(name="list")
async def list_organizations(*, data: Data = None, json: AsJson = False) -> None:
    """List the organizations, oldest first."""
    async with installation(data) as operator:
        found = await operator.list_organizations()
    if json:
        for organization in found:
            json_line(_organization_json(organization))
        return
    rows = [(item.id, item.name, item.plan_id, local(item.created_at)) for item in found]
    table(["ORGANIZATION", "NAME", "PLAN", "CREATED"], rows, nothing="There are no organizations.")


@orgs.command(name="set-plan")
async def set_plan(org: str, /, *, plan: str, data: Data = None, json: AsJson = False) -> None:
    """Put an organization on another plan, from its next call on.

    Args:
        org: Id of the organization.
        plan: Its plan; an unknown one is answered with the list.
    """
    async with installation(data) as operator:
        changed = await operator.set_plan(org, plan)
    if json:
        json_line(_organization_json(changed))
    else:
        print(f"{changed.id} ({printable(changed.name)}) is on {changed.plan_id}")


@keys.command(name="create")
async def create_key(
    *,
    org: str,
    mode: Literal["live", "test", "af"] = "test",
    scopes: str = "",
    expires: str = "",
    name: str = "",
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Create an API key. It is shown once and cannot be shown again.

    Args:
        org: Id of the organization.
        mode: Live runs are billed, test runs are free; neither sees the other's. `af` is live, with a key for the
            surface under `/v1`.
        scopes: What the key may do, separated by commas; when not given, everything but `admin`, which lets it manage
            its organization's keys, or what the surface under `/v1` needs.
        expires: When it stops working (ISO 8601, local time unless it says otherwise); never when not given.
        name: What it is for.
    """
    from docmill.domain.models import Mode, Scope  # noqa: PLC0415 - loads in operator commands only

    short = mode == "af"
    scopes = scopes or (SHORT_SCOPES if short else ALL_SCOPES)
    wanted = frozenset(_member(Scope, scope) for scope in scopes.replace(" ", "").split(","))
    expires_at = _time(expires) if expires else None
    async with installation(data) as operator:
        created, secret = await operator.create_key(
            org, Mode.LIVE if short else Mode(mode), name, wanted, expires_at, short=short
        )
    if json:
        json_line(_key_json(created) | {"key": secret})
    else:
        print(f"created {created.id}; the key, shown this once:")
        print(secret)


@keys.command(name="list")
async def list_keys(*, org: str = "", data: Data = None, json: AsJson = False) -> None:
    """List API keys, without the keys themselves.

    Args:
        org: Only those of this organization.
    """
    async with installation(data) as operator:
        found = await operator.list_keys(org or None)
    if json:
        for key in found:
            json_line(_key_json(key))
        return
    rows = [
        (
            *(key.id, key.org_id, key.mode, f"...{key.last4}", key.name, _scopes(key), _state(key)),
            local(key.last_used_at)[:-3],  # to the minute
        )
        for key in found
    ]
    columns = ["KEY", "ORGANIZATION", "MODE", "ENDS IN", "NAME", "SCOPES", "STATE", "LAST USED"]
    table(columns, rows, nothing="There are no keys.")


@keys.command(name="revoke")
async def revoke_key(
    key: Annotated[str, Parameter(help="Id of the key.")], /, *, data: Data = None, json: AsJson = False
) -> None:
    """Revoke an API key: it is refused from now on."""
    async with installation(data) as operator:
        revoked = await operator.revoke_key(key)
    if json:
        json_line(_key_json(revoked))
    else:
        print(f"revoked {revoked.id}")


def _organization_json(organization: "Organization") -> dict[str, Any]:
    return {
        "id": organization.id,
        "name": organization.name,
        "plan": organization.plan_id,
        "createdAt": utc(organization.created_at),
    }


def _key_json(key: "ApiKey") -> dict[str, Any]:
    return {
        "id": key.id,
        "org": key.org_id,
        "mode": key.mode.value,
        "name": key.name,
        "last4": key.last4,
        "scopes": sorted(key.scopes),
        "createdAt": utc(key.created_at),
        "expiresAt": utc(key.expires_at),
        "revokedAt": utc(key.revoked_at),
        "lastUsedAt": utc(key.last_used_at),
    }


def _scopes(key: "ApiKey") -> str:
    usual = set(ALL_SCOPES.split(","))
    if not key.scopes >= usual:
        return " ".join(sorted(key.scopes))
    return " ".join(["all", *sorted(key.scopes - usual)])


def _state(key: "ApiKey") -> Styled:
    if key.revoked_at is not None:
        return Styled(f"revoked {local(key.revoked_at)}", "red")
    if key.expires_at is None:
        return Styled("valid", "green")
    if key.expires_at <= datetime.now(UTC):
        return Styled(f"expired {local(key.expires_at)}", "red")
    return Styled(f"valid until {local(key.expires_at)}", "green")


def _member(kind: type[S], value: str) -> S:
    try:
        return kind(value)
    except ValueError:
        raise UsageError(f"there is no {kind.__name__.lower()} {value!r}; there are {', '.join(kind)}") from None


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise UsageError(f"{text!r} is no time as in ISO 8601, e.g. 2027-01-31T18:00") from None
