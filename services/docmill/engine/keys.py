"""The caller's own keys: what the one in hand may do, and others of its organization and mode."""

from __future__ import annotations

from docmill.domain.errors import InvalidArgument, NotFound, PaymentRequired, PermissionDenied, Reason
from docmill.domain.models import ApiKey, Caller, Scope
from docmill.engine import ids, page_tokens
from docmill.engine.authenticate import fingerprint, new_key
from docmill.engine.context import Context
from docmill.engine.requests import KeyRequest, Listing
from docmill.store import Op, accounts


async def check_key(ctx: Context, caller: Caller, scope: str, feature: str = "") -> ApiKey:
    """The caller's key. PermissionDenied when it lacks `scope`, whatever that is; an empty one is not asked for.

    PaymentRequired when its organization's plan lacks `feature`, if that is asked for.
    """
    if scope and scope not in caller.scopes:
        raise _lacks(scope)
    plan = ctx.plans.get(caller.plan_id)
    if feature and not plan.includes(feature):
        message = f"Plan {plan.id} does not include this ({feature}); take another plan"
        raise PaymentRequired(Reason.PLAN_FEATURE_MISSING, message, {"feature": feature, "plan": plan.id})
    found = await ctx.store.read(lambda: accounts.get_key(caller.key_id))
    if found is None:
        raise _unknown(caller.key_id)
    return found


async def list_keys(ctx: Context, caller: Caller, *, limit: int, page_token: str) -> Listing[ApiKey]:
    """Keys of the caller's organization and mode, oldest first, revoked and expired ones too."""
    after = page_tokens.decode_position(page_token) if page_token else None

    def both() -> Op[tuple[list[ApiKey], int]]:
        found = yield from accounts.find_keys(caller.org_id, caller.mode, after, limit + 1)
        total = yield from accounts.count_keys(caller.org_id, caller.mode)
        return list(found), total

    found, total = await ctx.store.read(both)
    items = found[:limit]
    token = page_tokens.encode_position(items[-1].created_at, items[-1].id) if len(found) > limit else ""
    return Listing(items=items, total=total, next_page_token=token)


async def create_key(ctx: Context, caller: Caller, request: KeyRequest) -> tuple[ApiKey, str]:
    """A key's record, and the key itself, which is never shown again.

    PermissionDenied for a scope that the caller lacks, InvalidArgument for one that is none and for a time that is past.
    """
    now = ctx.now()
    scopes = frozenset(_scope(name, number) for number, name in enumerate(request.scopes))
    if lacking := sorted(scopes - caller.scopes):
        raise _lacks(lacking[0])
    if request.expires_at is not None and request.expires_at <= now:
        raise InvalidArgument(Reason.FIELD_INVALID, "expires_at is in the past", {"field": "expires_at"})
    secret = new_key(caller.org_id, caller.mode)
    key = ApiKey(
        id=ids.new("key"),
        org_id=caller.org_id,
        mode=caller.mode,
        name=request.name,
        sha256=fingerprint(secret),
        last4=secret[-4:],
        scopes=scopes,
        created_at=now,
        expires_at=request.expires_at,
    )
    await ctx.store.write(lambda: accounts.create_key(key))
    return key, secret


async def revoke_key(ctx: Context, caller: Caller, key_id: str) -> ApiKey:
    """The key, refused from now on; the caller's own is one like any other. NotFound for anybody else's."""
    owner = (caller.org_id, caller.mode)
    revoked = await ctx.store.write(lambda: accounts.revoke_key(key_id, ctx.now(), owner))
    if revoked is None:
        raise _unknown(key_id)
    return revoked


def _scope(name: str, number: int) -> Scope:
    try:
        return Scope(name)
    except ValueError:
        message = f"There is no scope {name}; there are {', '.join(Scope)}"
        raise InvalidArgument(Reason.FIELD_INVALID, message, {"field": f"scopes[{number}]"}) from None


def _lacks(scope: str) -> PermissionDenied:
    return PermissionDenied(Reason.SCOPE_MISSING, f"The API key lacks the scope {scope}", {"requiredScope": scope})


def _unknown(key_id: str) -> NotFound:
    return NotFound(Reason.KEY_NOT_FOUND, f"There is no key {key_id}", {"field": "key_id"})
